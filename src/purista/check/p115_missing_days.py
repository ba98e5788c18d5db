"""P115: a day that some months do not have, so that they are passed over."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.recurrence import Cron

_LENGTHS = {1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        rule = schedule.expression
        if not isinstance(rule, Cron) or rule.either or not rule.day.restricted:
            continue
        for day in sorted(_alone(rule)):
            short = [month for month in sorted(rule.month.values) if _LENGTHS[month] < day]
            if not short:
                continue
            months = ", ".join(str(month) for month in short)
            leap = " but in leap years" if day == 29 else ""
            message = f"day {day} is not in every month: month {months} is passed over{leap}"
            fix = "write day 28 or earlier, or day 1 of the next month; cron has no last day"
            yield Problem("P115", Severity.INFO, schedule.key, message, fix)


def _alone(rule: Cron) -> set[int]:
    """Days that stand for themselves: ``15,31`` loses its 31st, while ``28-31`` always has a last day."""
    days = set(rule.day.values)
    return {min(days)} | {
        item.start for item in rule.day.items if item.start == item.end and item.start - 1 not in days
    }


RULE = Rule("P115", "day that months lack", _find)
