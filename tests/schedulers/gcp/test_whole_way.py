"""From the declared contract through the real clients to the fake cloud, and from its message to a worker on RabbitMQ, with the
account in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from purista import AmqpBridge, Context, Cron, GcpScheduler, ServiceBuilder
from purista.auth.keys import StaticKeys
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.gateway.pull import Puller
from purista.ledgers.base import Decision, Query, RunState
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.schedulers.base import Entry
from purista.testing import ManualClock
from tests.broker import Broker
from tests.schedulers.gcp.cloud import Cloud
from tests.schedulers.gcp.test_ingress import SUBSCRIPTION, Google, recorded, visitor
from tests.schedulers.gcp.topic import Topic
from tests.schedulers.gcp.world import dialect
from tests.services import postgres, rabbitmq

KEY = "shop/1/monthly"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("queue:billing.run")
    yield broker
    await broker.end()


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with Cloud().open() as cloud:
        yield cloud


def billing(done: list[str]) -> ServiceBuilder:
    shop = ServiceBuilder("shop", version="1")

    @shop.queue_worker("billing.run")
    def bill(context: Context, cycle: dict[str, Any]) -> None:
        done.append(cycle["cycle"])

    shop.schedule(
        "monthly", Cron("0 2 1 * *"), timezone="Europe/Berlin", enqueue=bill, payload={"cycle": "{scheduled_at:%Y-%m}"},
        concurrency_policy="forbid", missed_run_policy="runOnce",
    )  # fmt: skip
    return shop


def bridge(broker: Broker, schema: str, clock: ManualClock, cloud: Cloud) -> AmqpBridge:
    ledger = PostgresLedger(Database(postgres(), schema=schema), clock=clock)
    scheduler = GcpScheduler(project="my-shop", location="europe-west3", topic="purista", connect=cloud.client)
    return AmqpBridge(
        rabbitmq(), ledger=ledger, clock=clock, prefix=broker.prefix, exchange=broker.prefix, scheduler=scheduler
    )


def what_is_called(cloud: Cloud, clock: ManualClock) -> dict[str, str]:
    """The attributes of the one job that calls for the schedule, at the instant it is due and not a minute before."""
    calls = {}
    for job in cloud.jobs.values():
        entry = Entry("", (), json.dumps({"schedule": job.schedule, "timeZone": job.time_zone}), "")
        now = clock.now() // 1000
        if "schedule" in job.pubsub_target.attributes and dialect().predict(entry, now, now + 60):
            calls[job.name] = dict(job.pubsub_target.attributes)
    (attributes,) = calls.values()
    return attributes


async def ended(gateway: AmqpBridge) -> None:
    async with asyncio.timeout(60):
        while True:
            rows = (await gateway.ledger.history(Query(key=KEY))).rows
            if rows and rows[0].row.run is RunState.FINISHED:
                assert [row.row.decision for row in rows] == [Decision.PUBLISHED]
                return
            await asyncio.sleep(0.01)


async def test_cloud_scheduler_by_pull_to_a_worker(broker: Broker, schema: str, cloud: Cloud) -> None:
    clock, done = ManualClock("2026-01-15T00:00:00Z"), list[str]()
    worker, gateway = (bridge(broker, schema, clock, cloud) for _ in range(2))
    async with Topic().open() as topic, gateway, await billing(done).get_instance(worker):
        assert len(cloud.jobs) == 2
        clock.jump(1_769_907_600_000)  # 2026-02-01T01:00Z
        stop = asyncio.Event()
        puller = Puller(gateway.gateway, SUBSCRIPTION, connect=topic.client)
        task = asyncio.create_task(puller.run(stop.wait()))
        for _ in range(2):  # at least once
            topic.publish(**what_is_called(cloud, clock))
        await topic.settled(2)
        await ended(gateway)
        stop.set()
        await task
    assert done == ["2026-02"]


async def test_cloud_scheduler_by_push_to_a_worker(broker: Broker, schema: str, cloud: Cloud) -> None:
    clock, done = ManualClock("2026-01-15T00:00:00Z"), list[str]()
    worker, gateway = (bridge(broker, schema, clock, cloud) for _ in range(2))
    async with gateway, await billing(done).get_instance(worker):
        clock.jump(1_769_907_600_000)
        google = Google(clock.now() // 1000)
        config = GatewayConfig(
            credentials=(visitor(StaticKeys(google.jwks()), schedules=("shop/*",)),),
            subscriptions=frozenset([SUBSCRIPTION]),
        )
        transport = httpx.ASGITransport(HttpGateway(gateway.gateway, config))
        envelope = recorded("push")
        envelope["message"]["attributes"] = what_is_called(cloud, clock)
        async with httpx.AsyncClient(transport=transport, base_url="https://gateway") as client:
            for _ in range(2):
                answer = await client.post("/pubsub", json=envelope, headers=google.bearer())
                assert answer.status_code in (204, 503)  # 503: the first is still being published
        await ended(gateway)
    assert done == ["2026-02"]
