"""P108: names that some scheduler or broker cannot carry as they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.schedule import TargetKind

_LONGEST = 40  # Kubernetes takes 52 characters of a CronJob's name; the dialect adds a hash to stay unique
_PLAIN = re.compile(r"[A-Za-z0-9._-]*\Z")
_SNAKE = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]+[0-9]*|\b)|[A-Z]?[a-z]+[0-9]*|[A-Z]|[0-9]+", re.ASCII)


def _find(subject: Subject) -> Iterator[Problem]:
    yield from _spelling(subject)
    yield from _lookalikes(subject)


def _spelling(subject: Subject) -> Iterator[Problem]:
    for s in subject.schedules():
        odd = sorted({char for part in (s.service, s.version, s.name) for char in part if not _PLAIN.match(char)})
        if odd:
            message = f"cron.d, systemd, Kubernetes, AWS and Google names cannot hold {' '.join(map(ascii, odd))}"
            fix = "write letters, digits, '.', '_' and '-' of ASCII; other names are replaced by a hash there"
            yield Problem("P108", Severity.WARNING, s.key, message, fix)
        if len(s.key) > _LONGEST:
            message = f"the key has {len(s.key)} characters; Kubernetes (52) and AWS (64) show it cut off, with a hash"
            yield Problem(
                "P108", Severity.INFO, s.key, message, f"write names of {_LONGEST} characters or less together"
            )
        if subject_token(s.target.name) == "empty":
            message = f"the {s.target.kind} {s.target.name!r} is NATS' word for an absent value"
            yield Problem("P108", Severity.WARNING, s.key, message, "write another name")


def _lookalikes(subject: Subject) -> Iterator[Problem]:
    """Different names that become one: in lower case (files, Kubernetes) or as a NATS subject."""
    keys, targets = defaultdict[str, set[str]](set), defaultdict[tuple[str, str], set[str]](set)
    for schedule in subject.schedules():
        keys[re.sub("[^a-z0-9]+", "-", schedule.key.lower())].add(schedule.key)
        target = schedule.target
        targets[target.kind, subject_token(target.name)].add(target.name)
    for service in subject.services:
        for found in service.subscriptions:
            targets[TargetKind.EVENT, subject_token(found.event)].add(found.event)
    for twins in keys.values():
        if len(twins) > 1:
            message = f"{', '.join(sorted(twins))} are one name in lower-case letters, digits and '-' (Kubernetes)"
            yield Problem(
                "P108", Severity.WARNING, min(twins), message, "write names that differ in more than case or dots"
            )
    for (_, token), twins in targets.items():
        if len(twins) > 1:
            message = f"{', '.join(sorted(twins))} share the NATS subject {token!r}; TypeScript cannot tell them apart"
            yield Problem(
                "P108", Severity.WARNING, min(twins), message, "write names that differ in more than case or dots"
            )


def subject_token(name: str) -> str:
    """The name as one token of a NATS subject, as PURISTA writes it."""
    words = _SNAKE.findall(name)
    return "_".join(word.lower() for word in words) if words else name


RULE = Rule("P108", "names that some scheduler cannot carry", _find)
