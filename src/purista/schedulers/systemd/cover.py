"""Contract → calendar lines that cover every occurrence. Numbers and zone names only, never the user's text.

systemd knows zones, so a contract's own fields are written in its own zone. What systemd leaves out, or may leave out, where
clocks change (times in the gap, both passes of an overlap) is added as lines in UTC, which has no such days. That calls a few
times for nothing, never too seldom; the gateway drops what is not due.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from math import gcd

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.zone import Transition, transitions, zone_table
from purista.schedulers.systemd.calendar import YEARS, Calendar, Times, times_of
from purista.schedulers.systemd.elapse import elapses

__all__ = ["changes_clocks", "cover", "late_by", "steps"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK = 7 * DAY
BESIDE = 26 * HOUR
"""How long after a change of clocks systemd's own search may still go astray: to the end of the day."""


@lru_cache(maxsize=4096)
def cover(rule: Recurrence, now: int, until: int) -> tuple[str, ...]:
    """The ``OnCalendar=`` lines that cover the rule in ``[now, until)`` (epoch seconds)."""
    expression = rule.expression
    now, until = max(now, rule.start or now), min(until, rule.end or until)
    if isinstance(expression, OneShot):
        return tuple(line.text() for line in _instants([expression.timestamp], every_year=False))
    if isinstance(expression, Interval):
        return tuple(line.text() for line in _grid(expression, _years(rule)))
    lines = [*_cron(expression, rule, now, until)]
    if lines[0].zone != "UTC":
        lines += _corrections(lines, rule, now, until)
    return tuple(line.text() for line in lines)


def changes_clocks(rule: Recurrence, now: int, until: int) -> bool:
    """Whether lines were needed that hold for known changes of clocks only."""
    return isinstance(rule.expression, Cron) and len(cover(rule, now, until)) > len(_days(rule.expression))


def steps(interval: Interval) -> int:
    """The seconds between the calls for an interval: fewer than its own where days do not divide evenly."""
    every = interval.every_seconds
    step = gcd(every, WEEK) if gcd(every, WEEK) > DAY else gcd(every, DAY)
    return MINUTE if step < MINUTE <= every else step


def late_by(rule: Recurrence) -> int:
    """By how many seconds calls come late: intervals that would need a call every few seconds get one a minute."""
    if not isinstance(rule.expression, Interval):
        return 0
    every, offset = rule.expression.every_seconds, rule.expression.offset_seconds
    exact = gcd(every, DAY)
    if exact >= steps(rule.expression):
        return 0
    return max(-(offset + k * exact) % MINUTE for k in range(MINUTE))


def _grid(interval: Interval, years: tuple[int, int] | None) -> Iterable[Calendar]:
    step = steps(interval)
    first = interval.offset_seconds % step
    if step % MINUTE == 0 and gcd(interval.every_seconds, DAY) % MINUTE:
        first = 0  # late by less than a minute
    if step <= DAY:
        for times in times_of(range(first, DAY, step)):
            yield Calendar(times, "UTC", years=years)
        return
    by_day: dict[int, set[int]] = {}
    for second in range(first, WEEK, step):
        by_day.setdefault((second // DAY + 3) % 7, set()).add(second % DAY)  # the epoch was a Thursday
    for weekday, seconds in sorted(by_day.items()):
        for times in times_of(seconds):
            yield Calendar(times, "UTC", weekdays=frozenset({weekday}), years=years)


def _cron(cron: Cron, rule: Recurrence, now: int, until: int) -> Iterable[Calendar]:
    """The contract's own fields. Day or weekday takes two lines, because systemd wants both to match."""
    zone, hours, minutes = rule.timezone, frozenset(cron.hour.values), frozenset(cron.minute.values)
    months = frozenset(cron.month.values)
    all_days = len(cron.day.values) == 31 and len(cron.weekday.values) == 7
    if cron.is_wildcard and len(hours) == 24 and all_days and len(months) == 12:
        shift = _shift_in_the_hour(zone, now, until)
        if shift is not None:  # it follows elapsed time, as UTC does
            minutes = frozenset((minute * MINUTE - shift) % HOUR // MINUTE for minute in minutes)
            zone = "UTC"
    for days, weekdays in _days(cron):
        yield Calendar(Times(hours, minutes), zone, months, days, weekdays, _years(rule))


def _days(cron: Cron) -> list[tuple[frozenset[int], frozenset[int]]]:
    days = frozenset(cron.day.values)
    weekdays = frozenset((value - 1) % 7 for value in cron.weekday.values)
    if not cron.either:
        return [(days, weekdays)]
    if len(days) == 31 or len(weekdays) == 7:
        return [(frozenset(range(1, 32)), frozenset(range(7)))]
    return [(days, frozenset(range(7))), (frozenset(range(1, 32)), weekdays)]


def _shift_in_the_hour(zone: str, now: int, until: int) -> int | None:
    """The offset modulo an hour, if it is always the same and whole minutes."""
    table = zone_table(zone)
    instants = [now, *(change.at for change in transitions(zone, now - DAY, until))]
    shifts = {table.offsets[table.segment(at)] % HOUR for at in instants}
    (shift, *others) = shifts
    return None if others or shift % MINUTE else shift


def _years(rule: Recurrence) -> tuple[int, int] | None:
    """The years of a rule that ends, in any zone; None for one that does not."""
    if rule.end is None:
        return None
    low = YEARS[0] if rule.start is None else datetime.fromtimestamp(rule.start - DAY, UTC).year
    return max(low, YEARS[0]), min(datetime.fromtimestamp(rule.end + DAY, UTC).year, YEARS[1])


def _corrections(lines: list[Calendar], rule: Recurrence, now: int, until: int) -> list[Calendar]:
    """What is due around changes of clocks and is not called for whatever systemd searched for last."""
    needed: set[int] = set()
    for change in transitions(rule.timezone, now - DAY, until):
        needed.update(_around(lines, rule, change, now))
    return _instants(sorted(needed), every_year=True)


def _around(lines: list[Calendar], rule: Recurrence, change: Transition, now: int) -> set[int]:
    if not _touched(lines, change):
        return set()
    shift = abs(change.shift)
    start, end = max(change.at - shift, now - DAY), change.at + shift + BESIDE
    searched = [elapses(line, start - shift, end) for line in lines]
    called = {at for instants, _ in searched for at in instants}
    twice = range(change.at - shift, change.at + shift) if change.shift < 0 else range(0)
    needed = {at for at in rule.timestamps(start, end) if at in twice or at not in called}
    if any(stuck is not None for _, stuck in searched):
        needed.add(change.at)  # a call after which systemd searches anew
    return needed


def _touched(lines: list[Calendar], change: Transition) -> bool:
    """Whether a change of clocks can lead systemd's search astray: some time of a line lies near it, or it lies near midnight,
    which every search passes.
    """
    low, high = sorted((change.at + change.offset_before, change.at + change.offset_after))
    low, high = low - HOUR, high + HOUR
    if low // DAY != high // DAY:
        return True
    day = datetime.fromtimestamp(low, UTC)
    return any(line.on(day) and line.times.within(low % DAY, high % DAY) for line in lines)


def _instants(instants: list[int], *, every_year: bool) -> list[Calendar]:
    """Lines in UTC for single instants. Every year: those of one month at the same times share a line, and where it is always
    the same weekday, the days between belong to it too; so a line for the last Sunday in March holds for all years.
    """
    by_date: dict[datetime, set[int]] = {}
    for at in instants:
        by_date.setdefault(datetime.fromtimestamp(at // DAY * DAY, UTC), set()).add(at % DAY)
    if not every_year:
        return [
            Calendar(times, "UTC", frozenset({day.month}), frozenset({day.day}), years=(day.year, day.year))
            for day, seconds in by_date.items()
            for times in times_of(seconds)
        ]
    groups: dict[tuple[int, frozenset[int]], set[datetime]] = {}
    for day, seconds in by_date.items():
        groups.setdefault((day.month, frozenset(seconds)), set()).add(day)
    found = []
    for (month, moments), dates in sorted(groups.items(), key=lambda group: (group[0][0], min(group[0][1]))):
        days = frozenset(day.day for day in dates)
        weekdays = frozenset(day.weekday() for day in dates)
        if len(weekdays) == 1:
            days = frozenset(range(min(days), max(days) + 1))
        found += [Calendar(times, "UTC", frozenset({month}), days, weekdays) for times in times_of(moments)]
    return found
