"""P107: a consumer that may see the same delivery twice and has not said what then."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Handler, Problem, Rule, Severity, Subject


def _find(subject: Subject) -> Iterator[Problem]:
    for service in subject.services:
        handlers: tuple[Handler, ...] = (*service.subscriptions, *service.queue_workers)
        for found in handlers:
            if found.options.once is None:
                message = f"the {found.word} {found.name!r} may get a delivery twice and does not say what then"
                fix = "write once=True, or once=False if the handler takes it twice (test it with purista.testing)"
                yield Problem("P107", Severity.WARNING, f"{service.name}/{service.version}/{found.name}", message, fix)


RULE = Rule("P107", "no help against double delivery", _find)
