"""Spans follow a message from the gateway through the broker to its handler and on; without a provider nothing happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from purista import Context, Cron, ServiceBuilder, telemetry
from purista.amqp import wire
from purista.distributed import AmqpBridge
from purista.errors import HandlerError
from purista.messages import Address, custom_message, traced
from purista.schedulers.base import Call
from purista.testing import ManualClock
from purista.testing.suites.common import until
from tests.broker import Broker
from tests.service.stage import Stage
from tests.services import rabbitmq

READER = InMemoryMetricReader()
METERS = MeterProvider([READER])


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """A provider of this module's own; the application's would be set once for a process."""
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", lambda: provider.get_tracer("purista"))
    monkeypatch.setattr(telemetry, "_counter", lambda name: METERS.get_meter("purista").create_counter(name))
    monkeypatch.setattr(
        telemetry, "_durations", lambda: METERS.get_meter("purista").create_histogram("purista.work.duration")
    )
    yield exporter
    provider.shutdown()


async def test_a_handlers_messages_are_children_of_its_work(spans: InMemorySpanExporter) -> None:
    stage, got = Stage(), []

    @stage.service.subscription("first", event="one")
    async def first(context: Context, payload: object) -> None:
        await context.emit("two", {})
        await context.enqueue("work", {})

    @stage.service.subscription("second", event="two")
    def second(context: Context, payload: object) -> None:
        got.append("second")

    @stage.service.queue_worker("work")
    async def work(context: Context, payload: object) -> None:
        got.append("work")
        raise HandlerError("no")

    async with stage:
        await stage.emit("one")
        await until(lambda: len(got) == 2 and len(spans.get_finished_spans()) == 3)
    by_name = {span.name: span for span in spans.get_finished_spans()}
    parent = by_name["process one"]
    for name in ("process two", "process work"):
        assert by_name[name].context.trace_id == parent.context.trace_id
        assert by_name[name].parent is not None
        assert by_name[name].parent.span_id == parent.context.span_id
    assert by_name["process two"].attributes["purista.outcome"] == "finished"
    assert by_name["process work"].attributes["purista.outcome"] == "failed"
    assert by_name["process work"].status.status_code is trace.StatusCode.ERROR


async def test_a_trace_begins_at_the_gateway_and_crosses_the_broker(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    broker, done = Broker("sub:s/1/onDue", "queue:work"), []
    service = ServiceBuilder("s", "1")

    @service.subscription("onDue", event="due", once=True)
    async def on_due(context: Context, payload: object) -> None:
        done.append(context.message)

    service.schedule(
        "hourly", Cron("0 * * * *"), timezone="UTC", emit="due", payload={}, concurrency_policy="forbid",
        missed_run_policy="runOnce",
    )  # fmt: skip
    clock = ManualClock("2026-01-01T00:30:00Z")
    bridge = AmqpBridge(rabbitmq(), ledger=tmp_path / "p.db", clock=clock, prefix=broker.prefix, exchange=broker.prefix)
    async with await service.get_instance(bridge):
        await clock.advance(hours=1)
        await bridge.gateway.trigger(Call("s/1/hourly"))
        await until(lambda: len(spans.get_finished_spans()) == 2)
    await broker.end()
    by_name = {span.name: span for span in spans.get_finished_spans()}
    sent, worked = by_name["send due"], by_name["process due"]
    assert worked.context.trace_id == sent.context.trace_id
    assert worked.parent is not None
    assert worked.parent.span_id == sent.context.span_id
    assert worked.attributes["purista.schedule.key"] == "s/1/hourly"
    assert f"{sent.context.trace_id:032x}" in traced(done[0])["traceparent"]
    names = {
        metric.name
        for resource in READER.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {"purista.calls", "purista.messages.sent", "purista.work.duration"} <= names


def test_a_broker_is_told_of_the_trace_in_its_own_headers() -> None:
    message = custom_message("x", {}, Address("a", "1", "b", "c"), id="1", timestamp=0)
    assert "traceparent" not in wire.headers_of(message)
    message["otp"] = json.dumps({"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "other": "x"})
    assert wire.headers_of(message)["traceparent"].startswith("00-aaaa")
    assert "other" not in wire.headers_of(message)


@pytest.mark.parametrize("otp", [None, "", "{", "[]", '{"traceparent":1}', '{"traceparent":"nonsense"}', 7])
async def test_whatever_stands_for_a_trace_stops_nobody(spans: InMemorySpanExporter, otp: object) -> None:
    message = custom_message("x", {}, Address("a", "1", "b", "c"), id="1", timestamp=0) | {"otp": otp}
    traced(message)
    with telemetry.working(message, "sub:a/1/b", 1) as work:
        work.outcome = "finished"
    (span,) = spans.get_finished_spans()
    assert span.parent is None


async def test_without_the_library_nothing_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_api", lambda: None)
    message = custom_message("x", {}, Address("a", "1", "b", "c"), id="1", timestamp=0)
    before = dict(message)
    with telemetry.sending([message]), telemetry.working(message, "a", 1):
        telemetry.count("calls", answer="accepted")
        await asyncio.sleep(0)
    assert message == before
    assert telemetry.passed_on() == {}
