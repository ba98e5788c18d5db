"""P110: a definition that was made but never added, so that it will never be registered."""

from __future__ import annotations

from collections.abc import Iterator

from purista.check.problem import Problem, Rule, Severity, Subject


def _find(subject: Subject) -> Iterator[Problem]:
    added = {id(definition) for _, definition in subject.definitions()}
    for service in subject.services:
        for definition in service.forgotten:
            if id(definition) not in added:
                message = "was defined but never added to a service: nobody will ever be called for it"
                fix = "write service.add_schedule_definition(…), or remove it"
                yield Problem("P110", Severity.ERROR, definition.key, message, fix)


RULE = Rule("P110", "definition never added", _find)
