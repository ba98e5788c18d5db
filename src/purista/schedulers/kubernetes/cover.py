"""Contract → ``spec.schedule`` with ``spec.timeZone`` that cover every occurrence. Numbers only, never the user's text.

Kubernetes knows zones, so a contract's own fields are written in its own zone. What its library leaves out where clocks change
is added as a line in UTC, which has no such days. Both passes of an overlap are called; the gateway drops the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.zone import Transition, transitions, zone_table
from purista.schedulers.kubernetes.robfig import BESIDE, firings, goes_back
from purista.schedulers.minutes import by_hours, field, grid, late_by

__all__ = ["Line", "Uncoverable", "cover", "late_by"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One schedule of a CronJob. ``exact``: its nominal instants are the contract's, where the contract has one then.

    ``repairs``: it stands for what the other line leaves out where clocks change.
    """

    schedule: str
    zone: str
    exact: bool = True
    repairs: bool = False


class Uncoverable(Exception):
    """Kubernetes cannot call this often enough."""


@lru_cache(maxsize=4096)
def cover(rule: Recurrence, now: int, until: int) -> tuple[Line, ...]:
    """The lines that cover the rule in ``[now, until)`` (epoch seconds).

    :raises Uncoverable: for distances below a minute.
    """
    expression = rule.expression
    if isinstance(expression, OneShot):
        at = -(-expression.timestamp // MINUTE) * MINUTE
        return (_instants([at], exact=not late_by(rule))[0],)
    if isinstance(expression, Interval):
        return tuple(_grid(expression, exact=not late_by(rule)))
    line = Line(_fields(expression), rule.timezone)
    now, until = max(now, rule.start or now), min(until, rule.end or until)
    stuck = goes_back(line.schedule, line.zone, now - DAY, until)
    lines = _every_day(expression, rule.timezone, now, until) if stuck else [line]
    needed: set[int] = set()
    for change in transitions(rule.timezone, now - DAY, until):
        needed |= _left_out(lines, rule, change, now)
    return (*lines, *_instants(sorted(needed), repairs=True))


def _fields(cron: Cron) -> str:
    """Where the contract wants day *and* weekday, the one that is rarer covers: two lists would mean either."""
    days, weekdays = set(cron.day.values), {value % 7 for value in cron.weekday.values}
    every_day, every_weekday = len(days) == 31, len(weekdays) == 7
    if cron.day_or_weekday and (every_day or every_weekday):
        days, weekdays = set(range(1, 32)), set(range(7))
    elif not (cron.day_or_weekday or every_day or every_weekday):
        if len(days) * 7 <= len(weekdays) * 30:
            weekdays = set(range(7))
        else:
            days = set(range(1, 32))
    return " ".join((
        field(cron.minute.values, 0, 59), field(cron.hour.values, 0, 23), field(days, 1, 31),
        field(cron.month.values, 1, 12), field(weekdays, 0, 6),
    ))  # fmt: skip


def _every_day(cron: Cron, zone: str, now: int, until: int) -> list[Line]:
    """Where the library would stand still for good: every UTC time that one of the local times can be, on every day."""
    table = zone_table(zone)
    offsets = set(table.offsets[table.segment(now) : table.segment(until) + 1])
    minutes = {-(-(local - offset) // MINUTE) % (DAY // MINUTE) for local in cron.seconds for offset in offsets}
    return [
        Line(f"{field(inside, 0, 59)} {field(hours, 0, 23)} * * *", "Etc/UTC") for inside, hours in by_hours(minutes)
    ]


def _left_out(lines: Iterable[Line], rule: Recurrence, change: Transition, now: int) -> set[int]:
    """Occurrences near a change of clocks that the lines have no Job for."""
    low, high = max(change.at - abs(change.shift) - HOUR, now - DAY), change.at + BESIDE
    due = set(rule.timestamps(low, high))
    for line in lines if due else ():
        due.difference_update(firings(line.schedule, line.zone, low, high))
    return due


def _grid(interval: Interval, *, exact: bool) -> Iterable[Line]:
    """Minutes of a UTC day, or of a week, at which some occurrence may lie."""
    every = interval.every_seconds
    if every < MINUTE:
        raise Uncoverable(
            f"a CronJob calls once a minute at most, this is due every {every} s; write an interval of a minute or more, or "
            "use a scheduler that knows seconds (systemd, Temporal)"
        )
    for weekday, inside, hours in grid(interval):
        yield Line(f"{field(inside, 0, 59)} {field(hours, 0, 23)} * * {weekday}", "Etc/UTC", exact)


def _instants(instants: list[int], *, exact: bool = True, repairs: bool = False) -> list[Line]:
    """Lines in UTC for single instants, every year: CronJobs have no years. Those of one month at one time share a line; where
    it is always the same weekday, the days between belong to it too, so it holds for the years to come.
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
        found.append(Line(f"{minute} {hour} {field(days, 1, 31)} {month} *", "Etc/UTC", exact, repairs))
    return found
