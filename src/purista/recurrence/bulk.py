"""Aware datetimes in bulk: a ready table of times added to each midnight; only what comes right after a change is looked up."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from purista.recurrence.cron import Cron
from purista.recurrence.cron_days import days_between
from purista.recurrence.cron_zoned import instants_between, is_sparse
from purista.recurrence.zone import ZoneTable

__all__ = ["datetimes_between"]

DAY = 86_400
_fromtimestamp = datetime.fromtimestamp


def datetimes_between(cron: Cron, table: ZoneTable, zone: ZoneInfo, start: int, end: int) -> list[datetime]:
    """All occurrences in ``[start, end)`` (epoch seconds).

    Local times that a clock shows for the first time are what wall-clock arithmetic says (fold 0). Those that come again, and
    what a gap threw together at its end, are at the beginning of a segment and go the slow way.
    """
    if is_sparse(cron):
        return _slow(cron, table, zone, start, end)
    found: list[datetime] = []
    first, last = table.segment(start), table.segment(end - 1)
    for number in range(first, last + 1):
        begin = max(start, table.starts[number])
        finish = min(end, table.starts[number + 1]) if number + 1 < len(table.starts) else end
        offset = table.offsets[number]
        if number:
            quiet = min(finish, max(begin + 1, table.passed[number - 1] - offset))
            found += _slow(cron, table, zone, begin, quiet)
            begin = quiet
        if begin < finish:
            found += _by_wall_clock(cron, table.origin, begin + offset, finish + offset)
    return found


def _by_wall_clock(cron: Cron, origin: datetime, start: int, end: int) -> list[datetime]:
    """The matching local times in ``[start, end)``, none of which a clock shows twice before."""
    times, seconds = _times(cron.hours, cron.minutes), cron.seconds
    days = days_between(cron, start // DAY, (end - 1) // DAY + 1)
    if not days:
        return []
    if len(times) == 1:
        first = origin + times[0]
        found = [first + timedelta(day) for day in days]
    else:
        found = [midnight + time for midnight in [origin + timedelta(day) for day in days] for time in times]
    low = bisect_left(seconds, start - days[0] * DAY)
    high = len(seconds) - bisect_left(seconds, end - days[-1] * DAY)
    return found[low : len(found) - high] if low or high else found


@lru_cache(maxsize=32)
def _times(hours: int, minutes: int) -> list[timedelta]:
    every = [m for m in range(60) if minutes >> m & 1]
    return [timedelta(hours=h, minutes=m) for h in range(24) if hours >> h & 1 for m in every]


def _slow(cron: Cron, table: ZoneTable, zone: ZoneInfo, start: int, end: int) -> list[datetime]:
    return [_fromtimestamp(instant, zone) for instant in instants_between(cron, table, start, end)]
