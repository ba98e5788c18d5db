"""For schedulers that know whole minutes and five fields: grids for intervals, few lines, and how late they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd

from purista.recurrence import Interval, OneShot, Recurrence
from purista.schedulers.ranges import ranges

__all__ = ["by_hours", "field", "grid", "late_by"]

MINUTE, DAY = 60, 86_400
WEEK = 7 * DAY


def late_by(rule: Recurrence) -> int:
    """By how many seconds calls at full minutes come late."""
    expression = rule.expression
    if isinstance(expression, OneShot):
        return -expression.timestamp % MINUTE
    if not isinstance(expression, Interval):
        return 0
    step = gcd(expression.every_seconds, MINUTE)
    return max(-(expression.offset_seconds + k * step) % MINUTE for k in range(MINUTE // step))


def grid(interval: Interval) -> Iterator[tuple[str, tuple[int, ...], list[int]]]:
    """Weekday field, minutes and hours in UTC at which some occurrence may lie: of a day, or of a week where that is rarer."""
    every = interval.every_seconds
    weekly = gcd(every, WEEK) > DAY
    step = gcd(every, WEEK if weekly else DAY)
    by_day: dict[int | None, set[int]] = {}
    for second in range(interval.offset_seconds % step, WEEK if weekly else DAY, step):
        minute = -(-second // MINUTE) * MINUTE
        weekday = (minute // DAY + 4) % 7 if weekly else None  # the epoch was a Thursday
        by_day.setdefault(weekday, set()).add(minute % DAY // MINUTE)
    for day, minutes in sorted(by_day.items(), key=lambda item: item[0] or 0):
        for inside, hours in by_hours(minutes):
            yield "*" if day is None else str(day), inside, hours


def by_hours(minutes: Iterable[int]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Minutes of a day as few pairs of minutes and hours."""
    hours: dict[int, set[int]] = {}
    for minute in minutes:
        hours.setdefault(minute // 60, set()).add(minute % 60)
    groups: dict[tuple[int, ...], list[int]] = {}
    for hour in sorted(hours):
        groups.setdefault(tuple(sorted(hours[hour])), []).append(hour)
    return sorted(groups.items())


def field(values: Iterable[int], low: int, high: int) -> str:
    """Numbers as ``*``, or as a list of ranges. No steps: to some readers they would be a star."""
    numbers = set(values)
    return "*" if len(numbers) == high - low + 1 else ranges(numbers)
