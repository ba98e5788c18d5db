"""P102: a run that may last longer than the time to the next occurrence."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.samples import smallest_gap
from purista.contract.schedule import ConcurrencyPolicy

_THEN = {
    ConcurrencyPolicy.ALLOW: "runs pile up",
    ConcurrencyPolicy.FORBID: "occurrences are skipped",
    ConcurrencyPolicy.REPLACE: "runs are cut off before they end",
}


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        timeout = schedule.run_timeout_ms
        gap = None if timeout is None else smallest_gap(schedule)
        if timeout is None or gap is None or timeout <= gap * 1000:
            continue
        message = (
            f"run_timeout is {timeout / 1000:g} s, but the next occurrence can be due after {gap} s: "
            f"{_THEN[schedule.concurrency_policy]}"
        )
        fix = f"write run_timeout=timedelta(seconds={gap}) or less, or a rarer expression"
        yield Problem("P102", Severity.WARNING, schedule.key, message, fix)


RULE = Rule("P102", "run time-out longer than the interval", _find)
