"""P105: an idempotency key that is the same for every occurrence, or comes again: what has a used one is never published."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.payload import compile_template, idempotency_value, moment_of
from purista.contract.samples import sample_instants
from purista.contract.schedule import Schedule

FIX = "write a time with its year into the value it points at, such as '{scheduled_at:%Y-%m-%d}'"


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        values = _values(schedule)
        if len(values) > 1 and len(set(values)) == 1:
            same = f"{schedule.idempotency_key} is {values[0]!r}"
            message = f"the idempotency key {same} at every occurrence: only the first is ever published"
            yield Problem("P105", Severity.WARNING, schedule.key, message, FIX)
        elif again := _again(values):
            message = (
                f"the idempotency key {schedule.idempotency_key} is {again!r}, later another, and then comes again"
            )
            message += ": what has a used key is never published"
            yield Problem("P105", Severity.WARNING, schedule.key, message, FIX)


def _again(values: list[str]) -> str | None:
    """A value that returns after another one. Neighbours that share one may be meant so: once a week of a daily schedule."""
    seen: set[str] = set()
    for before, value in pairwise(values):
        seen.add(before)
        if value != before and value in seen:
            return value
    return None


def _values(schedule: Schedule) -> list[str]:
    if schedule.idempotency_key is None or schedule.payload is None:
        return []
    compiled = compile_template(schedule.payload)
    moments = [moment_of(schedule, instant, compiled.names) for instant in sample_instants(schedule)]
    return [idempotency_value(schedule, compiled.render(moment), moment) or "" for moment in moments]


RULE = Rule("P105", "constant idempotency key", _find)
