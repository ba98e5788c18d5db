"""P116: day of month and day of week both restricted, which in cron means either, not both."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.recurrence import Cron


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        rule = schedule.expression
        if isinstance(rule, Cron) and rule.either:
            message = "day of month and day of week are both restricted: it is due on days that match either, not both"
            fix = "restrict one of them; if you mean both, look at the other in the handler"
            yield Problem("P116", Severity.WARNING, schedule.key, message, fix)


RULE = Rule("P116", "day of month or day of week", _find)
