"""PURISTA's wire messages: what every service of either language writes and reads.

What belongs here: field names, required fields, ids, JSON. What does not: topology (``bridges``), leases (``queues``).
Absent values are left out, never ``null``; unknown fields are kept; versions are strings.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Address", "Message", "RunInfo", "ScheduleInfo", "carried", "command", "command_error", "command_success", "custom_message",
    "derived_id", "dump", "job", "job_id", "load", "new_id", "run_of", "schedule_of", "traced",
]  # fmt: skip

Message = dict[str, Any]
CONTENT_TYPE, CONTENT_ENCODING = "application/json", "utf-8"
INTERNAL_ERROR = "Internal Server Error"


@dataclass(frozen=True, slots=True)
class Address:
    """A service, one of its functions, and (for senders) the instance."""

    service: str
    version: str
    target: str
    instance: str = ""

    def to_wire(self) -> dict[str, str]:
        """The address object of a message; an unknown instance is left out."""
        wire = {"serviceName": self.service, "serviceVersion": self.version, "serviceTarget": self.target}
        if self.instance:
            wire["instanceId"] = self.instance
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Address:
        """From a message's ``sender`` or ``receiver``."""
        return cls(
            str(wire.get("serviceName", "")), str(wire.get("serviceVersion", "")),
            str(wire.get("serviceTarget", "")), str(wire.get("instanceId", "")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    """The trigger metadata beside a message's payload. Instants are ISO texts, as on the wire."""

    key: str
    name: str
    occurrence_id: str
    scheduled_at: str
    fired_at: str
    attempt: int = 1
    kind: str = "scheduled"

    def to_wire(self) -> dict[str, Any]:
        """PURISTA's ``schedule`` object, with our ``kind`` (scheduled, manual or replay) added where it is not the usual."""
        wire: dict[str, Any] = {
            "scheduleKey": self.key, "scheduleName": self.name, "occurrenceId": self.occurrence_id,
            "scheduledAt": self.scheduled_at, "firedAt": self.fired_at, "attempt": self.attempt,
        }  # fmt: skip
        if self.kind != "scheduled":
            wire["kind"] = self.kind
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> ScheduleInfo:
        """From a message's ``schedule``."""
        return cls(
            str(wire["scheduleKey"]), str(wire["scheduleName"]), str(wire["occurrenceId"]), str(wire["scheduledAt"]),
            str(wire["firedAt"]), int(wire.get("attempt", 1)), str(wire.get("kind", "scheduled")),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Our own addition: which run a message belongs to, and its instant (``at``, ms), and whether its handler needs a
    permit. ``fence`` says which right is newer."""

    run: str
    key: str
    at: int
    permit: bool
    fence: int
    timeout_ms: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """The ``purista`` object of a message."""
        wire: dict[str, Any] = {
            "run": self.run,
            "key": self.key,
            "at": self.at,
            "permit": self.permit,
            "fence": self.fence,
        }
        if self.timeout_ms is not None:
            wire["timeoutMs"] = self.timeout_ms
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> RunInfo:
        """From a message's ``purista`` object."""
        timeout = wire.get("timeoutMs")
        return cls(
            str(wire["run"]), str(wire["key"]), int(wire["at"]), bool(wire["permit"]), int(wire["fence"]),
            None if timeout is None else int(timeout),
        )  # fmt: skip


def new_id() -> str:
    """A fresh 32-digit lower-case hex id."""
    return secrets.token_hex(16)


def derived_id(*parts: str) -> str:
    """32 hex digits that the same parts always yield, so that publishing again repeats the id."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def job_id(queue: str, idempotency_key: str) -> str:
    """PURISTA's id of a job with an idempotency key."""
    return "idem-" + hashlib.sha256(f"{queue}\0{idempotency_key}".encode()).hexdigest()


_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def dump(message: Any) -> str:
    """Compact JSON, non-ASCII unescaped.

    :raises ValueError: for NaN and infinities, which JSON does not have.
    """
    return _ENCODE(message)


def load(text: str) -> Message:
    """A message from its JSON.

    :raises ValueError: when it is no JSON object.
    """
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError(  # noqa: TRY004 - what is wrong is the text, not a type of ours
            f"expected a message object, got {type(message).__name__}"
        )
    return message


def custom_message(
    event: str, payload: Any, sender: Address, *, id: str, timestamp: int, schedule: ScheduleInfo | None = None,
    run: RunInfo | None = None, carry: Mapping[str, Any] | None = None,
) -> Message:  # fmt: skip
    """An event with a business name. ``carry`` are trace and tenant fields passed on unchanged."""
    message = _base("customMessage", sender, id=id, timestamp=timestamp, carry=carry)
    message["eventName"] = event
    if payload is not None:
        message["payload"] = payload
    return _with_run(message, schedule, run)


def command(
    receiver: Address, payload: Any, parameter: Any, sender: Address, *, id: str, timestamp: int,
    schedule: ScheduleInfo | None = None, run: RunInfo | None = None, carry: Mapping[str, Any] | None = None,
) -> Message:  # fmt: skip
    """A request to exactly one receiver; the body is one level down, as in PURISTA."""
    message = _base("command", sender, id=id, timestamp=timestamp, carry=carry)
    message["correlationId"] = derived_id(id, "correlation")
    message["receiver"] = receiver.to_wire()
    body: dict[str, Any] = {}
    if payload is not None:
        body["payload"] = payload
    if parameter is not None:
        body["parameter"] = parameter
    message["payload"] = body
    return _with_run(message, schedule, run)


def command_success(request: Message, result: Any, instance: str, timestamp: int) -> Message:
    """The answer of a command that worked."""
    message = _response("commandSuccessResponse", request, instance, timestamp)
    if result is not None:
        message["payload"] = result
    return message


def command_error(
    request: Message, instance: str, timestamp: int, *, status: int = 500, text: str = INTERNAL_ERROR, data: Any = None,
    handled: bool = False,
) -> Message:  # fmt: skip
    """The answer of a command that failed. Unhandled errors say no more than the standard text."""
    message = _response("commandErrorResponse", request, instance, timestamp)
    payload: dict[str, Any] = {"status": status, "message": text}
    if data is not None:
        payload["data"] = data
    if "traceId" in request:
        payload["traceId"] = request["traceId"]
    message["isHandledError"], message["payload"] = handled, payload
    return message


def job(
    id: str, queue: str, payload: Any, *, parameter: Any = None, headers: Mapping[str, str] | None = None, created_at: int,
    scheduled_at: int | None = None, idempotency_key: str | None = None, max_attempts: int = 10, lease_ttl_ms: int = 30_000,
    schedule: ScheduleInfo | None = None, run: RunInfo | None = None,
) -> Message:  # fmt: skip
    """A queue's job (PURISTA's ``QueueMessage``); run and trigger metadata travel in its text headers."""
    texts = dict(headers or {})
    if run is not None:
        texts["purista.runId"] = run.run
        texts["purista.run"] = dump(run.to_wire())
    if schedule is not None:
        texts["purista.schedule"] = dump(schedule.to_wire())
    message: Message = {"id": id, "queueName": queue}
    if payload is not None:
        message["payload"] = payload
    if parameter is not None:
        message["parameter"] = parameter
    if idempotency_key is not None:
        message["idempotencyKey"] = idempotency_key
    message |= {
        "headers": texts, "createdAt": created_at, "scheduledAt": created_at if scheduled_at is None else scheduled_at,
        "attempt": 0, "maxAttempts": max_attempts, "leaseExpiresAt": 0, "leaseTtlMs": lease_ttl_ms,
    }  # fmt: skip
    return message


def schedule_of(message: Message) -> ScheduleInfo | None:
    """The trigger metadata of a message or job; None when no schedule caused it."""
    wire = message.get("schedule")
    if wire is None and "headers" in message:
        text = message["headers"].get("purista.schedule")
        wire = None if text is None else json.loads(text)
    return None if wire is None else ScheduleInfo.from_wire(wire)


def run_of(message: Message) -> RunInfo | None:
    """The run a message or job belongs to; None when it belongs to none."""
    wire = message.get("purista")
    if wire is None and "headers" in message:
        text = message["headers"].get("purista.run")
        wire = None if text is None else json.loads(text)
    return None if wire is None else RunInfo.from_wire(wire)


def carried(message: Message) -> dict[str, Any]:
    """The fields that are passed on through everything a handler triggers."""
    return {name: message[name] for name in ("traceId", "principalId", "tenantId", "otp") if name in message}


def traced(message: Message) -> dict[str, str]:
    """The OpenTelemetry headers that a message carries as text in ``otp``; empty when it carries none."""
    text = message.get("otp")
    if not isinstance(text, str) or len(text) < 3:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    names = ("traceparent", "tracestate", "baggage")
    return {name: found[name] for name in names if isinstance(found, dict) and isinstance(found.get(name), str)}


def _base(kind: str, sender: Address, *, id: str, timestamp: int, carry: Mapping[str, Any] | None) -> Message:
    message: Message = {
        "id": id, "timestamp": timestamp, "messageType": kind, "contentType": CONTENT_TYPE,
        "contentEncoding": CONTENT_ENCODING, "sender": sender.to_wire(),
    }  # fmt: skip
    message.update(carry or {})
    message.setdefault("otp", "{}")
    return message


def _with_run(message: Message, schedule: ScheduleInfo | None, run: RunInfo | None) -> Message:
    if schedule is not None:
        message["schedule"] = schedule.to_wire()
    if run is not None:
        message["purista"] = run.to_wire()
    return message


def _response(kind: str, request: Message, instance: str, timestamp: int) -> Message:
    receiver = Address.from_wire(request["receiver"])
    sender = Address(receiver.service, receiver.version, receiver.target, instance)
    message = _base(kind, sender, id=request["id"], timestamp=timestamp, carry=carried(request))
    message["correlationId"], message["receiver"] = request.get("correlationId", ""), request["sender"]
    return message
