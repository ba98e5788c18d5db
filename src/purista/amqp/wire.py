"""PURISTA's names, headers and properties on RabbitMQ. Pure.

Source: the topology of PURISTA's AMQP bridge in TypeScript. Header matching there is typed: every value is a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from purista.messages import CONTENT_ENCODING, CONTENT_TYPE, Message, traced

__all__ = [
    "ATTEMPT", "DEAD_REASON", "DIED_AT", "DUE", "REPLY_TO", "binding_of", "dead_name", "headers_of", "properties_of",
    "queue_name",
]  # fmt: skip

ATTEMPT = "x-purista-retry-attempt"
DEAD_REASON = "x-purista-dead-letter-reason"
DIED_AT = "x-purista-died-at"  # ours, ms
DUE = "x-purista-due"  # ours, ms: not to be worked before
REPLY_TO = "replyTo"
LONGEST = 255 - len(".dead")  # bytes of a name
_SENDER = {"serviceName": "senderServiceName", "serviceVersion": "senderServiceVersion",
           "serviceTarget": "senderServiceTarget", "instanceId": "senderInstanceId"}  # fmt: skip
_RECEIVER = {"serviceName": "receiverServiceName", "serviceVersion": "receiverServiceVersion",
             "serviceTarget": "receiverServiceTarget"}  # fmt: skip
_PLAIN = ("messageType", "eventName", "principalId", "tenantId")


def queue_name(prefix: str, address: str) -> str:
    """The queue of an address: ``sub:user/1/mail`` is ``purista.sub.user.1.mail``. Too long a name ends in its hash."""
    kind, _, rest = address.partition(":")
    name = f"{prefix}.{kind}.{rest if kind == 'queue' else rest.replace('/', '.')}"
    raw = name.encode()
    if len(raw) <= LONGEST:
        return name
    return raw[: LONGEST - 33].decode("utf-8", "ignore") + "." + hashlib.sha256(raw).hexdigest()[:32]


def dead_name(queue: str) -> str:
    """Where a queue's dead letters are."""
    return queue + ".dead"


def binding_of(address: str, event: str | None, queue: str) -> dict[str, str]:
    """What a queue is bound to the headers exchange with. An event binds its name alone: an answer may carry it, too."""
    match = {"x-match": "all"}
    if event is not None:
        return match | {"eventName": event}
    kind, _, rest = address.partition(":")
    if kind == "reply":
        return match | {REPLY_TO: queue}
    service, version, target = rest.split("/", 2)
    return match | {
        "messageType": "command", "receiverServiceName": service, "receiverServiceVersion": version,
        "receiverServiceTarget": target,
    }  # fmt: skip


def headers_of(message: Message, reply_to: str | None = None) -> dict[str, str]:
    """The headers of an event, a command or a response; what is undefined is left out."""
    found = {name: message[name] for name in _PLAIN if name in message}
    sender, receiver = message.get("sender", {}), message.get("receiver", {})
    found |= {header: sender[field] for field, header in _SENDER.items() if field in sender}
    kind = message.get("messageType")
    if kind != "customMessage":
        found |= {header: receiver[field] for field, header in _RECEIVER.items() if field in receiver}
    if kind in ("commandSuccessResponse", "commandErrorResponse"):
        if "instanceId" in receiver:
            found["receiverServiceInstanceId"] = receiver["instanceId"]
        if reply_to is not None:
            found[REPLY_TO] = reply_to
    return {name: str(value) for name, value in found.items()} | traced(message)


def properties_of(message: Message, headers: Mapping[str, Any], *, reply_to: str | None = None) -> dict[str, Any]:
    """The AMQP properties, by their names. Both content fields must be there, or PURISTA in TypeScript cannot read it."""
    created = message.get("timestamp", message.get("createdAt"))
    found: dict[str, Any] = {
        "message_id": message["id"], "content_type": message.get("contentType", CONTENT_TYPE),
        "content_encoding": message.get("contentEncoding", CONTENT_ENCODING), "delivery_mode": 2, "headers": dict(headers),
    }  # fmt: skip
    if "messageType" in message:
        found["message_type"] = message["messageType"]
    if isinstance(created, int) and 0 <= created < 1 << 47:
        found["timestamp"] = datetime.fromtimestamp(created // 1000, UTC)  # seconds, as the standard says
    if message.get("correlationId"):
        found["correlation_id"] = message["correlationId"]
    if reply_to is not None:
        found["reply_to"] = reply_to
    return found
