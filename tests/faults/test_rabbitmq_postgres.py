"""Three gateways and three workers over RabbitMQ and PostgreSQL, while everything around them breaks.

``PURISTA_FAULT_SECONDS`` says for how long (25 by default; for minutes: ``PURISTA_FAULT_SECONDS=300 make faults``).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from purista.clock import SystemClock
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from tests.broker import Broker
from tests.faults.fleet import Fleet
from tests.proxy import Proxy
from tests.services import postgres, rabbitmq

SECONDS = float(os.environ.get("PURISTA_FAULT_SECONDS", "25"))
SEED = int(os.environ.get("PURISTA_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("queue:fleet.work", "sub:fleet/1/onDue", "cmd:fleet/1/fleetCommand")
    yield broker
    await broker.end()


def behind(url: str, proxy: Proxy) -> str:
    place = urlsplit(url)
    user = place.netloc.rpartition("@")[0]
    return f"{place.scheme}://{user + '@' if user else ''}127.0.0.1:{proxy.port}{place.path}"


@pytest.mark.slow
async def test_nothing_is_lost_and_nothing_works_twice_at_a_time(broker: Broker, schema: str, tmp_path: Path) -> None:
    amqp, pg = urlsplit(rabbitmq()), urlsplit(postgres())
    async with (
        Proxy(amqp.hostname or "127.0.0.1", amqp.port or 5672) as to_broker,
        Proxy(pg.hostname or "127.0.0.1", pg.port or 5432) as to_ledger,
    ):
        config = {
            "bridge": "AmqpBridge", "url": behind(rabbitmq(), to_broker), "ledger": behind(postgres(), to_ledger),
            "schema": schema, "options": {"prefix": broker.prefix, "exchange": broker.prefix},
            "log": str(tmp_path / "work.jsonl"), "schedules": 12, "every": 3,
        }  # fmt: skip
        fleet = Fleet(config, seed=SEED)

        async def cut(proxy: Proxy, name: str) -> None:
            proxy.cut()
            await asyncio.sleep(fleet.random.uniform(0.05, 1.0))
            proxy.restore()
            fleet.account.faults[name] += 1

        async def cut_in_the_middle() -> None:
            """Of a frame: of a publish or of a commit."""
            proxy = fleet.random.choice([to_broker, to_ledger])
            proxy.cut_after = proxy.forwarded + fleet.random.randrange(200, 20_000)
            for _ in range(100):
                if proxy.cut_after is None or not proxy.is_open:
                    break
                await asyncio.sleep(0.01)
            proxy.restore()
            fleet.account.faults["cut in the middle of a frame"] += 1

        async with PostgresLedger(Database(postgres(), schema=schema)) as ledger:
            await fleet.start("worker")
            await fleet.ready()
            clock = SystemClock()
            since = clock.now() // 3_000 * 3_000 + 6_000
            await fleet.start("worker", "worker", "gateway", "gateway", "gateway")
            await fleet.harass(
                SECONDS, lambda: fleet.kill("gateway"), lambda: fleet.kill("worker"), lambda: cut(to_broker, "broker cut"),
                lambda: cut(to_ledger, "ledger cut"), cut_in_the_middle,
            )  # fmt: skip
            until = clock.now() // 3_000 * 3_000
            await asyncio.sleep(1)
            await fleet.quiet(ledger, since, until)
            await fleet.stop()
            account = await fleet.check(ledger, since, until)
    print(f"seed {SEED}, {SECONDS:g} s: {account}")
    assert account.finished > 0
    assert account.faults.total() >= SECONDS / 4
