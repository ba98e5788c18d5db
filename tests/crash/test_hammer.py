"""Many processes on one ledger: duplicates by the thousand, and late shells after a suspend."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from purista import Cron, DefaultEventBridge, Interval, ServiceBuilder
from purista.schedulers.base import Call
from purista.testing import SharedClock

CALLS = 10_000
PROCESSES = multiprocessing.get_context("forkserver")


def declare() -> ServiceBuilder:
    """Twenty hourly schedules, and one a minute for each missed-run policy."""
    service = ServiceBuilder("busy", "1", "called from everywhere")
    for number in range(20):
        service.schedule(
            f"hourly{number}", Interval(timedelta(hours=1)), enqueue="work", concurrency_policy="allow",
            missed_run_policy="skip", start_deadline=timedelta(minutes=59),
        )  # fmt: skip
    policies: dict[str, dict[str, Any]] = {
        "skip": {}, "runOnce": {}, "backfill": {"max_catch_up_count": 2},
    }  # fmt: skip
    for policy, options in policies.items():
        service.schedule(
            policy, Cron("* * * * *"), timezone="Europe/Berlin", enqueue="work", concurrency_policy="allow",
            missed_run_policy=policy, **options,
        )  # fmt: skip
    return service


def register(db: str, clock_file: str) -> None:
    async def run() -> None:
        instance = await declare().get_instance(DefaultEventBridge(db, clock=SharedClock(clock_file)))
        await instance.start(consume=False)
        await instance.stop()

    asyncio.run(run())


def hammer(db: str, clock_file: str, keys: list[str], calls: int, answers: Any) -> None:
    """Many callers at once in this process; tells how often it got which answer."""

    async def run() -> Counter[str]:
        bridge = DefaultEventBridge(db, clock=SharedClock(clock_file))
        await bridge.start()
        counted: Counter[str] = Counter()
        waiting = iter(keys[number % len(keys)] for number in range(calls))

        async def caller() -> None:
            for key in waiting:
                counted[(await bridge.gateway.trigger(Call(key, source="hammer"))).answer] += 1

        await asyncio.gather(*(caller() for _ in range(64)))
        await bridge.stop()
        return counted

    answers.put(asyncio.run(run()))


def _at_once(db: str, clock_file: str, keys: list[str], processes: int, calls: int) -> Counter[str]:
    answers = PROCESSES.Queue()
    running = [PROCESSES.Process(target=hammer, args=(db, clock_file, keys, calls, answers)) for _ in range(processes)]
    for process in running:
        process.start()
    total: Counter[str] = sum((answers.get(timeout=120) for _ in running), Counter())
    for process in running:
        process.join(20)
        assert process.exitcode == 0
    answers.close()
    answers.join_thread()
    return total


def _query(db: str, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(db)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, str, SharedClock]]:
    """A ledger's path, a clock's path and the clock."""
    clock = SharedClock(tmp_path / "clock", "2026-01-01T00:00:30Z")
    yield str(tmp_path / "purista.db"), str(tmp_path / "clock"), clock
    clock.close()


@pytest.mark.slow
def test_two_processes_with_ten_thousand_duplicate_calls_publish_once(place: tuple[str, str, SharedClock]) -> None:
    db, clock_file, clock = place
    register(db, clock_file)
    clock.move(hours=1)
    keys = [f"busy/1/hourly{number}" for number in range(20)]
    answers = _at_once(db, clock_file, keys, 2, CALLS // 2)
    assert answers == {"accepted": 20, "duplicate": CALLS - 20}
    assert _query(db, "SELECT count(*), count(DISTINCT occurrence_id) FROM occurrences") == [(20, 20)]
    assert _query(db, "SELECT count(*), count(DISTINCT body) FROM mail") == [(20, 20)]
    assert _query(db, "SELECT sum(count) FROM calls") == [(CALLS - 20,)]


@pytest.mark.slow
def test_five_late_shells_after_a_five_minute_suspend(place: tuple[str, str, SharedClock]) -> None:
    """Debian's cron starts one shell for each missed minute, all in one second (sidekiq#4893, oban-py#17)."""
    db, clock_file, clock = place
    register(db, clock_file)
    clock.move(minutes=5)
    keys = [f"busy/1/{policy}" for policy in ("skip", "runOnce", "backfill")]
    answers = _at_once(db, clock_file, keys, 5, len(keys))
    assert answers["accepted"] == 3
    assert sum(answers.values()) == 15
    rows = _query(db, "SELECT key, decision FROM occurrences ORDER BY key, scheduled_at")
    decided = {
        key: [decision for k, decision in rows if k == f"busy/1/{key}"] for key in ("skip", "runOnce", "backfill")
    }
    assert decided == {
        "skip": ["late", "late", "late", "late", "published"],
        "runOnce": ["coalesced", "coalesced", "coalesced", "coalesced", "published"],
        "backfill": ["published", "published", "missed", "missed", "published"],
    }
    assert _query(db, "SELECT count(*) FROM mail") == [(5,)]
