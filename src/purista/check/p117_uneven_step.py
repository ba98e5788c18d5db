"""P117: a step that does not divide its field, so that the last distance is another."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.recurrence import Cron


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        rule = schedule.expression
        if not isinstance(rule, Cron):
            continue
        for field, size, unit in ((rule.minute, 60, "minutes"), (rule.hour, 24, "hours")):
            for item in field.items:
                whole = (item.start, item.end) == (0, size - 1) and item.step < size
                if whole and size % item.step:
                    last = size % item.step
                    step = f"{item.text()!r} in the {field.name} field starts again at 0"
                    message = f"{step}: {item.step}, then {last} {unit} at the end"
                    fix = f"write Interval(timedelta({unit}={item.step})) if it matters, or a step that divides {size}"
                    yield Problem("P117", Severity.INFO, schedule.key, message, fix)


RULE = Rule("P117", "step that does not divide", _find)
