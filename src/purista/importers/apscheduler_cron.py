"""APScheduler's cron trigger: eight fields, weekday 0 is Monday, and a day and a weekday must both match."""

from __future__ import annotations

from typing import Any

from purista.importers.base import NotCarried
from purista.importers.fields import cron_text
from purista.recurrence import Cron
from purista.recurrence.fields import FIELDS

__all__ = ["read_cron", "weekday_note"]

_ORDER = ("minute", "hour", "day", "month", "day_of_week")
_HIGH = {"minute": 59, "hour": 23, "day": 31, "month": 12, "day_of_week": 6}
_EVERY = {
    "second": ("purista's cron is due at full minutes", "write Interval(timedelta(seconds=…)) if it is every so many seconds"),
    "week": ("cron knows no week of the year", "leave it out and let the handler look at the week"),
    "year": ("cron knows no year", "write start= and end=, or OneShot for a single instant"),
}  # fmt: skip


def read_cron(trigger: Any) -> tuple[Cron, str | None]:
    """The expression, and what is to be said about weekdays that were given as numbers.

    :raises NotCarried: for what cron cannot say.
    """
    fields = {field.name: field for field in trigger.fields}
    for name, (reason, fix) in _EVERY.items():
        text = str(fields[name])
        if text != ("0" if name == "second" else "*"):
            raise NotCarried(f"{name}={text!r}: {reason}", fix)
    values = [_values(fields[name], name) for name in _ORDER]
    values[4] = {(day + 1) % 7 for day in values[4]}
    texts = [str(fields[name]) for name in _ORDER[:4]] + [""]
    weekday = str(fields["day_of_week"])
    cron = Cron(cron_text(values, texts))
    return cron, weekday_note(weekday, cron) if any(c.isdigit() for c in weekday) else None


def weekday_note(text: str, cron: Cron) -> str:
    """The numbers are what people get wrong, here and in crontabs that were copied."""
    return (
        f"day_of_week={text!r} counts from Monday (0) in APScheduler and is {cron.value.split()[4]!r}; cron counts from Sunday,"
        " so a line that was copied from a crontab ran a day late"
    )


def _values(field: Any, name: str) -> set[int]:
    found: set[int] = set()
    for expression in field.expressions:
        kind = type(expression).__name__
        if kind not in {"AllExpression", "RangeExpression", "MonthRangeExpression", "WeekdayRangeExpression"}:
            message = f"{name}={str(field)!r}: cron has no {'last day' if 'Last' in kind else 'n-th weekday'}"
            raise NotCarried(message, "write a wider day, such as 28-31, and let the handler skip the others")
        found |= set(_range(expression, name))
    return found


def _range(expression: Any, name: str) -> range:
    low = 0 if name == "day_of_week" else FIELDS[_ORDER.index(name)].low
    first = getattr(expression, "first", None)
    last = getattr(expression, "last", None)
    return range(low if first is None else first, (_HIGH[name] if last is None else last) + 1, expression.step or 1)
