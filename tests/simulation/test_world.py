"""The world itself: processes, their death, and what the others see of it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from purista import App, Context, Interval, ServiceBuilder
from purista.gateway.gateway import Gateway
from purista.simulation.loop import travel
from purista.simulation.world import World


def hourly(seconds: float, **options: Any) -> App:
    service = ServiceBuilder("s", "1")

    @service.queue_worker("work")
    async def work(context: Context, payload: object) -> None:
        await asyncio.sleep(seconds)

    options = {"concurrency_policy": "forbid", "missed_run_policy": "skip"} | options
    service.schedule("hourly", Interval(timedelta(hours=1)), enqueue=work, **options)
    return App([service])


def test_a_vanished_workers_message_is_not_asked_for_each_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its permit has run out, and its slot is free two seconds later: once is enough."""
    asked: list[int] = []
    begin = Gateway.begin

    async def counted(self: Gateway, key: str, ask: Any) -> Any:
        asked.append(self.ledger.clock.now())
        return await begin(self, key, ask)

    monkeypatch.setattr(Gateway, "begin", counted)

    async def main() -> list[str]:
        async with World(hourly(60), workers=2) as world:
            await world.run(minutes=60, seconds=30)
            await world.crash(world.journal.work[0].process, minutes=1)
            await world.run(minutes=10)
            return [work.outcome for work in world.journal.work]

    assert travel(main()) == ["killed", "done"]
    assert len(asked) < 5


async def _world(app: App, **options: Any) -> World:
    world = World(app, **options)
    await world.start()
    return world


def test_dead_processes_do_nothing_any_more() -> None:
    async def main() -> None:
        async with World(hourly(60)) as world:
            await world.run(minutes=60, seconds=10)
            process, bridge = world.processes["worker-1"], world.bridges["worker-1"]
            process.die()
            process.die()
            await world.quiet()
            assert not process.tasks
            with pytest.raises(asyncio.CancelledError):
                await bridge.ledger.load(["s/1/hourly"])
            with pytest.raises(asyncio.CancelledError):
                await bridge.file.write(lambda c: c.execute("DELETE FROM mail"))
            assert [work.outcome for work in world.journal.work] == ["killed"]

    travel(main())


def test_a_write_of_a_process_that_dies_before_it_is_not_made_and_one_after_it_is() -> None:
    async def main(side: str) -> int:
        async with World(hourly(0)) as world:
            world.processes["caller"].die_at = lambda: side
            assert await world.call("s/1/hourly", at="2026-01-01T01:00Z") is None or side
            await world.run(hours=1)
            assert not world.processes["caller"].alive
            return int(world.host.file.read(lambda c: c.execute("SELECT count(*) FROM mail").fetchone()[0]))

    assert travel(main("before")) == 0
    assert travel(main("after")) in (0, 1)


def test_a_thread_of_a_dead_process_is_forgotten() -> None:
    service = ServiceBuilder("s", "1")
    go, begun, ended = threading.Event(), threading.Event(), threading.Event()

    @service.queue_worker("work")
    def work(context: Context, payload: object) -> None:
        begun.set()
        go.wait(10)
        ended.set()

    service.schedule("hourly", Interval(timedelta(hours=1)), enqueue=work, missed_run_policy="skip")

    async def main() -> list[str]:
        world = await _world(App([service]))
        await asyncio.sleep(3_600.5)  # a second of real time passes in the thread, then virtual time goes on
        assert begun.is_set()
        world.processes["worker-1"].die()
        go.set()
        await world.run(minutes=1)
        await world.stop()
        return [one.outcome for one in world.journal.work]

    assert travel(main()) == ["killed"]
    assert ended.wait(10), "it comes to its end, and nobody hears of it"


def test_a_call_beyond_the_schedulers_own_is_a_duplicate() -> None:
    async def main() -> None:
        async with World(hourly(1)) as world:
            await world.run(hours=1)
            reply = await world.call("s/1/hourly")
            assert reply is not None
            assert reply.answer == "duplicate"
            await world.crash(down=timedelta(minutes=1))
            await world.run(minutes=1)
            assert len(await world.history("s/1/hourly")) == 1

    travel(main())
