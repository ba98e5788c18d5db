"""From the call to the handler that has begun, at low load, over each broker and ledger: policy `allow` and `forbid` (permits).

    python bench/bench_latency.py [--quick]

Twenty calls a second, to both policies in turn; gateway and worker share one process and are new in each round. The parts are
measured in the same rounds, at the same pace: a bare durable commit of each ledger's server, and a bare confirmed publish to
each broker. The aim is two commits, one publish and 2 ms; with permits one commit more. Redis keeps nothing on disk here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench_brokers import AMQP, NATS, POSTGRES, REDIS, Bare, BareNats, Ours

from purista import App, Interval, ServiceBuilder
from purista.clock import SystemClock
from purista.distributed import AmqpBridge, NatsBridge
from purista.ledgers.base import Decision
from purista.schedulers.base import Call

PACE_MS = 50
SCHEDULES, EVERY_MS = 40, 40 * PACE_MS  # each is called when one occurrence of it has come
OWN_MS = 2.0
STACKS = (("RabbitMQ", "SQLite"), ("RabbitMQ", "PostgreSQL"), ("NATS", "PostgreSQL"), ("NATS", "Redis"))
POLICIES = ("allow", "forbid")
Act = Callable[[int], Awaitable[None]]
Timed = Callable[[int], Coroutine[Any, Any, tuple[str, float] | None]]


class Stack(Ours):
    """An app over real servers and the real clock: 40 schedules, policies in turn, and a subscription that notes the time."""

    async def start(self) -> None:
        self.clock = SystemClock()
        options: dict[str, Any] = {"ledger": self._ledger(), "prefix": self.prefix, "environment": "default"}
        if self.broker == "NATS":
            self.bridge = NatsBridge(NATS, **options)
        else:
            self.bridge = AmqpBridge(AMQP, exchange=self.prefix, **options)
        self.begun: dict[int, asyncio.Future[float]] = {}
        self.instance: Any = App([self._service()], bridge=self.bridge)  # stopped as an instance is
        await self.instance.start()

    def _service(self) -> ServiceBuilder:
        service = ServiceBuilder("bench", "1")

        @service.subscription("work", event="due", once=False)
        async def work(context: Any, payload: dict[str, Any]) -> None:
            waiting = self.begun.get(payload["number"])
            if waiting is not None and not waiting.done():
                waiting.set_result(time.perf_counter())

        for number in range(SCHEDULES):
            service.schedule(
                f"s{number}", Interval(timedelta(milliseconds=EVERY_MS)), emit="due", payload={"number": number},
                concurrency_policy=POLICIES[number % 2], missed_run_policy="skip",
            )  # fmt: skip
        return service

    async def called(self, number: int) -> tuple[str, float] | None:
        """Call; milliseconds until the handler began, None where nothing was due or the run before it is still open."""
        place = number % SCHEDULES
        waiting = self.begun[place] = asyncio.get_running_loop().create_future()
        begin = time.perf_counter()
        reply = await self.bridge.gateway.trigger(Call(f"bench/1/s{place}"))
        if not any(row.decision in (Decision.CLAIMED, Decision.PUBLISHED) for row in reply.rows):
            return None
        took = await asyncio.wait_for(waiting, 30) - begin
        return f"{self.name}, {POLICIES[place % 2]}", took * 1000


class Commits:
    """Bare durable inserts of one row, on the servers and the disk that the ledgers use."""

    async def start(self) -> None:
        import asyncpg
        import redis.asyncio as redis

        self.place = tempfile.TemporaryDirectory()
        self.db = sqlite3.connect(Path(self.place.name) / "bare.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.table = f"bench{secrets.token_hex(4)}"
        self.db.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, body TEXT)")
        self.postgres: list[Any] = [await asyncpg.connect(POSTGRES) for _ in range(8)]
        await self.postgres[0].execute(f"CREATE TABLE {self.table} (id TEXT PRIMARY KEY, body TEXT)")
        self.redis = redis.Redis.from_url(REDIS)

    async def sqlite(self, _number: int) -> None:
        self.db.execute("INSERT INTO claims VALUES (?, ?)", (secrets.token_hex(16), "x" * 200))

    async def in_postgres(self, _number: int) -> None:
        connection = self.postgres.pop(0)  # no pool: asyncpg's asks the server once more when it takes one back
        await connection.execute(f"INSERT INTO {self.table} VALUES ($1, $2)", secrets.token_hex(16), "x" * 200)
        self.postgres.append(connection)

    async def in_redis(self, _number: int) -> None:
        await self.redis.hset(self.table, secrets.token_hex(16), "x" * 200)

    async def stop(self) -> None:
        await self.postgres[0].execute(f"DROP TABLE {self.table}")
        for connection in self.postgres:
            await connection.close()
        await self.redis.delete(self.table)
        await self.redis.aclose()
        self.db.close()
        self.place.cleanup()


def timed(name: str, act: Act) -> Timed:
    async def one(number: int) -> tuple[str, float]:
        begin = time.perf_counter()
        await act(number)
        return name, (time.perf_counter() - begin) * 1000

    return one


async def paced(act: Timed, calls: int) -> list[tuple[str, float]]:
    """A call each 50 ms, from a whole period of the schedules on; none waits for the one before. A first period warms up."""
    now = time.time()
    wait = EVERY_MS / 1000 - now % (EVERY_MS / 1000) + 0.01
    start = asyncio.get_running_loop().time() + wait
    running: list[asyncio.Task[tuple[str, float] | None]] = []
    for number in range(SCHEDULES + calls):
        await asyncio.sleep(max(0, start + number * PACE_MS / 1000 - asyncio.get_running_loop().time()))
        running.append(asyncio.create_task(act(number)))
    return [one for one in (await asyncio.gather(*running))[SCHEDULES:] if one is not None]


def at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def show(found: dict[str, list[float]]) -> None:
    print(f"\n{'parts, ms':<36}{'p50':>8}{'p99':>8}{'measured':>10}")
    parts = {name: values for name, values in found.items() if not name.startswith("purista")}
    for name, values in parts.items():
        print(f"{name:<36}{at(values, 0.5):>8.2f}{at(values, 0.99):>8.2f}{len(values):>10}")
    print(f"\n{'call to handler begun, ms':<36}{'p50':>8}{'p99':>8}{'measured':>10}{'parts':>8}{'beyond':>8}{'aim':>8}")
    for broker, ledger in STACKS:
        for policy in POLICIES:
            values = found[f"purista: {broker} + {ledger}, {policy}"]
            commits = 3 if policy == "forbid" else 2
            sum_ = commits * at(parts[f"commit: {ledger}"], 0.5) + at(parts[f"confirmed publish: {broker}"], 0.5)
            p50 = at(values, 0.5)
            verdict = "met" if p50 <= sum_ + OWN_MS else "missed"
            head = f"{f'{broker} + {ledger}, {policy}':<36}{p50:>8.2f}{at(values, 0.99):>8.2f}{len(values):>10}"
            print(f"{head}{sum_:>8.2f}{p50 - sum_:>8.2f}{sum_ + OWN_MS:>8.2f}  {verdict}", flush=True)


async def measured(calls: int) -> list[tuple[str, float]]:
    """One round: the parts, then each stack."""
    found: list[tuple[str, float]] = []
    async with contextlib.AsyncExitStack() as stack:
        commits, rabbit, nats = Commits(), Bare(), BareNats()
        for row in (commits, rabbit, nats):
            await row.start()
            stack.push_async_callback(row.stop)
        acts = {
            "commit: SQLite": commits.sqlite, "commit: PostgreSQL": commits.in_postgres, "commit: Redis": commits.in_redis,
            "confirmed publish: RabbitMQ": rabbit.one, "confirmed publish: NATS": nats.one,
        }  # fmt: skip
        for name, act in acts.items():
            found += await paced(timed(name, act), calls)
    for broker, ledger in STACKS:
        own = Stack(broker, ledger, SCHEDULES)
        await own.start()
        try:
            found += await paced(own.called, 2 * calls)
        finally:
            await own.stop()
    return found


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, calls = (2, 20) if quick else (5, 80)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, took in await measured(calls):
            found.setdefault(name, []).append(took)
    show(found)


if __name__ == "__main__":
    asyncio.run(main())
