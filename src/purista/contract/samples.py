"""Sample occurrences: the instants at which a payload is tried when it is declared, and how close two can be.

What belongs here: where calendars are odd. Fixed instants, so that the same contract is judged the same on every day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from purista.contract.schedule import Schedule
from purista.recurrence import Cron, Interval, Recurrence, transitions

__all__ = ["sample_instants", "smallest_gap"]

_DAY = 86_400
_YEAR = 2026
_ODD = (
    (2027, 1, 1),    # still in week 53 of 2026
    (2028, 2, 29),
    (2028, 12, 31),  # day 366
    (2029, 12, 31),  # already in week 1 of 2030
)  # fmt: skip


def sample_instants(schedule: Schedule) -> list[int]:
    """Some dozen occurrences in ascending order, milliseconds since the epoch; empty if the schedule is never due.

    The first three from a fixed instant, the first of every month, leap days and turns of the year, and the days on
    which the zone changes its clocks. Of a schedule that was over before all of these, its first occurrence.
    """
    rule = schedule.recurrence()
    found = {at for probe in _probes(schedule) if (at := rule.next_timestamp(probe)) is not None}
    if not found:
        first = rule.next_timestamp(-1 if schedule.start_ms is None else schedule.start_ms // 1000 - 1)
        return [] if first is None else [first * 1000]
    latest = min(found)
    for _ in range(2):
        if (following := rule.next_timestamp(latest)) is not None:
            found.add(latest := following)
    for change in rule.special_days(_seconds(_YEAR, 1, 1), _seconds(_YEAR + 1, 1, 1)):
        around = (rule.next_timestamp(change.at - before) for before in (3 * 3600 + 1, 1))
        found.update(at for at in around if at is not None)
    return [at * 1000 for at in sorted(found)]


def _probes(schedule: Schedule) -> Iterator[int]:
    """Epoch seconds, each just before a day worth a look."""
    for month in range(1, 13):
        yield _seconds(_YEAR, month, 1) - 1
    for odd in _ODD:
        yield _seconds(*odd) - 1
    if schedule.start_ms is not None:
        yield schedule.start_ms // 1000 - 1


def _seconds(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def smallest_gap(schedule: Schedule) -> int | None:
    """The shortest time between two occurrences, in seconds; ``None`` for a one-shot and for what is due once in years.

    Looked for in 2026, 2027 and the leap day after, changes of the clocks included. Start and end do not matter.
    """
    rule = schedule.expression
    if isinstance(rule, Interval):
        return rule.every_seconds
    if not isinstance(rule, Cron):
        return None
    times = rule.seconds
    if any(later - earlier == 60 for earlier, later in pairwise(times)):
        return 60
    recurrence = replace(schedule, start_ms=None, end_ms=None).recurrence()
    start, end = _seconds(_YEAR, 1, 1), _seconds(_YEAR + 2, 3, 2)
    dense = len(times) > 24
    windows = _windows(recurrence, start, end) if dense else [(start, end)]
    gaps = [b - a for window in windows for a, b in pairwise(recurrence.timestamps(*window))]
    if dense:
        gaps.append(_DAY - times[-1] + times[0])  # from one day to the next, on days that no window may hold
    return min(gaps, default=None)


def _windows(recurrence: Recurrence, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where to look at rules of many times a day: their first days in every month, and where the clocks change."""
    months = (_seconds(_YEAR + month // 12, month % 12 + 1, 1) for month in range(26))
    for first in sorted({at for month in months if (at := recurrence.next_timestamp(month - 1)) is not None}):
        yield first - _DAY, first + 2 * _DAY
    for change in transitions(recurrence.timezone, start, end):
        yield change.at - _DAY, change.at + _DAY
