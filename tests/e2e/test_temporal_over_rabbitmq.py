"""Registered over the event bridge, fired by a real Temporal, carried by RabbitMQ, kept by PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from purista import AmqpBridge, Context, Interval, ServiceBuilder, TemporalScheduler
from purista.cli.temporal import recorded, within
from purista.ledgers.base import Query, RunState
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.schedulers.base import Owner
from purista.schedulers.temporal.worker import serve
from tests.broker import Broker
from tests.schedulers.temporal.server import Server, eventually
from tests.services import postgres, rabbitmq


@pytest.fixture(scope="module")
def temporal() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("cmd:shop/1/tidy")
    yield broker
    await broker.end()


@asynccontextmanager
async def node(broker: Broker, schema: str, scheduler: TemporalScheduler) -> AsyncIterator[AmqpBridge]:
    ledger = PostgresLedger(Database(postgres(), schema=schema, environment="e2e"))
    options = {"prefix": broker.prefix, "exchange": broker.prefix, "environment": "e2e"}
    bridge = AmqpBridge(rabbitmq(), ledger=ledger, scheduler=scheduler, **options)  # type: ignore[arg-type]
    async with bridge:
        yield bridge


async def test_a_service_on_a_broker_is_called_by_temporal(temporal: Server, broker: Broker, schema: str) -> None:
    work: list[str] = []
    shop = ServiceBuilder("shop", version="1")

    @shop.command("tidy")
    async def tidy(context: Context) -> None:
        assert context.schedule is not None
        work.append(str(context.schedule.scheduled_at))

    shop.schedule(
        "tidy", Interval(timedelta(seconds=2)), timezone="UTC", invoke=tidy, concurrency_policy="forbid",
        missed_run_policy="runOnce",
    )  # fmt: skip
    scheduler = TemporalScheduler(temporal.address, task_queue=f"q{secrets.token_hex(4)}", wait=True)
    stop, client = asyncio.Event(), await temporal.client()
    async with node(broker, schema, scheduler) as bridge, await shop.get_instance(bridge):
        owner = Owner("shop", "e2e", bridge.ledger.ledger_id)
        assert [entry.paused for entry in await scheduler.control.list(owner)] == [False]
        queue = str(scheduler.place.task_queue)
        working = asyncio.create_task(serve(client, queue, within(bridge.gateway), stop.wait, recorded(bridge.gateway)))
        try:
            await eventually(lambda: finished(bridge, 3))
        finally:
            stop.set()
            await working
        rows = [run.row for run in (await bridge.ledger.history(Query(limit=100))).rows]
    assert len({row.scheduled_at for row in rows}) == len(rows), "each occurrence is decided once"
    assert len(work) == len(set(work)) >= 3, "and worked once"


async def finished(bridge: AmqpBridge, count: int) -> bool:
    runs = (await bridge.ledger.history(Query(limit=100))).rows
    return sum(run.row.run is RunState.FINISHED and run.row.source == "temporal" for run in runs) >= count
