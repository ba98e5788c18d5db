"""Contract → jobs' ``schedule`` with ``timeZone`` that cover every occurrence. Numbers only, never the user's text.

A contract's own fields are written in its own zone. What Cloud Scheduler may leave out where clocks change has a job in UTC,
which has no such days; so has what follows elapsed time (every hour, every quarter of it). A job costs money and counts against
a quota, a call costs next to nothing: calls of several times share a job, at the price of some between that are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import gcd

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.zone import transitions, zone_table
from purista.schedulers.gcp.fields import ALL, Fields, firings
from purista.schedulers.gcp.fields import UTC as UTC_ZONE
from purista.schedulers.minutes import late_by

__all__ = ["Line", "Uncoverable", "cover", "late_by", "movable"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK = 7 * DAY
FREE_CALLS = 3_000
"""A job for itself is not worth so many calls a year."""
FACTOR = 4
"""Nor are so many times the calls that are needed."""
UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "Etc/Zulu", "UCT", "Zulu", "Etc/GMT", "GMT"})


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One job's schedule. ``repairs``: it stands for what the other job may leave out where clocks change."""

    schedule: str
    zone: str
    repairs: bool = False


class Uncoverable(Exception):
    """Cloud Scheduler cannot call this often enough."""


@lru_cache(maxsize=4096)
def cover(rule: Recurrence, now: int, until: int, later: int = 0) -> tuple[Line, ...]:
    """The lines that cover the rule in ``[now, until)`` (epoch seconds), each call ``later`` by so many minutes, which are
    :func:`movable`.

    :raises Uncoverable: for distances below a minute.
    """
    expression = rule.expression
    if isinstance(expression, OneShot):
        return _lines(_instants([(-(-expression.timestamp // MINUTE) + later) * MINUTE]))
    if isinstance(expression, Interval):
        return _lines(_joined(_grid(expression, later)))
    now, until = max(now, rule.start or now), min(until, rule.end or until)
    shift = _shift_in_the_hour(rule.timezone, now, until) if _follows_elapsed_time(expression) else None
    if shift is not None:
        minutes = tuple(sorted((minute - shift + later) % 60 for minute in expression.minute.values))
        return _lines([Fields(minutes)])
    line = Line(_fields(expression, later).text(), UTC_ZONE if rule.timezone in UTC_NAMES else rule.timezone)
    needed: set[int] = set()
    for change in transitions(line.zone, now - DAY, until):
        # An occurrence lies in what is shown twice, on either side, or is moved to where the gap ends.
        low, high = max(change.at - abs(change.shift) - HOUR, now - DAY), change.at + abs(change.shift) + MINUTE
        due = {at + later * MINUTE for at in rule.timestamps(low, high)}
        needed |= due.difference(firings(line.schedule, line.zone, low, high + HOUR))
    return (line, *_lines(_joined(_instants(sorted(needed))), repairs=True))


def movable(rule: Recurrence, seconds: int) -> int:
    """By how many whole minutes calls can come later, at most so many seconds: within the hour, so that no day changes."""
    minutes = seconds // MINUTE
    expression = rule.expression
    return min(minutes, 59 - max(expression.minute.values)) if isinstance(expression, Cron) else minutes


def _lines(fields: Iterable[Fields], *, repairs: bool = False) -> tuple[Line, ...]:
    return tuple(Line(one.text(), UTC_ZONE, repairs) for one in fields)


def _joined(found: Iterable[Fields]) -> list[Fields]:
    """As one job where that is cheap enough, else as they are."""
    fields = list(found)
    if not fields:
        return []
    whole: Fields | None = fields[0]
    for other in fields[1:]:
        whole = None if whole is None else whole.joined(other)
    needed = sum(one.a_year for one in fields)
    return [whole] if whole is not None and whole.a_year <= max(FREE_CALLS, FACTOR * needed) else fields


def _follows_elapsed_time(cron: Cron) -> bool:
    """Every hour of every day: a change of clocks moves nothing, as in UTC."""
    sizes = [len(cron.hour.values), len(cron.day.values), len(cron.month.values), len(cron.weekday.values)]
    return cron.is_wildcard and sizes[0] == 24 and sizes[1] == 31 and sizes[2] == 12 and sizes[3] >= 7


def _shift_in_the_hour(zone: str, now: int, until: int) -> int | None:
    """The zone's offset modulo an hour in minutes, if it is always the same and whole."""
    table = zone_table(zone)
    instants = [now, *(change.at for change in transitions(zone, now - DAY, until))]
    found = {table.offsets[table.segment(at)] % HOUR for at in instants}
    return found.pop() // MINUTE if len(found) == 1 and not next(iter(found)) % MINUTE else None


def _fields(cron: Cron, later: int) -> Fields:
    """Where the contract wants day *and* weekday, the one that is rarer covers: two lists would mean either."""
    days, weekdays = tuple(sorted(cron.day.values)), tuple(sorted({value % 7 for value in cron.weekday.values}))
    every_day, every_weekday = days == ALL.days, weekdays == ALL.weekdays
    if cron.day_or_weekday and (every_day or every_weekday):
        days, weekdays = ALL.days, ALL.weekdays
    elif not (cron.day_or_weekday or every_day or every_weekday):
        if len(days) * 7 <= len(weekdays) * 30:
            weekdays = ALL.weekdays
        else:
            days = ALL.days
    return Fields(
        tuple(sorted(minute + later for minute in cron.minute.values)),
        tuple(sorted(cron.hour.values)),
        days,
        tuple(sorted(cron.month.values)),
        weekdays,
    )


def _grid(interval: Interval, later: int) -> Iterable[Fields]:
    """Minutes of a UTC day, or of a week, at which some occurrence may lie."""
    every = interval.every_seconds
    if every < MINUTE:
        raise Uncoverable(
            f"a job calls once a minute at most, this is due every {every} s; write an interval of a minute or more, or use a "
            "scheduler that knows seconds (systemd, Temporal)"
        )
    weekly = gcd(every, WEEK) > DAY
    span = WEEK if weekly else DAY
    step = gcd(every, span)
    hours: dict[tuple[int | None, int], set[int]] = {}
    for second in range((interval.offset_seconds + later * MINUTE) % step, span, step):
        minute = -(-second // MINUTE) * MINUTE
        weekday = (minute // DAY + 4) % 7 if weekly else None  # the epoch was a Thursday
        hours.setdefault((weekday, minute % DAY // HOUR), set()).add(minute % HOUR // MINUTE)
    groups: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
    for (weekday, hour), minutes in sorted(hours.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
        groups.setdefault((weekday, tuple(sorted(minutes))), []).append(hour)
    for (weekday, inside), at in groups.items():
        yield Fields(inside, tuple(at), weekdays=ALL.weekdays if weekday is None else (weekday,))


def _instants(instants: Iterable[int]) -> list[Fields]:
    """Fields in UTC for single instants, every year: jobs have no years. Where those of one month at one time are always the
    same weekday, the days between belong to them too, so that it holds for the years to come.
    """
    groups: dict[tuple[int, int, int], set[datetime]] = {}
    for at in instants:
        day = datetime.fromtimestamp(at, UTC)
        groups.setdefault((day.month, day.hour, day.minute), set()).add(day)
    found = []
    for (month, hour, minute), dates in sorted(groups.items()):
        days = {date.day for date in dates}
        if len({date.weekday() for date in dates}) == 1:
            days = set(range(min(days), max(days) + 1))
        found.append(Fields((minute,), (hour,), tuple(sorted(days)), (month,)))
    return found
