"""P112: a step larger than its range, which cron takes silently for one value."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.recurrence import Cron


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        rule = schedule.expression
        if not isinstance(rule, Cron):
            continue
        for field in (rule.minute, rule.hour, rule.day, rule.month, rule.weekday):
            for item in field.items:
                if item.start < item.end < item.start + item.step:
                    step = f"the step of {item.text()!r} in the {field.name} field"
                    message = f"{step} is larger than its range: it means {item.start} alone"
                    fix = f"write {item.start} (a field that starts with '*' also counts as unrestricted), or a smaller step"
                    yield Problem("P112", Severity.INFO, schedule.key, message, fix)


RULE = Rule("P112", "step larger than the range", _find)
