"""Decisions per second, CPU and commits per decision, beside bare SQLite inserts and the machine's fsync in the same run.

    python bench/bench_decisions.py [--quick | --large] [--json]

Every ratio compares rows that took turns in one process; the median of the rounds is shown with its spread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from purista import DefaultEventBridge, Interval, ServiceBuilder
from purista.schedulers.base import Call
from purista.testing import ManualClock

MINUTE = 60_000


def fsyncs(directory: Path, count: int) -> float:
    """4 KiB write + fdatasync, per second: the floor under every durable commit."""
    descriptor = os.open(directory / "fsync", os.O_WRONLY | os.O_CREAT)
    block = b"x" * 4096
    begin = time.perf_counter()
    for _ in range(count):
        os.pwrite(descriptor, block, 0)
        os.fdatasync(descriptor)
    took = time.perf_counter() - begin
    os.close(descriptor)
    return count / took


def bare(directory: Path, count: int) -> float:
    """Bare durable inserts, one transaction each: what a hand-written claim costs."""
    path = directory / f"bare-{time.perf_counter_ns()}.db"
    connection = _bare_connection(path)
    connection.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, body TEXT)")
    begin = time.perf_counter()
    for number in range(count):
        connection.execute("INSERT INTO claims VALUES (?, ?)", (f"occurrence-{number:08d}", "x" * 200))
    took = time.perf_counter() - begin
    connection.close()
    return count / took


def hand_written(directory: Path, count: int) -> float:
    """What people write for the same promise: claim and message in one durable transaction, two tables, the same bytes."""
    connection = _bare_connection(directory / f"pair-{time.perf_counter_ns()}.db")
    connection.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, schedule TEXT, at INTEGER, state TEXT, payload TEXT)")
    connection.execute("CREATE TABLE outbox (id TEXT PRIMARY KEY, queue TEXT, body TEXT, visible_at INTEGER)")
    connection.execute("CREATE INDEX ready ON outbox (queue, visible_at)")
    begin = time.perf_counter()
    for number in range(count):
        connection.execute("BEGIN IMMEDIATE")
        id_ = f"occurrence-{number * 7919 % 100_000_007:012d}"
        connection.execute("INSERT INTO claims VALUES (?, ?, ?, 'published', ?)", (id_, "bench/1/s", number, "x" * 300))
        connection.execute("INSERT INTO outbox VALUES (?, 'work', ?, ?)", (id_, "x" * 900, number))
        connection.execute("COMMIT")
    took = time.perf_counter() - begin
    connection.close()
    return count / took


def bare_threads(directory: Path, count: int, threads: int = 64) -> float:
    """The same from 64 callers at once, each with a connection of its own: what people write without a writer thread."""
    path = directory / f"threads-{time.perf_counter_ns()}.db"
    first = _bare_connection(path)
    first.execute("CREATE TABLE claims (id TEXT PRIMARY KEY, body TEXT)")

    def work(worker: int) -> None:
        connection = _bare_connection(path)
        for number in range(count // threads):
            connection.execute("INSERT INTO claims VALUES (?, ?)", (f"{worker}-{number}", "x" * 200))
        connection.close()

    running = [threading.Thread(target=work, args=(worker,)) for worker in range(threads)]
    begin = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.perf_counter() - begin
    first.close()
    return count // threads * threads / took


def _bare_connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=120)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


class Stage:
    """A ledger with ``schedules`` lineages and a clock that makes one occurrence of each due per minute."""

    def __init__(self, path: Path, schedules: int) -> None:
        self.clock = ManualClock("2026-01-01T00:00:00Z")
        self.bridge = DefaultEventBridge(path, clock=self.clock)
        self.service = ServiceBuilder("bench", "1", "many schedules")
        self.keys = [f"bench/1/s{number}" for number in range(schedules)]
        for number in range(schedules):
            self.service.schedule(
                f"s{number}", Interval(timedelta(minutes=1)), enqueue="work", payload={"at": "{scheduled_at}"},
                concurrency_policy="allow", missed_run_policy="skip",
            )  # fmt: skip

    async def __aenter__(self) -> Stage:
        self.instance = await self.service.get_instance(self.bridge)
        await self.instance.start(consume=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.instance.stop()

    def next_minute(self) -> None:
        self.clock.jump(self.clock.now() // MINUTE * MINUTE + MINUTE)

    async def sequential(self, count: int) -> dict[str, float]:
        """One caller, one decision after another."""
        return await self._timed(count, self._one_by_one)

    async def concurrent(self, count: int, callers: int = 64) -> dict[str, float]:
        """Callers that each wait for their answer before they call again."""

        async def run(total: int) -> None:
            self.next_minute()
            waiting = iter(self.keys[:total])

            async def caller() -> None:
                for key in waiting:
                    reply = await self.bridge.gateway.trigger(Call(key))
                    assert reply.answer == "accepted", reply

            await asyncio.gather(*(caller() for _ in range(callers)))

        return await self._timed(count, run)

    async def _one_by_one(self, count: int) -> None:
        done = 0
        while done < count:
            self.next_minute()
            for key in self.keys[: count - done]:
                reply = await self.bridge.gateway.trigger(Call(key))
                assert reply.answer == "accepted", reply
                done += 1

    async def _timed(self, count: int, run: Callable[[int], object]) -> dict[str, float]:
        commits = self.bridge.file.counters.commits
        cpu, begin = time.process_time(), time.perf_counter()
        await run(count)  # type: ignore[misc]
        took, busy = time.perf_counter() - begin, time.process_time() - cpu
        return {
            "per_second": count / took,
            "cpu_us": busy / count * 1e6,
            "commits": (self.bridge.file.counters.commits - commits) / count,
        }


FILL = """
INSERT INTO occurrences (lineage, scheduled_at, class, request, occurrence_id, key, last_at, count, decision, reason, digest,
  fence, attempt, decided_at, source, payload, roots, run, run_ended_at, open)
WITH RECURSIVE numbers (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
SELECT ? || '', 1704067200000 + n * 60000, 'scheduled', '', ? || '-' || n, 'bench/1/s', 1704067200000 + n * 60000, 1,
  'published', 'due', '0123456789abcdef0123456789abcdef', n, 1, 1704067200100 + n * 60000, 'bench',
  '{"at":"2024-01-01T00:00:00.000Z"}',
  '["queue:work"]', 'finished', 1704067210000 + n * 60000, 0 FROM numbers"""
AT_ONCE = 50_000


async def fill(stage: Stage, records: int) -> None:
    """Put old records of runs that ended in, in bulk, as if they had been decided long ago; each lineage gets its share."""
    file = stage.bridge.file
    lineages = file.read(lambda c: [row[0] for row in c.execute("SELECT lineage FROM lineages").fetchall()])
    each = -(-records // len(lineages))
    for place, lineage in enumerate(lineages[: -(-records // each)]):
        count = min(each, records - place * each)
        for first in range(1, count + 1, AT_ONCE):
            values = (first, min(first + AT_ONCE - 1, count), lineage, lineage)
            await file.write(lambda c, values=values: c.execute(FILL, values) and None, long=True)


def spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


async def measure(quick: bool) -> dict[str, dict[str, float]]:
    rounds, count = (3, 300) if quick else (7, 1_500)
    rows: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    with tempfile.TemporaryDirectory() as text:
        directory = Path(text)
        async with Stage(directory / "purista.db", count) as stage:
            await stage.sequential(50)
            for _ in range(rounds):
                note("fsync/s", fsyncs(directory, 200))
                note("bare/s", bare(directory, count))
                note("hand-written claim + message/s", hand_written(directory, count))
                note("bare 64 threads/s", bare_threads(directory, 1_280))
                one = await stage.sequential(count)
                many = await stage.concurrent(count)
                for name, result in (("one", one), ("64", many)):
                    for key, value in result.items():
                        note(f"{name} {key}", value)
                note("ratio one : bare", one["per_second"] / rows["bare/s"][-1])
                note("ratio one : hand-written", one["per_second"] / rows["hand-written claim + message/s"][-1])
                note("ratio 64 : bare one by one", many["per_second"] / rows["bare/s"][-1])
                note("ratio 64 : bare 64 threads", many["per_second"] / rows["bare 64 threads/s"][-1])
    return {name: spread(values) for name, values in rows.items()}


CASES = [(10, 1_000), (10, 10_000), (10, 100_000), (10, 1_000_000), (1_000, 1_000), (10_000, 1_000), (100_000, 1_000)]
LARGE = [(10, 1_000), (10, 100_000), (10, 10_000_000)]  # minutes, and some GB of disk
QUICK = [(10, 1_000), (10, 100_000), (1_000, 1_000)]


async def growing(schedules: int, records: int) -> dict[str, float]:
    """CPU per decision with so many schedules and records; flat over the cases means that neither matters.

    The same thousand decisions are timed each time, on lineages that were decided before (contracts read once).
    """
    with tempfile.TemporaryDirectory() as text:
        async with Stage(Path(text) / "growth.db", schedules) as stage:
            await fill(stage, records)
            asked = min(1_000, schedules)
            stage.keys = stage.keys[:: max(1, schedules // asked)][:asked]
            await stage.sequential(asked)
            return {"schedules": schedules, "records": records, **await stage.sequential(1_000)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--large", action="store_true", help="growth alone, to 10,000,000 records")
    options = parser.parse_args()
    rows = {} if options.large else asyncio.run(measure(options.quick))
    if not options.json:
        print(f"{'figure':<34}{'median':>12}{'min':>12}{'max':>12}")
        for name, row in rows.items():
            print(f"{name:<34}{row['median']:>12,.2f}{row['min']:>12,.2f}{row['max']:>12,.2f}")
        print(f"\n{'schedules':>10}{'records':>12}{'decisions/s':>14}{'CPU µs':>10}{'commits':>10}", flush=True)
    growth = []
    for schedules, records in LARGE if options.large else QUICK if options.quick else CASES:
        growth.append(asyncio.run(growing(schedules, records)))
        if not options.json:
            row = growth[-1]
            figures = f"{row['per_second']:>14,.0f}{row['cpu_us']:>10.0f}{row['commits']:>10.2f}"
            print(f"{schedules:>10,}{records:>12,}{figures}", flush=True)
    if options.json:
        print(json.dumps({"rows": rows, "growth": growth}, indent=2))


if __name__ == "__main__":
    main()
