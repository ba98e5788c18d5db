"""Sets of minutes, hours, days … as the cron text that means exactly them.

Other libraries agree with cron on the numbers only in part: APScheduler's weekday 0 is Monday, and both it and Celery take a
restricted day *and* a restricted weekday as "both must match", where cron means "either".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from purista.errors import InvalidExpression
from purista.importers.base import NotCarried
from purista.recurrence.fields import FIELDS, parse_field

__all__ = ["cron_text", "field_text", "weekday_text"]

FULL = (60, 24, 31, 12, 7)
DAY, WEEKDAY = 2, 4
_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def cron_text(values: Sequence[Collection[int]], texts: Sequence[str] = ("", "", "", "", "")) -> str:
    """Five fields whose values are ``values`` (weekday 0 is Sunday), where day *and* weekday must match.

    ``texts`` are the fields as the source writes them: kept where cron reads them the same way.

    :raises NotCarried: for a day and a weekday that cron cannot join.
    """
    fields = [field_text(index, found, text) for index, (found, text) in enumerate(zip(values, texts, strict=True))]
    if not fields[DAY].startswith("*") and not fields[WEEKDAY].startswith("*"):
        if 1 in values[DAY]:
            fields[DAY] = f"*/100,{fields[DAY]}"  # */100 is the 1st alone; a field that starts with * joins with "and"
        elif 0 in values[WEEKDAY]:
            fields[WEEKDAY] = f"*/100,{fields[WEEKDAY]}"
        else:
            message = (
                f"day {fields[DAY]} and weekday {fields[WEEKDAY]} must both match; cron, like purista, means either"
            )
            raise NotCarried(message, "leave the weekday open and let the handler look at it, or the other way round")
    return " ".join(fields)


def field_text(index: int, values: Collection[int], text: str = "") -> str:
    """One field: ``text`` if cron reads it as ``values``, else the shortest text that it does."""
    wanted = tuple(sorted(values))
    if len(wanted) == FULL[index]:
        return "*"
    if text and _reads(index, text) == wanted:
        return text
    if index == WEEKDAY:
        return weekday_text(wanted)
    low = FIELDS[index].low
    steps = {b - a for a, b in pairwise(wanted)}
    step = steps.pop() if len(steps) == 1 and len(wanted) > 2 else 1
    if step > 1:
        if wanted[0] == low and wanted[-1] + step > low + FULL[index] - 1:
            return f"*/{step}"
        return f"{wanted[0]}-{wanted[-1]}/{step}"
    return ",".join(f"{a}" if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in _runs(wanted))


def weekday_text(values: Collection[int]) -> str:
    """Weekdays (0 is Sunday) by name, from Monday on, because the numbers are what people get wrong."""
    if len(values) == FULL[WEEKDAY]:
        return "*"
    runs = _runs(sorted(day for day in values if day != 0))
    parts = [f"{_NAMES[a]}-{_NAMES[b]}" if b > a + 1 else ",".join(_NAMES[a : b + 1]) for a, b in runs]
    return ",".join([*parts, *(["sun"] if 0 in values else [])])


def _reads(index: int, text: str) -> tuple[int, ...] | None:
    try:
        return parse_field(text, index).values
    except InvalidExpression:
        return None


def _runs(values: Sequence[int]) -> list[tuple[int, int]]:
    """``1 2 3 7`` → ``(1, 3) (7, 7)``."""
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][1] == value - 1:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    return runs
