"""One contract over a broker and a ledger of its own: RabbitMQ carries, PostgreSQL keeps, processes share nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from purista import Context, Cron, ServiceBuilder
from purista.clock import from_iso
from purista.distributed import AmqpBridge
from purista.gateway.decide import Answer
from purista.ledgers.base import Decision, Query, RunState
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.schedulers.base import Call, CallKind
from purista.testing import ManualClock
from tests.broker import Broker
from tests.services import postgres, rabbitmq

KEY = "user/1/monthlyBillingCycle"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker(
        "sub:user/1/startBilling",
        "sub:user/1/note",
        "queue:billing.run",
        "queue:mail",
        "cmd:user/1/archive",
        "cmd:user/1/tally",
        "completed:user/1/toCommand",
    )
    yield broker
    await broker.end()


def billing(done: list[str]) -> ServiceBuilder:
    service = ServiceBuilder("user", version="1", description="Customers and their bills")

    @service.queue_worker("billing.run")
    def run_billing(context: Context, cycle: dict) -> None:
        done.append(f"billed {cycle['cycleId']}")

    @service.subscription("startBilling", event="billing.monthlyCycleDue")
    async def start_billing(context: Context, cycle: dict) -> None:
        await context.enqueue(run_billing, cycle)
        answer = await context.invoke("user", "1", "archive", {"days": 30})
        done.append(f"archived {answer['archived']}")

    @service.command("archive")
    async def archive(context: Context, payload: dict) -> dict:
        return {"archived": payload["days"]}

    @service.command("tally")
    async def tally(context: Context, payload: dict) -> None:
        done.append("tallied")

    options = {
        "timezone": "Europe/Berlin",
        "missed_run_policy": "runOnce",
        "payload": {"cycleId": "{scheduled_at:%Y-%m}"},
    }
    service.schedule(
        "monthlyBillingCycle", Cron("0 2 1 * *"), emit="billing.monthlyCycleDue", concurrency_policy="forbid", **options
    )

    @service.subscription("note", event="noted", once=True)
    async def note(context: Context, payload: dict) -> None:
        done.append("noted")

    service.schedule("toNote", Cron("0 2 1 * *"), emit="noted", concurrency_policy="allow", **options)
    service.schedule("toQueue", Cron("0 2 1 * *"), enqueue=run_billing, concurrency_policy="allow", **options)
    service.schedule("toTally", Cron("0 2 1 * *"), invoke=tally, concurrency_policy="allow", **options)
    service.schedule("toCommand", Cron("0 3 1 * *"), invoke=archive, concurrency_policy="forbid",
                     **options | {"payload": {"days": 7}})  # fmt: skip
    return service


def bridge(broker: Broker, schema: str, clock: ManualClock) -> AmqpBridge:
    ledger = PostgresLedger(Database(postgres(), schema=schema), clock=clock)
    return AmqpBridge(rabbitmq(), ledger=ledger, clock=clock, prefix=broker.prefix, exchange=broker.prefix)


async def ended(gateway: AmqpBridge, key: str) -> None:
    for _ in range(1000):
        rows = (await gateway.ledger.history(Query(key=key))).rows
        if rows and rows[0].row.run is RunState.FINISHED:
            assert rows[0].row.decision is Decision.PUBLISHED
            return
        await asyncio.sleep(0.01)
    raise AssertionError([(run.row.decision, run.row.run, run.row.run_detail) for run in rows])


async def test_a_call_in_one_process_becomes_work_in_another(broker: Broker, schema: str) -> None:
    clock, done = ManualClock("2026-01-15T00:00:00Z"), []
    worker, gateway = (bridge(broker, schema, clock) for _ in range(2))
    async with gateway, await billing(done).get_instance(worker):
        await clock.advance_to("2026-02-01T02:00:01Z")
        due = from_iso("2026-02-01T01:00:00Z")
        answers = await asyncio.gather(*[gateway.gateway.trigger(Call(KEY, scheduled_at=due)) for _ in range(3)])
        assert {outcome.answer for outcome in answers} <= {Answer.ACCEPTED, Answer.DUPLICATE, Answer.RETRY}
        for name in ("toQueue", "toCommand"):
            assert (await gateway.gateway.trigger(Call(f"user/1/{name}"))).answer is Answer.ACCEPTED
        for name in ("monthlyBillingCycle", "toQueue", "toCommand"):
            await ended(gateway, f"user/1/{name}")
    assert sorted(done) == ["archived 30", "billed 2026-02", "billed 2026-02"]


async def test_what_is_published_twice_is_worked_once(broker: Broker, schema: str) -> None:
    """RabbitMQ remembers no ids: for ``once``, jobs and scheduled commands the ledger does, under ``allow`` as well."""
    clock, done = ManualClock("2026-01-15T00:00:00Z"), []
    worker, gateway = (bridge(broker, schema, clock) for _ in range(2))
    enqueue, publish = gateway.queue.enqueue, gateway.bridge.publish

    async def enqueue_twice(jobs):
        await enqueue(jobs)
        return await enqueue(jobs)

    async def publish_twice(messages):
        await publish(messages)
        return await publish(messages)

    gateway.queue.enqueue, gateway.bridge.publish = enqueue_twice, publish_twice
    async with gateway, await billing(done).get_instance(worker):
        await clock.advance_to("2026-02-01T02:00:01Z")
        for name in ("toNote", "toQueue", "toTally"):
            assert (await gateway.gateway.trigger(Call(f"user/1/{name}"))).answer is Answer.ACCEPTED
        for name in ("toNote", "toQueue", "toTally"):
            await ended(gateway, f"user/1/{name}")
        for address in ("sub:user/1/note", "queue:billing.run", "cmd:user/1/tally"):
            async with worker.bridge.link.channel() as channel:
                for _ in range(500):
                    counted = await channel.queue_declare(broker.queue(address), passive=True)
                    if not counted.message_count:
                        break
                    await asyncio.sleep(0.01)
    assert sorted(done) == ["billed 2026-02", "noted", "tallied"]


async def test_a_host_whose_clock_is_behind_delays_nothing(
    broker: Broker, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job says by the ledger's time when it shall be seen: that is what broker and worker must go by."""
    true, done = time.time_ns, []
    monkeypatch.setattr(time, "time_ns", lambda: true() - 90 * 10**9)
    ledger = f"{postgres()}?schema={schema}"
    bridge = AmqpBridge(rabbitmq(), ledger=ledger, prefix=broker.prefix, exchange=broker.prefix)
    async with await billing(done).get_instance(bridge):
        call = Call("user/1/toQueue", CallKind.MANUAL, request="now")
        assert (await bridge.gateway.trigger(call)).answer is Answer.ACCEPTED
        await ended(bridge, "user/1/toQueue")
    assert len(done) == 1
