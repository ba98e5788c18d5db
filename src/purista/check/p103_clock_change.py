"""P103: a fixed time that does not exist, or exists twice, on the day the clocks change; a day that a wildcard loses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from purista.check.problem import HORIZON_MS, Problem, Rule, Severity, Subject
from purista.contract.schedule import Schedule
from purista.recurrence import Cron, SpecialDay

_DAY = 86_400


def _find(subject: Subject) -> Iterator[Problem]:
    start, end = subject.now_ms // 1000, (subject.now_ms + HORIZON_MS) // 1000
    for schedule in subject.schedules():
        rule = schedule.expression
        if not isinstance(rule, Cron):
            continue
        days = schedule.recurrence().special_days(start, end)
        yield from _lost(schedule, days) if rule.is_wildcard else _moved(schedule, days)


def _moved(schedule: Schedule, days: list[SpecialDay]) -> Iterator[Problem]:
    """Rules that name hours and minutes. The others follow elapsed time, in both passes."""
    effects: dict[str, list[SpecialDay]] = defaultdict(list)
    for day in days:
        effects[day.effect].append(day)
    for effect, found in effects.items():
        message = f"{effect} ({schedule.timezone}, {', '.join(str(day.date) for day in found)})"
        fix = f"write a time outside {_hours(schedule, found[0])}, or timezone='UTC'"
        yield Problem("P103", Severity.WARNING, schedule.key, message, fix)


def _lost(schedule: Schedule, days: list[SpecialDay]) -> Iterator[Problem]:
    """Days of which a wildcard keeps nothing, because all of its times lie in the gap."""
    rule, lost = schedule.recurrence(), []
    for day in days:
        midnight = int(datetime(day.date.year, day.date.month, day.date.day, tzinfo=rule.zone).timestamp())
        if day.kind == "gap" and not rule.timestamps(midnight, midnight + _DAY - day.shift_seconds):
            lost.append(day)
    if lost:
        dates = ", ".join(str(day.date) for day in lost)
        message = f"not due at all on {dates}: a star follows elapsed time, and all of its times lie in the gap"
        fix = f"write times outside {_hours(schedule, lost[0])} ({schedule.timezone}), or timezone='UTC'"
        yield Problem("P103", Severity.INFO, schedule.key, message, fix)


def _hours(schedule: Schedule, day: SpecialDay) -> str:
    """The local times that the change skips or repeats."""
    after = datetime.fromtimestamp(day.at, schedule.recurrence().zone).replace(tzinfo=None)
    shift = timedelta(seconds=day.shift_seconds)
    low, high = (after - shift, after) if day.kind == "gap" else (after, after + shift)
    return f"{low:%H:%M} to {high:%H:%M}"


RULE = Rule("P103", "fixed time inside a change of the clocks", _find)
