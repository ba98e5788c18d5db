"""Which handler is meant where a function is written instead of a name."""

from __future__ import annotations

from typing import Any

from purista.contract.schedule import TargetKind
from purista.errors import InvalidSchedule
from purista.service.handlers import CommandDef, HandlerDef, QueueWorkerDef, definitions_of

__all__ = ["HANDLER_KINDS", "aimed_at"]

HANDLER_KINDS: dict[TargetKind, type[HandlerDef]] = {TargetKind.COMMAND: CommandDef, TargetKind.QUEUE: QueueWorkerDef}
_DECORATORS = {TargetKind.COMMAND: "command", TargetKind.QUEUE: "queue_worker"}


def aimed_at(where: str, kind: TargetKind, aim: Any, service: str, version: str) -> HandlerDef:
    """The record of a decorated function; its own service's first. ``where`` begins the message.

    :raises purista.errors.InvalidSchedule: it was never decorated so, or more than once elsewhere.
    """
    wanted = HANDLER_KINDS.get(kind)
    named = [record for record in definitions_of(aim) if wanted is not None and type(record) is wanted]
    if not named:
        as_what = _DECORATORS.get(kind)
        fix = f"write @service.{as_what}('…') above it, or its name" if as_what else "write the event's name"
        msg = f"{where}: expected a {kind}, got {getattr(aim, '__qualname__', repr(aim))!r:.80}; {fix}"
        raise InvalidSchedule(msg)
    here = [record for record in named if (record.service, record.version) == (service, version)]
    if len(named) > 1 and len(here) != 1:
        msg = f"{where}: expected one {kind} behind this function, got {[r.name for r in named]}; write the name"
        raise InvalidSchedule(msg)
    return (here or named)[0]
