"""A request from its bytes to its words: size first, then who, then what. Nothing here has an effect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from purista.auth.credentials import Caller, Presented
from purista.contract.identity import schedule_key, validate_name
from purista.contract.strict_json import parse
from purista.errors import InvalidSchedule, ManifestError
from purista.gateway.http.answers import Answered, fault
from purista.gateway.http.limits import Limits
from purista.gateway.http.operations import Operation

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Gone", "NotRead", "body_of", "key_of", "presented", "shaped", "values"]

MAX_LENGTH_DIGITS = 12


class NotRead(Exception):
    """The request stops here, with an answer."""

    def __init__(self, answered: Answered) -> None:
        super().__init__(answered.status)
        self.answered = answered


class Gone(Exception):
    """The caller hung up: nobody waits for an answer."""


def values(request: Request, name: bytes) -> tuple[bytes, ...]:
    """Every value of a header."""
    return tuple(value for key, value in request.scope["headers"] if key == name)


async def body_of(request: Request, limits: Limits) -> bytes:
    """The body, counted while it comes: what its length says is only a reason to stop at once.

    :raises NotRead: too large, too slow, compressed.
    """
    if values(request, b"content-encoding"):
        raise NotRead(fault(415))
    lengths = values(request, b"content-length")
    if len(lengths) > 1 or any(not one.isdigit() or len(one) > MAX_LENGTH_DIGITS for one in lengths):
        raise NotRead(fault(400))
    if lengths and int(lengths[0]) > limits.body_bytes:
        raise NotRead(fault(413))
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _streamed(request, limits.body_bytes)
    except TimeoutError:
        raise NotRead(fault(408)) from None


async def _streamed(request: Request, most: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Gone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise NotRead(fault(413))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def presented(request: Request, body: bytes) -> Presented:
    """What proves whose it is. Nothing else of the request takes part: no ``Host``, no ``X-Forwarded-*``."""
    return Presented(
        authorization=values(request, b"authorization"), id=values(request, b"webhook-id"),
        timestamp=values(request, b"webhook-timestamp"), signature=values(request, b"webhook-signature"), body=body,
    )  # fmt: skip


def key_of(path: Mapping[str, str]) -> str:
    """The schedule's key in the address.

    :raises NotRead: a part of it can be no name.
    """
    parts = [path[name] for name in ("service", "version", "name")]
    try:
        for kind, part in zip(("service", "version", "schedule"), parts, strict=True):
            validate_name(kind, part)
    except InvalidSchedule as error:
        raise NotRead(fault(400, str(error))) from None
    return schedule_key(parts[0], parts[1], parts[2])


def shaped(request: Request, operation: Operation, body: bytes, caller: Caller, key: str) -> tuple[Any, Any]:
    """Body and query in the operation's shapes.

    :raises NotRead: they do not fit, or the signature does not cover what the address says.
    """
    query = None if operation.query is None else _query(request, operation.query)
    if operation.body is None:
        if caller.signed or body:
            raise NotRead(fault(400, "a signature covers a body, and a GET has none; send a bearer token"))
        return None, query
    document = _document(request, body)
    _same(document, {"schedule": key, "operation": operation.name}, signed=caller.signed)
    return _valid(operation.body, document, "$"), query


def _document(request: Request, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    kinds = values(request, b"content-type")
    kind, _, rest = kinds[0].lower().partition(b";") if len(kinds) == 1 else (b"", b"", b"")
    if kind.strip() != b"application/json" or rest.strip() not in (b"", b"charset=utf-8", b'charset="utf-8"'):
        raise NotRead(fault(415))
    try:
        document = parse(body)
    except ManifestError as error:
        raise NotRead(fault(400, str(error))) from None
    if not isinstance(document, dict):
        raise NotRead(fault(400, "$: expected an object"))
    return document


def _same(document: Mapping[str, Any], address: Mapping[str, str], *, signed: bool) -> None:
    """A signature covers the body and not the address: without this, a signed body could be sent to another schedule."""
    for name, expected in address.items():
        if document.get(name) is None and signed:
            raise NotRead(fault(400, f"$.{name}: expected in a signed body, as a signature does not cover the address"))
        if name in document and document[name] is not None and document[name] != expected:
            raise NotRead(fault(400, f"$.{name}: expected what the address says, got something else"))


def _query(request: Request, shape: type[BaseModel]) -> BaseModel:
    pairs = request.query_params.multi_items()
    if len({name for name, _ in pairs}) < len(pairs):
        raise NotRead(fault(400, "expected every parameter once, got one twice"))
    return _valid(shape, dict(pairs), "?")


def _valid(shape: type[BaseModel], document: Mapping[str, Any], root: str) -> BaseModel:
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = "".join(f".{str(part)[:60]!a}" if not str(part).isidentifier() else f".{part}" for part in first["loc"])
        raise NotRead(fault(400, f"{root}{where[:200]}: {first['msg']}")) from None
