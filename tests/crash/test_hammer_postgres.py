"""Three gateways on one PostgreSQL ledger, each with a publisher of its own: duplicates by the thousand, one of them killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from purista import Interval, ServiceBuilder
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Decision, Outgoing, Query
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call
from purista.testing import SharedClock
from tests.services import postgres

PROCESSES = multiprocessing.get_context("forkserver")
KEYS = [f"busy/1/hourly{number}" for number in range(40)]
LEASE_MS = 10_000


class Log:
    """A broker that is a file: one line for each message, written at once. Slow on purpose where one shall die."""

    def __init__(self, path: str, *, slow: bool) -> None:
        self._path, self._slow = path, slow

    async def publish_raw(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        if self._slow:
            await asyncio.Event().wait()  # until it is killed: claimed, and nothing sent
        with Path(self._path).open("a", encoding="utf-8") as log:
            log.write("".join(f"{message.occurrence_id}\n" for message in messages))
        return [None] * len(messages)


def gateway(url: str, schema: str, clock_file: str, log: str, slow: bool, calls: int, answers: Any) -> None:
    async def run() -> Counter[str]:
        database = Database(url, schema=schema, connections=3)
        async with PostgresLedger(database, clock=SharedClock(clock_file)) as ledger:
            door = Gateway(ledger, publisher=Log(log, slow=slow), claim_lease_ms=LEASE_MS)
            waiting = iter(KEYS[number % len(KEYS)] for number in range(calls))
            counted: Counter[str] = Counter()

            async def caller() -> None:
                for key in waiting:
                    if slow:
                        answers.put("calling")
                    counted[(await door.trigger(Call(key, source="hammer"))).answer] += 1

            await asyncio.gather(*(caller() for _ in range(20)))
            return counted

    answers.put(asyncio.run(run()))


async def _register(schema: str, clock: SharedClock) -> None:
    service = ServiceBuilder("busy", "1", "called from everywhere")
    for key in KEYS:
        service.schedule(
            key.rpartition("/")[2], Interval(timedelta(hours=1)), enqueue="work", concurrency_policy="allow",
            missed_run_policy="runOnce",
        )  # fmt: skip
    async with PostgresLedger(Database(postgres(), schema=schema), clock=clock) as ledger:
        await Registrar(ledger).register("busy", "1", service.schedules)


async def _claimed(schema: str, clock: SharedClock) -> int:
    async with PostgresLedger(Database(postgres(), schema=schema), clock=clock) as ledger:
        rows = [run.row for key in KEYS for run in (await ledger.history(Query(key=key))).rows]
        return sum(row.decision is Decision.CLAIMED for row in rows)


def test_three_gateways_publish_each_occurrence_once_and_a_killed_one_loses_nothing(
    schema: str, tmp_path: Path
) -> None:
    url, log = postgres(), str(tmp_path / "published")
    clock = SharedClock(tmp_path / "clock", "2026-01-01T00:30:00Z")
    asyncio.run(_register(schema, clock))
    clock.move(minutes=30)
    answers = PROCESSES.Queue()
    doomed = PROCESSES.Process(
        target=gateway, args=(url, schema, str(tmp_path / "clock"), log, True, len(KEYS), answers)
    )
    doomed.start()
    deadline = time.monotonic() + 30
    while not asyncio.run(_claimed(schema, clock)) and time.monotonic() < deadline:
        assert doomed.is_alive()
    assert doomed.pid is not None
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.join(10)
    claimed = asyncio.run(_claimed(schema, clock))
    assert claimed, "it died with claims"
    assert not Path(log).exists(), "and without a message"

    clock.move(seconds=LEASE_MS / 1000 + 1)
    counted = PROCESSES.Queue()
    running = [
        PROCESSES.Process(target=gateway, args=(url, schema, str(tmp_path / "clock"), log, False, 2_000, counted))
        for _ in range(3)
    ]
    for process in running:
        process.start()
    total: Counter[str] = sum((counted.get(timeout=120) for _ in running), Counter())
    for process in running:
        process.join(20)
        assert process.exitcode == 0
    published = Counter(Path(log).read_text("utf-8").split())
    assert len(published) == len(KEYS)
    assert set(published.values()) == {1}, "an occurrence was published twice"
    # What the dead one had claimed may be taken over by a sweep, which answers nobody.
    assert len(KEYS) - claimed <= total["accepted"] <= len(KEYS)
    assert sum(total.values()) == 6_000
    assert set(total) <= {"accepted", "duplicate", "retry"}
