"""P104: a target that nobody in the app handles."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject
from purista.contract.schedule import Target, TargetKind


def _find(subject: Subject) -> Iterator[Problem]:
    for schedule in subject.schedules():
        target = schedule.target
        known = _handled(subject, target)
        if target.name in known:
            continue
        near = difflib.get_close_matches(target.name, sorted(known), n=1)
        hint = f"write {near[0]!r}, or " if near else ""
        if target.kind is TargetKind.EVENT:
            message = f"no subscription in this app to the event {target.name!r}"
            fix = f"{hint}add @service.subscription('…', event={target.name!r}) if no other app has it"
            yield Problem("P104", Severity.WARNING, schedule.key, message, fix)
        else:
            decorator = "command" if target.kind is TargetKind.COMMAND else "queue_worker"
            message = f"no {target.kind} {target.name!r} in {target.service} version {target.version}"
            fix = f"{hint}add @service.{decorator}({target.name!r})"
            yield Problem("P104", _severity(subject, target), schedule.key, message, fix)


def _handled(subject: Subject, target: Target) -> set[str]:
    if target.kind is TargetKind.EVENT:
        return {found.event for service in subject.services for found in service.subscriptions}
    if target.kind is TargetKind.QUEUE:  # a queue has no owner on the wire: any service may work it off
        return {found.name for service in subject.services for found in service.queue_workers}
    owners = [s for s in subject.services if (s.name, s.version) == (target.service, target.version)]
    return {found.name for service in owners for found in service.commands}


def _severity(subject: Subject, target: Target) -> Severity:
    here = any((s.name, s.version) == (target.service, target.version) for s in subject.services)
    return Severity.ERROR if here and target.kind is TargetKind.COMMAND else Severity.WARNING


RULE = Rule("P104", "unknown target", _find)
