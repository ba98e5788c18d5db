"""From the call to the handler that has begun, at low load, over each broker and ledger: policy `allow` and `forbid` (permits).

    python bench/bench_latency.py [--quick]

Twenty calls a second; gateway and worker share one process. The parts are measured in the same rounds, at the same pace: a
bare durable commit of each ledger's server, and a bare confirmed publish to each broker. The aim is two commits, one publish
and 2 ms; with permits one commit more. Redis keeps nothing on disk here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
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
Timed = Callable[[int], Awaitable[float | None]]


class Stack(Ours):
    """An app over real servers and the real clock: 40 schedules of each policy, with a subscription that notes the time."""

    async def start(self) -> None:
        self.clock = SystemClock()
        options: dict[str, Any] = {"ledger": self._ledger(), "prefix": self.prefix, "environment": "default"}
        if self.broker == "NATS":
            self.bridge = NatsBridge(NATS, **options)
        else:
            self.bridge = AmqpBridge(AMQP, exchange=self.prefix, **options)
        self.begun: dict[tuple[str, int], asyncio.Future[float]] = {}
        self.instance: Any = App([self._service()], bridge=self.bridge)  # stopped as an instance is
        await self.instance.start()

    def _service(self) -> ServiceBuilder:
        service = ServiceBuilder("bench", "1")

        @service.subscription("work", event="due", once=False)
        async def work(context: Any, payload: dict[str, Any]) -> None:
            waiting = self.begun.get((payload["policy"], payload["number"]))
            if waiting is not None and not waiting.done():
                waiting.set_result(time.perf_counter())

        for policy in POLICIES:
            for number in range(SCHEDULES):
                service.schedule(
                    f"{policy}{number}", Interval(timedelta(milliseconds=EVERY_MS)), emit="due",
                    payload={"policy": policy, "number": number}, concurrency_policy=policy, missed_run_policy="skip",
                )  # fmt: skip
        return service

    async def catch_up(self, policy: str) -> None:
        """Decide what has passed since the last turn, so that each call that is timed decides one occurrence."""
        self.begun.clear()
        calls = [Call(f"bench/1/{policy}{number}") for number in range(SCHEDULES)]
        await self.bridge.gateway.trigger_all(calls)
        await asyncio.sleep(0.5)

    def act(self, policy: str) -> Timed:
        """Call; milliseconds until the handler began, None where nothing was due."""

        async def called(number: int) -> float | None:
            key = (policy, number % SCHEDULES)
            waiting = self.begun[key] = asyncio.get_running_loop().create_future()
            begin = time.perf_counter()
            reply = await self.bridge.gateway.trigger(Call(f"bench/1/{policy}{number % SCHEDULES}"))
            if not any(row.decision in (Decision.CLAIMED, Decision.PUBLISHED) for row in reply.rows):
                return None  # not due yet, or the run before it is still open
            try:
                return (await asyncio.wait_for(waiting, 10) - begin) * 1000
            except TimeoutError:
                print("LOST", self.name, key, reply, flush=True)
                return None

        return called


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
        self.postgres: Any = await asyncpg.connect(POSTGRES)
        await self.postgres.execute(f"CREATE TABLE {self.table} (id TEXT PRIMARY KEY, body TEXT)")
        self.redis = redis.Redis.from_url(REDIS)

    async def sqlite(self, _number: int) -> None:
        self.db.execute("INSERT INTO claims VALUES (?, ?)", (secrets.token_hex(16), "x" * 200))

    async def in_postgres(self, _number: int) -> None:
        await self.postgres.execute(f"INSERT INTO {self.table} VALUES ($1, $2)", secrets.token_hex(16), "x" * 200)

    async def in_redis(self, _number: int) -> None:
        await self.redis.hset(self.table, secrets.token_hex(16), "x" * 200)

    async def stop(self) -> None:
        await self.postgres.execute(f"DROP TABLE {self.table}")
        await self.postgres.close()
        await self.redis.delete(self.table)
        await self.redis.aclose()
        self.db.close()
        self.place.cleanup()


def timed(act: Act) -> Timed:
    async def one(number: int) -> float | None:
        begin = time.perf_counter()
        await act(number)
        return (time.perf_counter() - begin) * 1000

    return one


async def paced(act: Timed, calls: int) -> list[float]:
    """A call each 50 ms from a whole period of the schedules on; none waits for the one before."""
    now = time.time()
    wait = EVERY_MS / 1000 - now % (EVERY_MS / 1000) + 0.01
    start = asyncio.get_running_loop().time() + wait
    running = []
    for number in range(calls):
        await asyncio.sleep(max(0, start + number * PACE_MS / 1000 - asyncio.get_running_loop().time()))
        running.append(asyncio.create_task(act(number)))
    return [took for took in await asyncio.gather(*running) if took is not None]


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
            if len(values) < 2:
                continue
            commits = 3 if policy == "forbid" else 2
            sum_ = commits * at(parts[f"commit: {ledger}"], 0.5) + at(parts[f"confirmed publish: {broker}"], 0.5)
            p50 = at(values, 0.5)
            verdict = "met" if p50 <= sum_ + OWN_MS else "missed"
            head = f"{f'{broker} + {ledger}, {policy}':<36}{p50:>8.2f}{at(values, 0.99):>8.2f}{len(values):>10}"
            print(f"{head}{sum_:>8.2f}{p50 - sum_:>8.2f}{sum_ + OWN_MS:>8.2f}  {verdict}", flush=True)


async def opened(stack: contextlib.AsyncExitStack) -> tuple[dict[str, Timed], dict[str, Callable[[], Awaitable[None]]]]:
    """Every row by its name, the parts first; and what to do before the turn of some."""
    commits, rabbit, nats = Commits(), Bare(), BareNats()
    ours = {(broker, ledger): Stack(broker, ledger, SCHEDULES) for broker, ledger in STACKS}
    for row in (commits, rabbit, nats, *ours.values()):
        await row.start()
        stack.push_async_callback(row.stop)
    before: dict[str, Callable[[], Awaitable[None]]] = {}
    rows = {
        "commit: SQLite": timed(commits.sqlite), "commit: PostgreSQL": timed(commits.in_postgres),
        "commit: Redis": timed(commits.in_redis), "confirmed publish: RabbitMQ": timed(rabbit.one),
        "confirmed publish: NATS": timed(nats.one),
    }  # fmt: skip
    for (broker, ledger), row in ours.items():
        for policy in POLICIES:
            name = f"purista: {broker} + {ledger}, {policy}"
            rows[name], before[name] = row.act(policy), partial(row.catch_up, policy)
    return rows, before


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, calls = (2, 40) if quick else (6, 120)
    async with contextlib.AsyncExitStack() as stack:
        rows, before = await opened(stack)
        found: dict[str, list[float]] = {name: [] for name in rows}
        for turn in range(rounds + 1):
            for name, act in rows.items():
                if name in before:
                    await before[name]()
                values = await paced(act, calls if turn else SCHEDULES // 2)
                found[name] += values if turn else []  # the first reads contracts and opens connections
        show(found)


if __name__ == "__main__":
    asyncio.run(main())
