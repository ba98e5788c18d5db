"""P106: an event named like an order. Events say what is so; who acts on it decides for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.schedule import TargetKind

_VERBS = """
archive begin build calculate call charge check clean cleanup clear collect compute copy create
delete do drop enqueue ensure execute expire fetch fire generate handle import invoke kick launch
load make migrate move notify perform poll process publish pull purge push rebuild recalculate
refresh reindex remind remove renew reset restart retry roll rotate run scan schedule send start
stop submit sweep sync synchronize trigger update validate verify warm write
"""
_NOISE = frozenset({"job", "jobs", "task", "tasks", "event", "trigger", "command", "now", "please"})
_STATES = """
available begun broken built complete done due empty failing found full gone held idle late lost made missing near old open over
overdue paid pending ready sent short shut stale tick unpaid wrong
"""
_WORD = re.compile("[A-Z]{2,}(?=[A-Z][a-z]|[^A-Za-z]|$)|[A-Z]?[a-z]+|[A-Z]|[0-9]+")


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        name = schedule.target.name
        if schedule.target.kind is TargetKind.EVENT and is_imperative(name):
            message = f"the event {name!r} sounds like an order; an event says what is so"
            yield Problem("P106", Severity.WARNING, schedule.key, message, f"write {declarative(name)!r}")


def _words(segment: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(segment)]


def is_imperative(name: str) -> bool:
    """Whether the last part of an event name begins with a verb in the imperative and does not end in a state."""
    words = _words(name.rpartition(".")[2])
    return (
        bool(words) and words[0] in _VERBS.split() and words[-1] not in _STATES.split() and not words[-1].endswith("ed")
    )


def declarative(name: str) -> str:
    """A name that says what is due instead: ``runBillingJob`` → ``billing.cycleDue``."""
    prefix, _, last = name.rpartition(".")
    words = [word for word in _words(last)[1:] if word not in _NOISE]
    if not prefix:
        prefix, words = (words[0], words[1:]) if words else (_words(last)[0], [])
    return f"{prefix}.{_camel([*(words or ['cycle']), 'due'])}"


def _camel(words: list[str]) -> str:
    return words[0] + "".join(word.capitalize() for word in words[1:])


RULE = Rule("P106", "imperative event name", _find)
