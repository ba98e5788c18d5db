"""Call → claimed → published with confirmation → recorded, over RabbitMQ and NATS, beside the bare client's confirmed publish.

    python bench/bench_brokers.py [--quick]

Rows take turns in one process; ratios are medians over the rounds with their spread. The fsync of the machine is beside them:
a decision over a broker is two commits of the ledger and one confirmation of the broker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from purista import Interval, ServiceBuilder
from purista.distributed import AmqpBridge, NatsBridge
from purista.schedulers.base import Call
from purista.testing import ManualClock

AMQP = os.environ.get("PURISTA_TEST_AMQP", "amqp://guest:guest@127.0.0.1/")
POSTGRES = os.environ.get("PURISTA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
NATS = os.environ.get("PURISTA_TEST_NATS", "nats://127.0.0.1:4222")
REDIS = os.environ.get("PURISTA_TEST_REDIS", "redis://127.0.0.1:6379/0")
MINUTE = 60_000
IN_FLIGHT = 100
BODY = json.dumps({"id": "x" * 32, "payload": "y" * 440}).encode()


class Bare:
    """aio-pika: one persistent 500-byte message, mandatory, confirmed, to a quorum queue behind a headers exchange."""

    name = "aio-pika, bare"

    async def start(self) -> None:
        import aio_pika

        self.library, self.prefix = aio_pika, f"bench-{secrets.token_hex(4)}"
        self.connection = await aio_pika.connect(AMQP)
        channel = await self.connection.channel(publisher_confirms=True, on_return_raises=True)
        self.exchange = await channel.declare_exchange(self.prefix, aio_pika.ExchangeType.HEADERS, durable=True)
        self.queue = await channel.declare_queue(self.prefix, durable=True, arguments={"x-queue-type": "quorum"})
        await self.queue.bind(self.exchange, arguments={"x-match": "all", "eventName": "due"})

    async def one(self, number: int) -> None:
        message = self.library.Message(
            BODY, delivery_mode=2, message_id=f"{number}-{secrets.token_hex(8)}", headers={"eventName": "due"}
        )
        await self.exchange.publish(message, "", mandatory=True)

    def next(self) -> None:
        """Nothing: each message is new."""

    async def stop(self) -> None:
        channel = await self.connection.channel()
        under = await channel.get_underlay_channel()
        await under.queue_delete(self.prefix)
        await under.exchange_delete(self.prefix)
        await self.connection.close()


class ByHandSqlite(Bare):
    """What people write: a durable insert, then the publish. Nothing is recorded after it."""

    name = "by hand: SQLite insert, publish"

    async def start(self) -> None:
        await super().start()
        self.place = tempfile.TemporaryDirectory()
        self.db = sqlite3.connect(Path(self.place.name) / "claims.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, body TEXT)")

    async def one(self, number: int) -> None:
        self.db.execute("INSERT INTO claims VALUES (?, ?)", (f"{number}-{secrets.token_hex(8)}", "x" * 200))
        await super().one(number)

    async def stop(self) -> None:
        await super().stop()
        self.db.close()
        self.place.cleanup()


class ByHandPostgres(Bare):
    """What people write: a durable insert, the publish, a durable "done"."""

    name = "by hand: PostgreSQL claim, publish, done"

    async def start(self) -> None:
        import asyncpg

        await super().start()
        self.pool = await asyncpg.create_pool(POSTGRES, min_size=10, max_size=10)
        self.table = self.prefix.replace("-", "_")
        await self.pool.execute(f"CREATE TABLE {self.table} (id TEXT PRIMARY KEY, body TEXT, done BOOLEAN)")

    async def one(self, number: int) -> None:
        id_ = f"{number}-{secrets.token_hex(8)}"
        await self.pool.execute(f"INSERT INTO {self.table} VALUES ($1, $2, false)", id_, "x" * 200)
        await super().one(number)
        await self.pool.execute(f"UPDATE {self.table} SET done = true WHERE id = $1", id_)

    async def stop(self) -> None:
        await self.pool.execute(f"DROP TABLE {self.table}")
        await self.pool.close()
        await super().stop()


class BareNats:
    """nats-py: one 500-byte message into a stream on disk, acknowledged."""

    name = "nats-py, bare"

    async def start(self) -> None:
        import nats

        self.prefix = f"bench{secrets.token_hex(4)}"
        self.connection = await nats.connect(NATS)
        self.stream = self.connection.jetstream()
        await self.stream.add_stream(name=self.prefix, subjects=[f"{self.prefix}.due"])

    async def one(self, number: int) -> None:
        await self.stream.publish(
            f"{self.prefix}.due", BODY, headers={"Nats-Msg-Id": f"{number}-{secrets.token_hex(8)}"}
        )

    def next(self) -> None:
        """Nothing: each message is new."""

    async def stop(self) -> None:
        await self.stream.delete_stream(self.prefix)
        await self.connection.close()


class Ours:
    """Schedules that are due each minute of a clock of our own: every call is a decision."""

    def __init__(
        self, broker: str, ledger: str, schedules: int, prefix: str | None = None, place: str | None = None
    ) -> None:
        self.broker, self.kind, self.schedules = broker, ledger, schedules
        self.name, self.prefix = f"purista: {broker} + {ledger}", prefix or f"bench{secrets.token_hex(4)}"
        self.place = tempfile.TemporaryDirectory()
        self.directory = Path(place or self.place.name)

    async def start(self) -> None:
        self.clock: Any = ManualClock("2026-01-01T00:00:00Z")
        options: dict[str, Any] = {"ledger": self._ledger(), "prefix": self.prefix, "environment": "default"}
        if self.broker == "NATS":
            self.bridge: Any = NatsBridge(NATS, **options)
        else:
            self.bridge = AmqpBridge(AMQP, exchange=self.prefix, **options)
        service = ServiceBuilder("bench", "1")

        @service.subscription("work", event="due")
        async def work(context: Any, payload: object) -> None:
            """Never called: nothing is consumed here."""

        for number in range(self.schedules):
            service.schedule(
                f"s{number}", Interval(timedelta(minutes=1)), emit="due", payload={"at": "{scheduled_at}", "text": "y" * 60},
                concurrency_policy="allow", missed_run_policy="skip",
            )  # fmt: skip
        self.instance = await service.get_instance(self.bridge)
        await self.instance.start(consume=False)
        self.keys = [f"bench/1/s{number}" for number in range(self.schedules)]

    def _ledger(self) -> Any:
        if self.kind == "SQLite":
            from purista.ledgers.sqlite import SqliteLedger
            from purista.sqlite.file import SqliteFile

            file = SqliteFile(str(self.directory / "ledger.db"))
            return SqliteLedger(file, clock=self.clock, deliver=False)
        if self.kind == "Redis":
            from purista.ledgers.redis import RedisLedger
            from purista.redis.server import Server

            return RedisLedger(Server(REDIS, prefix=self.prefix), clock=self.clock)
        from purista.ledgers.postgres import PostgresLedger
        from purista.postgres.database import Database

        return PostgresLedger(Database(POSTGRES, schema=self.prefix), clock=self.clock)

    def next(self) -> None:
        self.clock.jump(self.clock.now() // MINUTE * MINUTE + MINUTE)

    async def one(self, number: int) -> None:
        reply = await self.bridge.gateway.trigger(Call(self.keys[number]))
        assert reply.answer == "accepted", reply

    async def stop(self) -> None:
        await self.instance.stop()  # first: a consumer declares again what is taken from it
        await (self._clean_nats() if self.broker == "NATS" else self._clean_rabbit())
        if self.kind == "Redis":
            import redis.asyncio as redis

            client = redis.Redis.from_url(REDIS)
            async for key in client.scan_iter(f"{{{self.prefix}}}:*", count=1_000):
                await client.delete(key)
            await client.aclose()
        if self.kind == "PostgreSQL":
            import asyncpg

            connection = await asyncpg.connect(POSTGRES)
            await connection.execute(f"DROP SCHEMA {self.prefix} CASCADE")
            await connection.close()
        self.place.cleanup()

    async def _clean_nats(self) -> None:
        import nats

        connection = await nats.connect(NATS)
        stream = connection.jetstream()
        for info in await stream.streams_info():
            name = info.config.name or ""
            if name.startswith(self.prefix):
                await stream.delete_stream(name)
        await connection.close()

    async def _clean_rabbit(self) -> None:
        import aio_pika

        connection = await aio_pika.connect(AMQP)
        under = await (await connection.channel()).get_underlay_channel()
        for name in (f"{self.prefix}.sub.bench.1.work", f"{self.prefix}.sub.bench.1.work.dead"):
            await under.queue_delete(name)
        await under.exchange_delete(self.prefix)
        await connection.close()


async def in_sequence(row: Any, count: int) -> float:
    row.next()
    begin = time.perf_counter()
    for number in range(count):
        await row.one(number)
    return count / (time.perf_counter() - begin)


async def in_flight(row: Any, count: int) -> float:
    row.next()
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await row.one(number)

    begin = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(IN_FLIGHT)])
    return count / (time.perf_counter() - begin)


def show(title: str, found: dict[str, list[float]]) -> None:
    bare = found[Bare.name]
    print(f"\n{title:<44}{'per second':>12}{'x aio-pika':>12}{'spread':>16}")
    for name, rates in found.items():
        ratios = [rate / other for rate, other in zip(rates, bare, strict=True)]
        spread = f"{min(ratios):.2f} - {max(ratios):.2f}"
        print(f"{name:<44}{statistics.median(rates):>12,.0f}{statistics.median(ratios):>12.2f}{spread:>16}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, few, many = (2, 100, 1_000) if quick else (7, 500, 5_000)
    measures: list[tuple[str, Callable[[Any, int], Awaitable[float]], int]] = [
        ("one after another", in_sequence, few), (f"{IN_FLIGHT} in flight", in_flight, many),
    ]  # fmt: skip
    for title, measure, count in measures:
        rows: list[Any] = [
            Bare(), ByHandSqlite(), Ours("RabbitMQ", "SQLite", count), ByHandPostgres(), Ours("RabbitMQ", "PostgreSQL", count),
            BareNats(), Ours("NATS", "SQLite", count), Ours("NATS", "PostgreSQL", count), Ours("NATS", "Redis", count),
        ]  # fmt: skip
        for row in rows:
            await row.start()
        found: dict[str, list[float]] = {row.name: [] for row in rows}
        for row in rows:  # reads contracts, opens connections
            await measure(row, count)
        for _ in range(rounds):
            for row in rows:
                found[row.name].append(await measure(row, count))
        show(title, found)
        for row in rows:
            await row.stop()


if __name__ == "__main__":
    asyncio.run(main())
