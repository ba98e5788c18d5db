"""P111: a payload that a receiver in the same app would refuse. On the wire such an event is acknowledged and lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from purista.check.problem import Handler, Problem, Rule, Severity, Subject
from purista.contract.models import read_as
from purista.contract.rules import rendered_samples
from purista.contract.schedule import Schedule, TargetKind
from purista.errors import InvalidPayload


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        for found in _receivers(subject, schedule):
            if found.payload_type is None or found.parameters < 2:
                continue
            fault = _fault(found.payload_type, rendered_samples(schedule) or [None])
            if fault is not None:
                message = f"the {found.word} {found.name!r} takes {_named(found.payload_type)}: {fault}"
                yield Problem("P111", Severity.ERROR, schedule.key, message, "write a payload that it takes")


def _receivers(subject: Subject, schedule: Schedule) -> Iterator[Handler]:
    target = schedule.target
    for service in subject.services:
        if target.kind is TargetKind.EVENT:
            yield from (found for found in service.subscriptions if found.event == target.name)
        elif target.kind is TargetKind.QUEUE:
            yield from (found for found in service.queue_workers if found.name == target.name)
        elif (service.name, service.version) == (target.service, target.version):
            yield from (found for found in service.commands if found.name == target.name)


def _fault(payload_type: Any, samples: list[Any]) -> str | None:
    try:
        for sample in samples:
            read_as(payload_type, sample)
    except InvalidPayload as error:
        return str(error)
    return None


def _named(payload_type: Any) -> str:
    return str(getattr(payload_type, "__name__", payload_type))


RULE = Rule("P111", "payload that a receiver refuses", _find)
