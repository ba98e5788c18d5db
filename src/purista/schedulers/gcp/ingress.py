"""What a job's call says, over Pub/Sub and over HTTP, and reading a message again.

A message carries the schedule's key as an attribute. It has no time, and needs none: a call asks what is due. Over HTTP the
header ``X-CloudScheduler-ScheduleTime`` is not read, because a forced run carries the *next* instant there.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from purista.contract.strict_json import parse
from purista.errors import ManifestError

__all__ = [
    "ATTRIBUTE_LIMIT", "SCHEDULE", "SWEEP", "URL_LIMIT", "Message", "Unreadable", "address", "message_of", "pushed",
]  # fmt: skip

SCHEDULE, SWEEP = "schedule", "sweep"
"""Names of attributes. A sweep asks for no schedule: it finishes what calls began, and finds what nobody called for."""
ATTRIBUTE_LIMIT = 1_024
URL_LIMIT = 2_083
LONGEST_ID = 100


@dataclass(frozen=True, slots=True)
class Message:
    """A message of ours: ``key`` None is a sweep. ``id`` stays the same when it is delivered again."""

    id: str
    key: str | None


class Unreadable(Exception):
    """No message of ours, however often it comes. ``id`` as far as it can be told."""

    def __init__(self, why: str, id: str = "") -> None:
        super().__init__(why)
        self.id = id


def address(gateway: str, key: str) -> str:
    """Where a job calls for a schedule: each part of the key is quoted, so that no part can be more than one."""
    parts = "/".join(quote(part, safe="") for part in key.split("/", 2))
    return f"{gateway.rstrip('/')}/schedules/{parts}/trigger"


def message_of(id: str, attributes: Mapping[str, str]) -> Message:
    """What a message's attributes say.

    :raises Unreadable: they name neither a schedule nor a sweep, or both.
    """
    key, sweep = attributes.get(SCHEDULE), SWEEP in attributes
    if sweep == (key is not None):
        raise Unreadable("expected the attribute schedule or the attribute sweep", id)
    return Message(id, key)


def pushed(body: bytes, subscriptions: frozenset[str]) -> Message:
    """The message of a push request (the wrapped form).

    :raises Unreadable: it has another form, or is of a subscription that is not named in the configuration.
    """
    try:
        envelope = parse(body)
    except ManifestError:
        raise Unreadable("expected JSON") from None
    message = envelope.get("message") if isinstance(envelope, dict) else None
    if not isinstance(message, dict):
        raise Unreadable("expected a message in its envelope: is payload unwrapping switched on?")
    name = _text(message.get("messageId", message.get("message_id")))[:LONGEST_ID]
    if envelope.get("subscription") not in subscriptions:
        raise Unreadable("expected a subscription that the configuration names", name)
    attributes = message.get("attributes") or {}
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise Unreadable("expected attributes that are texts", name)
    _decoded(message.get("data", ""), name)
    return message_of(name, attributes)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _decoded(data: Any, id: str) -> None:
    """Our messages have no data; what has some that cannot be read was not made by Pub/Sub."""
    try:
        b64decode(data, validate=True)
    except (Base64Error, ValueError, TypeError):
        raise Unreadable("expected data as base64", id) from None
