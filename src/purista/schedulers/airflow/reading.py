"""When Airflow's own cron timetables run, followed step by step around changes of clocks.

Sources: ``CronMixin._get_next`` in ``airflow.timetables._cron`` (3.3): the next time is looked for on the clock on the
wall. Where the hour field covers every hour the distance is then added to the instant; else the wall time found is made an
instant: in a gap later by the gap's length, in an overlap in the second pass. ``MultipleCronTriggerTimetable`` takes the
earliest of several."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import Transition, ZoneTable, transitions, zone_table

__all__ = ["BESIDE", "firings"]

BESIDE = 3 * 3_600
"""So long (seconds) before and after a change Airflow is followed step by step; elsewhere every reader of cron agrees."""


def firings(crons: Sequence[str], zone: str, start: int, end: int) -> list[int]:
    """The runs in ``[start, end)`` (epoch seconds) of a timetable with these cron texts."""
    rules = [_plain(text, zone) for text in crons]
    found: set[int] = set()
    at = start
    for change in transitions(zone, start - 2 * BESIDE - 86_400, end + BESIDE + 86_400):
        low, high = _around(change)
        found.update(*(rule.timestamps(at, min(low, end)) for rule in rules))
        found.update(one for one in _walk(crons, zone, low, high) if start <= one < end)
        at = max(at, high)
    found.update(*(rule.timestamps(at, end) for rule in rules))
    return sorted(found)


def _around(change: Transition) -> tuple[int, int]:
    return change.at - abs(change.shift) - BESIDE, change.at + abs(change.shift) + BESIDE


def _walk(crons: Sequence[str], zone: str, low: int, high: int) -> list[int]:
    """From run to run, as the scheduler asks: the timetable is told the last run and says the next."""
    table = zone_table(zone)
    before = [one for text in crons if (one := _plain(text, zone).previous_timestamp(low)) is not None]
    last = max(before, default=low - 1)
    found: list[int] = []
    while True:
        following = [one for text in crons if (one := _next(text, table, last)) is not None]
        if not following or (last := min(following)) >= high:
            return found
        if last >= low:
            found.append(last)


def _next(text: str, table: ZoneTable, last: int) -> int | None:
    wall = last + table.offsets[table.segment(last)]
    label = _plain(text, "UTC").next_timestamp(wall)
    if label is None:
        return None
    return last + label - wall if text.split()[1] == "*" else _instant(table, label)


def _instant(table: ZoneTable, label: int) -> int:
    """The last instant at which clocks on the wall show it; in a gap by the offset before, so later by the gap's length."""
    number = table.segment(label - table.low)
    while number >= 0 and label - table.offsets[number] < table.starts[number]:
        number -= 1
    return label - table.offsets[max(number, 0)]


@lru_cache(maxsize=4096)
def _plain(text: str, zone: str) -> Recurrence:
    return Recurrence(Cron(text), timezone=zone)
