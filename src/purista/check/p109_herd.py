"""P109: many schedules due at the same full hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from purista.check.problem import DAY_MS, Problem, Rule, Severity, Subject
from purista.clock import to_iso
from purista.contract.schedule import Schedule
from purista.recurrence import Cron, Interval

HERD = 3  # schedules at one instant
_DAY = DAY_MS // 1000
_WEEK, _YEAR = 7 * _DAY, 366 * _DAY
_FEW = 60  # days of a year


def _find(subject: Subject) -> Iterator[Problem]:
    herds: dict[int, list[Schedule]] = defaultdict(list)
    for schedule in subject.schedules():
        if not schedule.jitter_window_ms and schedule.enabled_by_default:
            for at in _full_hours(schedule, subject.now_ms):
                herds[at].append(schedule)
    worst: dict[str, tuple[int, int, Schedule]] = {}
    for at, herd in sorted(herds.items()):
        for schedule in herd if len(herd) >= HERD else ():
            if len(herd) > worst.get(schedule.key, (0, 0, schedule))[0]:
                worst[schedule.key] = (len(herd), at, schedule)
    for key, (size, at, schedule) in worst.items():
        message = f"one of {size} schedules due at {to_iso(at * 1000)}; the full hour is when everybody comes"
        yield Problem("P109", Severity.WARNING, key, message, _fix(schedule))


def _fix(schedule: Schedule) -> str:
    minute = f"minute {_minute(schedule)}"
    if isinstance(schedule.expression, Interval):
        minute = f"offset=timedelta(minutes={_minute(schedule)})"
    return f"write {minute}, say, or jitter_window=…: then calls are spread"


def _full_hours(schedule: Schedule, now_ms: int) -> list[int]:
    """The full hours (of its own zone) at which it is due; rules that are due every few minutes are left out.

    What is due on a few days is looked at for a year; what is due more often for a week, and around a turn of the year, where
    it meets the others. So the answer does not depend on the day on which it is asked.
    """
    rule, recurrence = schedule.expression, schedule.recurrence()
    now = now_ms // 1000
    if isinstance(rule, Cron) and set(rule.minute.values) != {0}:
        return []
    if not isinstance(rule, Cron) and (recurrence.shortest_gap or 3600) < 3600:
        return []
    turn = int(datetime(datetime.fromtimestamp(now, UTC).year + 1, 1, 1, tzinfo=UTC).timestamp())
    windows = [(now, now + _YEAR)] if _is_rare(schedule) else [(now, now + _WEEK), (turn - _DAY, turn + _WEEK)]
    found = {at for window in windows for at in recurrence.timestamps(*window)}
    return sorted(found if isinstance(rule, Cron) else (at for at in found if at % 3600 == 0))


def _is_rare(schedule: Schedule) -> bool:
    rule = schedule.expression
    if isinstance(rule, Cron):
        days, months = len(rule.day.values), len(rule.month.values)
        return not rule.either and (days * months <= _FEW or len(rule.weekday.values) == 1)
    return not isinstance(rule, Interval) or rule.every_seconds >= _YEAR // _FEW


def _minute(schedule: Schedule) -> int:
    """A minute that is the schedule's own and the same on every day: 1 to 59."""
    return 1 + int.from_bytes(sha256(schedule.key.encode()).digest()[:4], "big") % 59


RULE = Rule("P109", "herd at the full hour", _find)
