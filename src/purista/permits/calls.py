"""A scheduler's call as it travels in a command to a group of gateways, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from purista.schedulers.base import Call, CallKind

__all__ = ["Told", "read_call", "read_told", "write_call", "write_told"]

LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """``answer`` is accepted, duplicate, not_due, retry or refused; ``published``: something runs because of this call."""

    answer: str
    detail: str
    published: bool = False
    retry_after_ms: int | None = None


def write_call(call: Call) -> dict[str, Any]:
    """As an ask; what is not said is left out."""
    said = {"at": call.scheduled_at, "request": call.request or None, "force": call.force or None}
    body = {"ask": "call", "key": call.key, "kind": call.kind.value}
    return body | {name: value for name, value in said.items() if value is not None}


def read_call(ask: dict[str, Any], source: str) -> Call:
    """What :func:`write_call` wrote. Who called is said by the carrier, not by the caller.

    :raises ValueError: it is no call, or one that only a gateway's own process may make.
    """
    key, request, at, force = ask.get("key"), ask.get("request", ""), ask.get("at"), ask.get("force", False)
    if not isinstance(key, str) or not isinstance(request, str) or not isinstance(force, bool):
        raise ValueError("call: expected a key and a request as texts, and force as a yes or no")  # noqa: TRY004
    if at is not None and (isinstance(at, bool) or not isinstance(at, int)):
        raise ValueError("call: expected at as whole milliseconds")
    known = {str(kind): kind for kind in (CallKind.SCHEDULED, CallKind.MANUAL, CallKind.REPLAY)}
    kind = known.get(str(ask.get("kind")))
    if kind is None or (kind is CallKind.REPLAY and at is None):
        raise ValueError(f"call: expected one of {', '.join(known)}, a replay with its instant")
    return Call(key, kind, at, request, source, force=force)


def write_told(told: Told) -> dict[str, Any]:
    """As JSON."""
    detail, wait = told.detail[:LONGEST], told.retry_after_ms
    return {"answer": told.answer, "detail": detail, "published": told.published, "retryAfterMs": wait}


def read_told(body: dict[str, Any]) -> Told:
    """What :func:`write_told` wrote.

    :raises ValueError: it is something else.
    """
    answer, detail, wait = body.get("answer"), body.get("detail"), body.get("retryAfterMs")
    if not isinstance(answer, str) or not isinstance(detail, str) or not (wait is None or isinstance(wait, int)):
        raise ValueError("expected an answer to a call, got something else")
    return Told(answer, detail, body.get("published") is True, wait)
