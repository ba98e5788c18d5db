"""Spans and counts for OpenTelemetry: where a message comes from, and what became of it.

Nothing is traced without the extra ``otel`` and a provider that the application has set up; :mod:`purista.metrics` is given the
same counts. Names follow the semantic conventions
for messaging; what is ours begins with ``purista.``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from purista import metrics
from purista.messages import Message, schedule_of

__all__ = ["Work", "count", "passed_on", "sending", "working"]


class Work:
    """What a worker does with one delivery; ``outcome`` is said at its end."""

    __slots__ = ("detail", "outcome")

    def __init__(self) -> None:
        self.outcome, self.detail = "unsettled", ""


def count(name: str, number: int = 1, **attributes: str) -> None:
    """Add to the counter ``purista.<name>``."""
    metrics.add(name, number, attributes)
    api = _api()
    if api is not None:
        _counter(f"purista.{name}").add(number, attributes)


@contextmanager
def sending(messages: Sequence[Message]) -> Iterator[list[str]]:
    """A span for each message that goes out. Each message is told of its own; the list takes why one of them failed."""
    failures, api = [""] * len(messages), _api()
    spans = [] if api is None else _spans(api, messages)
    try:
        yield failures
    finally:
        for span, failure in zip(spans, failures, strict=False):
            if failure:
                span.set_status(api.trace.StatusCode.ERROR, failure)
            span.end()
        failed = sum(map(bool, failures))
        for name, number in (("messages.sent", len(messages) - failed), ("messages.failed", failed)):
            if number:
                count(name, number)


def _spans(api: Any, messages: Sequence[Message]) -> list[Any]:
    spans = []
    for message in messages:
        name = _destination(message)
        attributes = {"messaging.operation.type": "send", **_attributes(message, name)}
        span = _tracer().start_span(f"send {name}", kind=api.trace.SpanKind.PRODUCER, attributes=attributes)
        _tell(message, api.trace.set_span_in_context(span))
        spans.append(span)
    return spans


@contextmanager
def working(message: Message, address: str, attempt: int) -> Iterator[Work]:
    """The span of a handler's work, as a child of the one that sent the message."""
    work, began = Work(), time.perf_counter()
    with _span_of(message, address, attempt) as span:
        try:
            yield work
        finally:
            seconds = time.perf_counter() - began
            metrics.worked(seconds, address, work.outcome)
            if span is not None:
                _end(span, work, seconds, address)


@contextmanager
def _span_of(message: Message, address: str, attempt: int) -> Iterator[Any]:
    """None where nothing traces."""
    api = _api()
    if api is None:
        yield None
        return
    name = _destination(message)
    attributes = {
        "messaging.operation.type": "process", "purista.address": address, "purista.attempt": attempt,
        **_attributes(message, name),
    }  # fmt: skip
    with _tracer().start_as_current_span(
        f"process {name}", context=_sent_by(message), kind=api.trace.SpanKind.CONSUMER, attributes=attributes
    ) as span:
        yield span


def _end(span: Any, work: Work, seconds: float, address: str) -> None:
    span.set_attribute("purista.outcome", work.outcome)
    if work.detail:
        span.set_status(_api().trace.StatusCode.ERROR, work.detail)
    _durations().record(seconds, {"address": address, "outcome": work.outcome})


def passed_on() -> dict[str, str]:
    """The fields of a message that is sent now, within somebody's work; empty when nothing is traced."""
    api = _api()
    if api is None:
        return {}
    carrier: dict[str, str] = {}
    api.propagate.inject(carrier)
    return {"otp": json.dumps(carrier, separators=(",", ":"))} if carrier else {}


def _tell(message: Message, context: Any) -> None:
    api, carrier = _api(), dict[str, str]()
    if api is None:
        return
    api.propagate.inject(carrier, context=context)
    if not carrier:
        return
    if "queueName" in message:
        message["headers"] = {**message.get("headers", {}), **carrier}
    else:
        message["otp"] = json.dumps(carrier, separators=(",", ":"))


def _sent_by(message: Message) -> Any:
    """The context that came with a message. Whatever else stands there is none."""
    api = _api()
    carrier: Any = message.get("headers") if "queueName" in message else None
    if carrier is None:
        try:
            carrier = json.loads(message.get("otp") or "{}")
        except (TypeError, ValueError, RecursionError):
            carrier = {}
    texts = {k: v for k, v in carrier.items() if isinstance(v, str)} if isinstance(carrier, dict) else {}
    return None if api is None else api.propagate.extract(texts)


def _destination(message: Message) -> str:
    receiver = message.get("receiver") or {}
    return str(message.get("queueName") or message.get("eventName") or receiver.get("serviceTarget") or "unknown")


def _attributes(message: Message, name: str) -> dict[str, str]:
    found = {
        "messaging.system": "purista", "messaging.destination.name": name, "messaging.message.id": str(message.get("id")),
    }  # fmt: skip
    try:
        info = schedule_of(message)
    except (KeyError, TypeError, ValueError, AttributeError):
        info = None
    if info is not None:
        found |= {"purista.schedule.key": info.key, "purista.occurrence.id": info.occurrence_id,
                  "purista.scheduled_at": info.scheduled_at}  # fmt: skip
    return found


@lru_cache(maxsize=1)
def _api() -> Any:
    """opentelemetry's API, None where it is not installed."""
    try:
        import opentelemetry.metrics  # noqa: PLC0415 - an extra
        import opentelemetry.propagate  # noqa: PLC0415
        import opentelemetry.trace  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return opentelemetry


@lru_cache(maxsize=1)
def _tracer() -> Any:
    return _api().trace.get_tracer("purista")


@lru_cache(maxsize=32)
def _counter(name: str) -> Any:
    return _api().metrics.get_meter("purista").create_counter(name)


@lru_cache(maxsize=1)
def _durations() -> Any:
    return _api().metrics.get_meter("purista").create_histogram("purista.work.duration", unit="s")
