"""P113: an option that does nothing beside the others."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.schedule import MissedRunPolicy, Schedule
from purista.recurrence import OneShot


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        for message, fix in _idle(schedule):
            yield Problem("P113", Severity.INFO, schedule.key, message, fix)


def _idle(s: Schedule) -> Iterator[tuple[str, str]]:
    if s.max_catch_up_count is not None and s.missed_run_policy is not MissedRunPolicy.BACKFILL:
        yield (
            f"max_catch_up_count does nothing with {s.missed_run_policy!s}",
            "write missed_run_policy='backfill' or drop it",
        )
    if isinstance(s.expression, OneShot) and s.missed_run_policy is MissedRunPolicy.BACKFILL:
        yield "a one-shot has nothing to fill up", "write missed_run_policy='runOnce'"
    if s.provider_hints is not None and not s.provider_hints:
        yield "provider_hints is empty", "drop it"


RULE = Rule("P113", "option without effect", _find)
