"""An occurrence's message as text: PURISTA's job, event or command with the payload that was rendered with the decision."""

from __future__ import annotations

from typing import Any

from purista.clock import to_iso
from purista.contract.schedule import ConcurrencyPolicy, Schedule, TargetKind
from purista.gateway.moulds import Mould
from purista.ledgers.base import OccurrenceRow
from purista.messages import Address, RunInfo, ScheduleInfo, command, custom_message, derived_id, dump, job

__all__ = ["written"]

MOULDS_AT_MOST = 50_000
_MOULDS: dict[tuple[int, str, str, str], tuple[Schedule, Mould | None]] = {}
_NAMES = ("id", "occurrence", "scheduled", "fired", "attempt", "at", "fence", "created", "payload")
_NUMBERS = ("attempt", "at", "fence", "created", "payload")


def written(schedule: Schedule, row: OccurrenceRow, part: str, instance: str) -> str:
    """The message of ``row``; ``part`` is the id of its job where the target is a queue."""
    kind = schedule.target.kind
    payload = row.payload
    if kind is TargetKind.COMMAND or payload is None:
        return _plain(schedule, row, part, instance)
    id_ = part if kind is TargetKind.QUEUE else derived_id(row.occurrence_id, kind, schedule.target.name)
    values = (
        id_, row.occurrence_id, to_iso(row.scheduled_at), to_iso(row.decided_at), str(row.attempt),
        str(row.scheduled_at), str(row.fence), str(row.decided_at), payload,
    )  # fmt: skip
    name = (id(schedule), row.key, row.occurrence_class, instance)
    known = _MOULDS.get(name)
    if known is None or known[0] is not schedule:
        known = (schedule, _mould(schedule, row, part, instance, values))
        if len(_MOULDS) >= MOULDS_AT_MOST:
            _MOULDS.clear()
        _MOULDS[name] = known
    mould = known[1]
    return _plain(schedule, row, part, instance) if mould is None else mould.fill(values)


def _mould(schedule: Schedule, row: OccurrenceRow, part: str, instance: str, values: tuple[str, ...]) -> Mould | None:
    """None where a name or parameter holds what looks like a mark of the mould: such a schedule's messages are written out."""

    def write(marks: dict[str, Any]) -> str:
        return dump(_body(schedule, row.key, row.occurrence_class, instance, marks))

    mould = Mould(_NAMES, _NUMBERS, write)
    return mould if mould.fill(values) == _plain(schedule, row, part, instance) else None


def _plain(schedule: Schedule, row: OccurrenceRow, part: str, instance: str) -> str:
    target = schedule.target
    id_ = part if target.kind is TargetKind.QUEUE else derived_id(row.occurrence_id, target.kind, target.name)
    values: dict[str, Any] = {
        "id": id_, "occurrence": row.occurrence_id, "scheduled": to_iso(row.scheduled_at), "fired": to_iso(row.decided_at),
        "attempt": row.attempt, "at": row.scheduled_at, "fence": row.fence, "created": row.decided_at,
        "payload": None if row.payload is None else _PLACEHOLDER,
    }  # fmt: skip
    text = dump(_body(schedule, row.key, row.occurrence_class, instance, values))
    return text if row.payload is None else text.replace(_WRITTEN, row.payload, 1)


_PLACEHOLDER = "\u0000payload\u0000"
_WRITTEN = '"\\u0000payload\\u0000"'


def _body(schedule: Schedule, key: str, kind: str, instance: str, values: dict[str, Any]) -> dict[str, Any]:
    target = schedule.target
    info = ScheduleInfo(
        key, schedule.name, values["occurrence"], values["scheduled"], values["fired"], values["attempt"], kind
    )
    permit = schedule.concurrency_policy is not ConcurrencyPolicy.ALLOW
    run = RunInfo(values["occurrence"], key, values["at"], permit, values["fence"], schedule.run_timeout_ms)
    payload, created = values["payload"], values["created"]
    if target.kind is TargetKind.QUEUE:
        parameter = schedule.parameter
        return job(values["id"], target.name, payload, parameter=parameter, created_at=created, schedule=info, run=run)
    sender = Address(schedule.service, schedule.version, schedule.name, instance)
    same: dict[str, Any] = {"id": values["id"], "timestamp": created, "schedule": info, "run": run}
    if target.kind is TargetKind.COMMAND:
        receiver = Address(target.service, target.version, target.name)
        return command(receiver, payload, schedule.parameter, sender, **same)
    return custom_message(target.name, payload, sender, **same)
