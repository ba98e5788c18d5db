"""The local runner where people meet it: ``DefaultEventBridge(local_runner=True)``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from purista import Cron, DefaultEventBridge, Interval, ServiceBuilder
from purista.ledgers.base import Query
from purista.simulation.clock import SimulatedClock
from tests.schedulers.local_world import START
from tests.schedulers.test_local_runner import virtual

HOURLY = Cron("0 * * * *")
RUNNER = {"local_runner": True}


def declared(*names: str, missed: str = "runOnce", **options: Any) -> ServiceBuilder:
    made = ServiceBuilder("s", "1", "what is due")
    for name in names:
        made.schedule(
            name, HOURLY, timezone="UTC", enqueue="work", payload={"at": "{scheduled_at}"},
            concurrency_policy="allow", missed_run_policy=missed, **options,
        )  # fmt: skip
    return made


async def register(bridge: DefaultEventBridge, made: ServiceBuilder) -> None:
    instance = await made.get_instance(bridge)
    await instance.start(consume=False)
    await settle()


async def settle() -> None:
    await asyncio.get_running_loop().quiet()  # type: ignore[attr-defined]


async def published(bridge: DefaultEventBridge) -> list[tuple[int, str]]:
    """Hours after the start, and names."""
    page = await bridge.ledger.history(Query(limit=1_000))
    rows = [run.row for run in page.rows if run.row.decision == "published"]
    return sorted(((row.scheduled_at - START) // 3_600_000, row.key.split("/")[2]) for row in rows)


async def test_in_real_time_a_handler_gets_its_message() -> None:
    """Every second something is due: within two of them a handler has it. Nothing here sleeps."""
    came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    made = ServiceBuilder("s", "1", "real time")

    @made.queue_worker("work")
    async def work(context: Any, payload: Any) -> None:
        if not came.done():
            came.set_result(payload)

    made.schedule(
        "second", Interval(1), enqueue="work", payload={"at": "{scheduled_at}"},
        concurrency_policy="allow", missed_run_policy="skip",
    )  # fmt: skip
    async with DefaultEventBridge(local_runner=True) as bridge:
        instance = await made.get_instance(bridge)
        await instance.start()
        try:
            assert "at" in await asyncio.wait_for(came, 10)
        finally:
            await instance.stop()


@virtual
async def test_a_day_is_published_once_an_hour() -> None:
    clock = SimulatedClock(START)
    async with DefaultEventBridge(clock=clock, local_runner=True) as bridge:
        await register(bridge, declared("a"))
        await asyncio.sleep(24 * 3600 + 1)
        await settle()
        assert [hour for hour, _ in await published(bridge)] == [*range(1, 25)]


@virtual
async def test_a_clock_set_back_publishes_nothing_twice() -> None:
    clock = SimulatedClock(START)
    async with DefaultEventBridge(clock=clock, local_runner=True) as bridge:
        await register(bridge, declared("a"))
        await asyncio.sleep(3 * 3600 + 60)
        clock.jump(-2 * 3_600_000)
        await asyncio.sleep(4 * 3600)
        await settle()
        assert [hour for hour, _ in await published(bridge)] == [1, 2, 3, 4, 5]


@virtual
@pytest.mark.parametrize(("missed", "hours"), [("runOnce", [9]), ("backfill", [*range(1, 10)]), ("skip", [])])
async def test_after_a_night_asleep_the_policies_decide(missed: str, hours: list[int]) -> None:
    clock = SimulatedClock(START)
    async with DefaultEventBridge(clock=clock, local_runner=True) as bridge:
        options = {"max_catch_up_count": 100} if missed == "backfill" else {}
        await register(
            bridge, declared("a", missed=missed, start_deadline=1800 if missed == "skip" else None, **options)
        )
        await asyncio.sleep(60)
        clock.jump(9 * 3_600_000 + 2_400_000)
        await settle()
        assert [hour for hour, _ in await published(bridge)] == hours


@virtual
async def test_what_is_registered_changed_renamed_and_removed_while_it_runs() -> None:
    clock = SimulatedClock(START)
    async with DefaultEventBridge(clock=clock, local_runner=True) as bridge:
        runner: Any = bridge._runner
        await register(bridge, declared("a", "b"))
        table = runner._table
        reads = 0
        contracts = runner._contracts

        async def counted() -> Any:
            nonlocal reads
            reads += 1
            return await contracts()

        runner._contracts = counted
        changed = declared("a")
        changed.schedule(
            "c", Cron("30 * * * *"), timezone="UTC", enqueue="work", payload={"at": "{scheduled_at}"},
            concurrency_policy="allow", missed_run_policy="skip", renamed_from="b",
        )  # fmt: skip
        await register(bridge, changed)
        assert sorted(table._slots) == ["", "s/1/a", "s/1/c"]
        await register(bridge, declared("a"))
        assert sorted(table._slots) == ["", "s/1/a"]
        await register(bridge, ServiceBuilder("s", "1", "nothing"))
        assert sorted(table._slots) == [""]
        assert reads == 0, "told what changed, it does not read the ledger again"


@virtual
async def test_what_another_process_registered_first_is_called(tmp_path: Path) -> None:
    """Two processes share a file; the second finds its contracts unchanged, and calls them all the same."""
    clock = SimulatedClock(START)
    async with DefaultEventBridge(tmp_path / "p.db", clock=clock, local_runner=True) as ours:
        async with DefaultEventBridge(tmp_path / "p.db", clock=clock) as theirs:
            await register(theirs, declared("a"))
        await register(ours, declared("a"))
        await asyncio.sleep(3601)
        await settle()
        assert [hour for hour, _ in await published(ours)] == [1]
