"""P114: a contract that is over: its one shot or its end lies in the past."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.clock import to_iso
from purista.recurrence import OneShot


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        if schedule.recurrence().next_timestamp(subject.now_ms // 1000) is None:
            message = f"is never due again after {to_iso(subject.now_ms)}"
            later = "OneShot" if isinstance(schedule.expression, OneShot) else "end"
            yield Problem("P114", Severity.WARNING, schedule.key, message, f"remove it, or write a later {later}")


RULE = Rule("P114", "never due again", _find)
