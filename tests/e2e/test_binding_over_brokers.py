"""PURISTA's enterprise pattern over real brokers: schedule → event → queue → worker → result event, in two processes' worth
of bridges that share nothing but broker and ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from purista import Context, Cron, ServiceBuilder
from purista.amqp.wire import queue_name
from purista.assembly import Assembly
from purista.distributed import AmqpBridge, NatsBridge
from purista.gateway.decide import Answer
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.schedulers.base import Call
from purista.testing import ManualClock
from purista.testing.suites.common import until
from tests.broker import Broker
from tests.e2e.test_over_rabbitmq import ended
from tests.services import nats, postgres, rabbitmq
from tests.subjects import Subjects

BINDING = "sub:user/1/eventToQueue:cycle.due:cycle.run"


def service(done: list[Any]) -> ServiceBuilder:
    user = ServiceBuilder("user", version="1")

    @user.queue_worker("cycle.run", result_event="cycle.done")
    async def run(context: Context, cycle: dict[str, str]) -> dict[str, str]:
        assert context.schedule is not None
        return {"ran": cycle["id"], "because": context.schedule.name}

    @user.subscription("onDone", event="cycle.done", once=True)
    async def on_done(context: Context, payload: dict[str, str]) -> None:
        done.append(payload)

    user.bind_event_to_queue("cycle.due", run, idempotency_key="payload.id")
    user.schedule(
        "cycle", Cron("0 2 1 * *"), timezone="Europe/Berlin", emit="cycle.due", concurrency_policy="forbid",
        missed_run_policy="runOnce", payload={"id": "{scheduled_at:%Y-%m}"},
    )  # fmt: skip
    return user


async def story(worker: Assembly, gateway: Assembly, clock: ManualClock) -> None:
    done: list[Any] = []
    async with gateway, await service(done).get_instance(worker):
        await clock.advance_to("2026-02-01T02:00:01Z")
        assert (await gateway.gateway.trigger(Call("user/1/cycle"))).answer is Answer.ACCEPTED
        await ended(gateway, "user/1/cycle")
        await until(lambda: len(done) == 1)
    assert done == [{"ran": "2026-02", "because": "cycle"}]


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker(BINDING, "sub:user/1/onDone", "queue:cycle.run")
    yield broker
    await broker.end()


async def test_over_rabbitmq(broker: Broker, schema: str) -> None:
    clock = ManualClock("2026-01-15T00:00:00Z")

    def bridge() -> Assembly:
        ledger = PostgresLedger(Database(postgres(), schema=schema), clock=clock)
        return AmqpBridge(rabbitmq(), ledger=ledger, clock=clock, prefix=broker.prefix, exchange=broker.prefix)

    await story(bridge(), bridge(), clock)


async def test_over_nats(schema: str) -> None:
    clock, subjects = ManualClock("2026-01-15T00:00:00Z"), Subjects()

    def bridge() -> Assembly:
        ledger = PostgresLedger(Database(postgres(), schema=schema), clock=clock)
        return NatsBridge(nats(), ledger=ledger, prefix=subjects.prefix)

    try:
        await story(bridge(), bridge(), clock)
    finally:
        await subjects.end()


def test_the_queue_of_a_binding_is_called_as_in_typescript() -> None:
    assert queue_name("purista", BINDING) == "purista.sub.user.1.eventToQueue:cycle.due:cycle.run"
