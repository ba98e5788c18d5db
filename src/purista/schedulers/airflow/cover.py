"""Contract → timetables. With purista beside Airflow the contract's own rule; else Airflow's own timetables that cover it.

The latter know zones, so fields are written in the contract's own. What they leave out where clocks change, and what they
would run only if asked at the right moment, has a DAG of its own in UTC, which has no such days. Extra calls are dropped by
the gateway. (``EventsTimetable`` would say it in one list; what ``airflow.sdk`` 3.3 writes of it, its scheduler cannot
read: ``KeyError: '_summary'``.)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.expression import expression_from_dict, expression_to_dict
from purista.recurrence.zone import Transition, transitions
from purista.schedulers.airflow.reading import BESIDE, firings
from purista.schedulers.minutes import by_hours, field, grid, late_by

__all__ = ["Line", "Uncoverable", "contract", "cover", "instants_of", "late_by", "rule_of"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WEEK = 7 * DAY
_EVERY_DAY = "* * *"


@dataclass(frozen=True, slots=True)
class Line:
    """One timetable. ``exact``: its instants are the contract's, where the contract has one then. ``repairs``: it stands
    for what the other line leaves out where clocks change. It calls from ``start`` until before ``end`` (epoch seconds),
    where given."""

    timetable: Mapping[str, Any]
    exact: bool = True
    repairs: bool = False
    start: int | None = None
    end: int | None = None


class Uncoverable(Exception):
    """Airflow's own timetables cannot call this often enough."""


def contract(rule: Recurrence) -> Line:
    """The rule itself, for our own timetable."""
    said = {"expression": expression_to_dict(rule.expression), "timezone": rule.timezone}
    bounds = {name: at for name, at in (("start", rule.start), ("end", rule.end)) if at is not None}
    return Line({"kind": "contract", **said, **bounds})


def rule_of(timetable: Mapping[str, Any]) -> Recurrence:
    """The inverse of :func:`contract`."""
    expression = expression_from_dict(timetable["expression"])
    return Recurrence(expression, timetable["timezone"], start=timetable.get("start"), end=timetable.get("end"))


def instants_of(timetable: Mapping[str, Any], start: int, end: int) -> list[int]:
    """When Airflow makes runs for it, in ``[start, end)`` (epoch seconds)."""
    if timetable["kind"] == "contract":
        return list(rule_of(timetable).timestamps(start, end))
    return firings(timetable["crons"], timetable["zone"], start, end)


@lru_cache(maxsize=4096)
def cover(rule: Recurrence, now: int, until: int) -> tuple[Line, ...]:
    """Airflow's own timetables that cover the rule in ``[now, until)`` (epoch seconds).

    :raises Uncoverable: for distances below a minute.
    """
    expression = rule.expression
    if isinstance(expression, OneShot):
        at = -(-expression.timestamp // MINUTE) * MINUTE
        return (Line(_said(_instants([at])), exact=not late_by(rule), start=at, end=at + MINUTE),)
    begin, over = rule.start, None if rule.end is None else rule.end + late_by(rule)
    if isinstance(expression, Interval):
        return (Line(_said(_grid(expression)), exact=not late_by(rule), start=begin, end=over),)
    crons = list(_crons(expression))
    now, until = max(now, rule.start or now), min(until, rule.end or until)
    needed: set[int] = set()
    for change in transitions(rule.timezone, now - DAY, until):
        needed |= _left_out(crons, rule, change, now)
    main = Line(_said(crons, rule.timezone), start=begin, end=over)
    return (main, Line(_said(_instants(needed)), repairs=True, start=begin, end=over)) if needed else (main,)


def _said(crons: Iterable[str], zone: str = "UTC") -> dict[str, Any]:
    return {"kind": "cron", "crons": list(crons), "zone": zone}


def _crons(cron: Cron) -> Iterable[str]:
    """Numbers only. Where the contract wants day *and* weekday, the rarer one covers: two lists would mean either.

    Every hour of some days only is written as two texts: Airflow would add the distance to the next such day as if clocks
    never changed.
    """
    days, weekdays = set(cron.day.values), {value % 7 for value in cron.weekday.values}
    every_day, every_weekday = len(days) == 31, len(weekdays) == 7
    if cron.day_or_weekday and (every_day or every_weekday):
        days, weekdays = set(range(1, 32)), set(range(7))
    elif not (cron.day_or_weekday or every_day or every_weekday):
        if len(days) * 7 <= len(weekdays) * 30:
            weekdays = set(range(7))
        else:
            days = set(range(1, 32))
    minute, hour = field(cron.minute.values, 0, 59), field(cron.hour.values, 0, 23)
    rest = f"{field(days, 1, 31)} {field(cron.month.values, 1, 12)} {field(weekdays, 0, 6)}"
    hours = ("0-11", "12-23") if hour == "*" and rest != _EVERY_DAY else (hour,)
    return (f"{minute} {part} {rest}" for part in hours)


def _left_out(crons: list[str], rule: Recurrence, change: Transition, now: int) -> set[int]:
    """Occurrences near a change of clocks that need an instant of their own.

    Where wall times are made instants, what comes next depends on when Airflow is asked, so all that lies there is listed once
    something is missing. Where distances are added, what is missing is enough.
    """
    low, high = max(change.at - abs(change.shift) - HOUR, now - DAY), change.at + abs(change.shift) + BESIDE
    due = set(rule.timestamps(low, high))
    missing = due.difference(firings(crons, rule.timezone, low, high))
    return due if missing and crons[0].split()[1] != "*" else missing


def _grid(interval: Interval) -> Iterable[str]:
    """Minutes of a UTC day, or of a week, at which some occurrence may lie."""
    every = interval.every_seconds
    if every < MINUTE:
        raise Uncoverable(
            f"this is due every {every} s, and a file without purista calls once a minute at most; install purista beside "
            "Airflow and leave out standalone=True, or write an interval of a minute or more"
        )
    for weekday, inside, hours in grid(interval):
        yield f"{field(inside, 0, 59)} {field(hours, 0, 23)} * * {weekday}"


def _instants(instants: Iterable[int]) -> Iterable[str]:
    """Texts in UTC for single instants, every year: cron has no years. Where it is always the same weekday, the days between
    belong to it too, so it holds for the years to come.
    """
    dates: dict[tuple[int, int], set[datetime]] = {}
    for at in instants:
        day = datetime.fromtimestamp(at, UTC)
        dates.setdefault((day.month, day.hour * 60 + day.minute), set()).add(day)
    groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for (month, minute), found in sorted(dates.items()):
        days = {one.day for one in found}
        if len({one.weekday() for one in found}) == 1:
            days = set(range(min(days), max(days) + 1))
        groups.setdefault((month, tuple(sorted(days))), []).append(minute)
    for (month, numbers), minutes in sorted(groups.items()):
        for inside, hours in by_hours(minutes):
            yield f"{field(inside, 0, 59)} {field(hours, 0, 23)} {field(numbers, 1, 31)} {month} *"
