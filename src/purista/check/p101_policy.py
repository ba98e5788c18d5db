"""P101: a policy that nobody wrote down."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject

_CHOICES = {
    "concurrency_policy": ("allow", "two runs at a time are fine", "'forbid', 'replace' or 'allow'"),
    "missed_run_policy": ("skip", "an occurrence missed is lost", "'runOnce', 'backfill' or 'skip'"),
}


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        for option, (default, meaning, choices) in _CHOICES.items():
            if option not in schedule.stated:
                message = f"{option} is not stated; the default is {default!r}: {meaning}"
                yield Problem("P101", Severity.WARNING, schedule.key, message, f"write {option}={choices}")


RULE = Rule("P101", "policy not stated", _find)
