"""PURISTA's subjects, headers and names on NATS. Pure.

Source: the topology of PURISTA's NATS bridge in TypeScript. Different names can share a subject (``a.b``, ``a_b``): whoever
receives compares the name in the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from purista.errors import BridgeError
from purista.messages import Message, traced

__all__ = [
    "ATTEMPT", "DEAD_REASON", "DIED_AT", "DUE", "command_filter", "cut", "encoded", "event_filter", "headers_of", "queue_group",
    "sanitized", "snake", "stream_name", "subject_of",
]  # fmt: skip

ATTEMPT = "x-purista-retry-attempt"  # ours on NATS: of a copy, which the server counts from 1
DEAD_REASON = "x-purista-dead-letter-reason"
DIED_AT = "x-purista-died-at"  # ours, ms
DUE = "x-purista-due"  # ours, ms: not to be worked before
ABSENT = "empty"
_WORDS = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z]+[0-9]*|\b)|[A-Z]?[a-z]+[0-9]*|[A-Z]|[0-9]+", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_PLAIN = ("messageType", "eventName", "principalId", "tenantId")
_SENDER = {"serviceName": "senderServiceName", "serviceVersion": "senderServiceVersion",
           "serviceTarget": "senderServiceTarget", "instanceId": "senderInstanceId"}  # fmt: skip
_RECEIVER = {"serviceName": "receiverServiceName", "serviceVersion": "receiverServiceVersion",
             "serviceTarget": "receiverServiceTarget", "instanceId": "receiverInstanceId"}  # fmt: skip


def snake(name: str) -> str:
    """PURISTA's snake_case: what a name is in a subject. Names without a match stay as they are."""
    words = _WORDS.findall(name)
    return "_".join(words).lower() if words else name


def token(name: str | None) -> str:
    """One token of a subject.

    :raises BridgeError: the name would be syntax.
    """
    if name is None or name == "":
        return ABSENT
    found = snake(name)
    if not found or any(sign in found for sign in " \t\r\n.*>"):
        raise BridgeError(
            f"expected a name that can be part of a NATS subject, got {name[:60]!r}; write letters or digits"
        )
    return found


def subject_of(message: Message, prefix: str = "purista") -> str:
    """The thirteen tokens of a message's subject."""
    sender, receiver = message.get("sender", {}), message.get("receiver", {})
    parts = [
        message["messageType"], message.get("principalId"), message.get("tenantId"), sender.get("instanceId"),
        sender.get("serviceName"), sender.get("serviceVersion"), sender.get("serviceTarget"), message.get("eventName"),
        receiver.get("instanceId"), receiver.get("serviceName"), receiver.get("serviceVersion"), receiver.get("serviceTarget"),
    ]  # fmt: skip
    return ".".join([prefix, *(token(part) for part in parts)])


def event_filter(event: str, prefix: str = "purista") -> str:
    """What a subscription to an event listens to, whoever sent it and however."""
    return ".".join([prefix, *["*"] * 7, token(event), *["*"] * 4])


def command_filter(service: str, version: str, target: str, prefix: str = "purista") -> str:
    """What a responder listens to."""
    return ".".join([prefix, "command", *["*"] * 8, token(service), token(version), token(target)])


def queue_group(service: str, version: str, target: str, prefix: str = "purista") -> str:
    """The group that shares an address' messages on core NATS."""
    return f"{prefix}_queue_{service}_{version}_{target}".upper()


def sanitized(text: str) -> str:
    """``text`` as the name of a stream or consumer."""
    return _UNSAFE.sub("_", text)[:200]


def stream_name(filter_: str, prefix: str = "purista") -> str:
    """The stream that PURISTA makes for durable subscriptions of a filter."""
    return sanitized(f"{prefix}_subscription_{filter_}")


def encoded(headers: Mapping[str, str]) -> int:
    """How many bytes headers are on their way: the server counts them to a message's size."""
    return len("NATS/1.0\r\n\r\n") + sum(len(f"{name}: {value}\r\n".encode()) for name, value in headers.items())


def cut(text: str, size: int) -> str:
    """``text`` in at most so many bytes."""
    return text.encode()[: max(0, size)].decode("utf-8", "ignore")


def headers_of(message: Message) -> dict[str, str]:
    """The headers of a message; what is undefined is left out."""
    found: dict[str, Any] = {name: message[name] for name in _PLAIN if name in message}
    sender, receiver = message.get("sender", {}), message.get("receiver", {})
    found |= {header: sender[field] for field, header in _SENDER.items() if field in sender}
    if message.get("messageType") != "customMessage":
        found |= {header: receiver[field] for field, header in _RECEIVER.items() if field in receiver}
    return {name: str(value) for name, value in found.items()} | traced(message)
