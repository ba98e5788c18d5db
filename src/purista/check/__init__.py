"""Advice about contracts that are legal: one rule a file, each with a code.

What belongs here: rules that only need the declared services. What is illegal is refused in ``contract.rules``; what a
scheduler makes of a contract is found in ``fidelity``.
"""

from __future__ import annotations

from collections.abc import Sequence

from purista.check import (
    p101_policy,
    p102_timeout,
    p103_clock_change,
    p104_target,
    p105_constant_key,
    p106_event_name,
    p107_once,
    p108_names,
    p109_herd,
    p110_forgotten,
    p111_subscriber,
    p112_step,
    p113_no_effect,
    p114_never_due,
    p115_missing_days,
    p116_either_day,
    p117_uneven_step,
)
from purista.check.problem import Problem, Rule, Service, Severity, Subject

__all__ = ["RULES", "Problem", "Rule", "Severity", "Subject", "run_checks"]

RULES: tuple[Rule, ...] = (
    p101_policy.RULE,
    p102_timeout.RULE,
    p103_clock_change.RULE,
    p104_target.RULE,
    p105_constant_key.RULE,
    p106_event_name.RULE,
    p107_once.RULE,
    p108_names.RULE,
    p109_herd.RULE,
    p110_forgotten.RULE,
    p111_subscriber.RULE,
    p112_step.RULE,
    p113_no_effect.RULE,
    p114_never_due.RULE,
    p115_missing_days.RULE,
    p116_either_day.RULE,
    p117_uneven_step.RULE,
)


def run_checks(services: Sequence[Service], *, now_ms: int) -> list[Problem]:
    """What every rule has to say, by key and code. ``now_ms`` is milliseconds since the epoch, UTC."""
    subject = Subject(tuple(services), now_ms)
    found = [problem for rule in RULES for problem in rule.find(subject)]
    return sorted(found, key=lambda problem: (problem.key, problem.code, problem.message))
