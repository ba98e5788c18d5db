"""Starting and stopping: in any order, twice, in a hurry, and while handlers work."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from purista import App, Context, DefaultEventBridge, ServiceBuilder
from purista.messages import Address, command, new_id
from purista.testing import ManualClock
from tests.service.stage import Stage, until


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_stopping_what_never_started_and_stopping_twice_do_nothing(stage: Stage) -> None:
    instance = await stage.service.get_instance(stage.bridge)
    await instance.stop()
    await instance.start()
    await instance.stop()
    await instance.stop()
    await instance.stop(drain=False)


async def test_starting_twice_is_starting_once(stage: Stage) -> None:
    worked: list[int] = []

    @stage.service.queue_worker("work")
    async def work(context: Context, payload: Any) -> None:
        worked.append(payload)

    async with stage:
        await stage.instance.start()
        await stage.enqueue("work", 1)
        await until(lambda: stage.mail("done"))
        await stage.instance.stop()
        assert not (await stage.bridge.health()).ok


async def test_what_was_stopped_can_start_again(tmp_path: Any) -> None:
    stage, worked = Stage(path=tmp_path / "p.db"), []

    @stage.service.queue_worker("work")
    def work(context: Context, payload: Any) -> None:
        worked.append(payload)

    async with stage:
        await stage.instance.stop()
        await stage.instance.start()
        await stage.enqueue("work", 1)
        await until(lambda: stage.mail("done"))
        assert worked == [1]


async def test_while_one_handler_is_waited_for_nothing_new_is_taken_anywhere(tmp_path: Any) -> None:
    stage, release, worked = Stage(path=tmp_path / "p.db"), asyncio.Event(), []

    @stage.service.subscription("slow", event="x", once=True)
    async def slow(context: Context, payload: Any) -> None:
        worked.append("slow")
        await release.wait()

    @stage.service.queue_worker("quick")
    async def quick(context: Context, payload: Any) -> None:
        worked.append("quick")

    async with stage:
        await stage.bridge.start()
        await stage.emit("x")
        await until(lambda: worked)
        stopping = asyncio.ensure_future(stage.instance.stop())
        await asyncio.sleep(0.02)
        await stage.enqueue("quick")
        await asyncio.sleep(0.05)
        assert worked == ["slow"]
        release.set()
        await asyncio.wait_for(stopping, 5)
        assert worked == ["slow"]
        await stage.bridge.stop()


async def test_a_handler_that_is_waited_for_can_still_invoke_a_command(stage: Stage) -> None:
    release, answers, begun = asyncio.Event(), [], []

    @stage.service.command("give")
    async def give(context: Context, payload: Any) -> int:
        return 42

    @stage.service.queue_worker("work")
    async def work(context: Context, payload: Any) -> None:
        begun.append(1)
        await release.wait()
        answers.append(await context.invoke("s", "1", "give", {}))

    async with stage:
        await stage.enqueue("work", 1)
        await until(lambda: begun)
        stopping = asyncio.ensure_future(stage.instance.stop())
        await asyncio.sleep(0.02)
        release.set()
        await asyncio.wait_for(stopping, 5)
        assert answers == [42]


@pytest.mark.parametrize("as_app", [False, True])
async def test_patience_that_ends_can_be_followed_by_haste(as_app: bool) -> None:
    """``wait_for(stop(), grace)`` and then ``stop(drain=False)``: what every deployment wants."""
    clock = ManualClock()
    bridge, service = DefaultEventBridge(clock=clock), ServiceBuilder("s", "1", "under test")
    begun, cancelled = [], []

    @service.subscription("work", event="x", once=True)
    async def work(context: Context, payload: Any) -> None:
        begun.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(1)

    thing: Any = App(services=[service], bridge=bridge) if as_app else await service.get_instance(bridge)
    await thing.start()
    stage = Stage()
    stage.clock, stage.bridge = clock, bridge
    await stage.emit("x")
    await until(lambda: begun)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(thing.stop(), 0.05)
    assert not cancelled
    await asyncio.wait_for(thing.stop(drain=False), 5)
    assert cancelled
    assert not (await bridge.health()).ok


async def test_haste_reaches_a_stop_that_is_waiting(stage: Stage) -> None:
    begun: list[int] = []

    @stage.service.queue_worker("work")
    async def work(context: Context) -> None:
        begun.append(1)
        await asyncio.Event().wait()

    async with stage:
        await stage.enqueue("work")
        await until(lambda: begun)
        stopping = asyncio.ensure_future(stage.instance.stop())
        await asyncio.sleep(0.02)
        await asyncio.wait_for(stage.instance.stop(drain=False), 5)
        await asyncio.wait_for(stopping, 5)
        assert not (await stage.bridge.health()).ok


async def test_an_app_starts_once_and_stops_all_of_its_services_together() -> None:
    clock = ManualClock()
    bridge = DefaultEventBridge(clock=clock)
    first, second = ServiceBuilder("a", "1", "one"), ServiceBuilder("b", "1", "two")
    release, begun = asyncio.Event(), []

    @second.queue_worker("slow")
    async def slow(context: Context) -> None:
        begun.append("slow")
        await release.wait()

    @first.queue_worker("quick")
    async def quick(context: Context) -> None:
        begun.append("quick")

    app, stage = App(services=[first, second], bridge=bridge), Stage()
    stage.clock, stage.bridge = clock, bridge
    await app.start()
    await app.start()
    await stage.enqueue("slow")
    await until(lambda: begun)
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.sleep(0.02)
    await stage.enqueue("quick")
    await asyncio.sleep(0.05)
    assert begun == ["slow"], "a service took new work while the app was stopping"
    release.set()
    await asyncio.wait_for(stopping, 5)
    assert not (await bridge.health()).ok


async def test_threads_are_never_short(stage: Stage) -> None:
    """Blocked sync handlers must leave room for the sync commands that they wait for."""
    done: list[int] = []
    together = threading.Barrier(20)

    @stage.service.command("give")
    def give(context: Context, payload: Any) -> int:
        return 1

    for index in range(5):

        def work(context: Context, payload: Any) -> None:
            together.wait(10)
            done.append(context.blocking.invoke("s", "1", "give", {}))

        stage.service.queue_worker(f"work{index}", max_attempts=1)(work)

    async with stage:
        for index in range(5):
            for _ in range(4):
                await stage.enqueue(f"work{index}", 1)
        await until(lambda: len(done) == 20)


async def test_context_blocking_sends_from_a_thread_and_refuses_in_the_loop(stage: Stage) -> None:
    seen: list[Any] = []
    errors: list[str] = []

    @stage.service.queue_worker("child")
    async def child(context: Context, payload: Any) -> None:
        seen.append(payload)

    @stage.service.subscription("heard", event="told", once=True)
    async def heard(context: Context, payload: Any) -> None:
        seen.append(payload)

    @stage.service.command("double")
    async def double(context: Context, payload: Any) -> Any:
        return payload * 2

    @stage.service.queue_worker("work")
    def work(context: Context) -> None:
        context.blocking.enqueue(child, "job")
        context.blocking.emit("told", "event")
        seen.append(context.blocking.invoke("s", "1", "double", 21))

    @stage.service.queue_worker("wrong")
    async def wrong(context: Context) -> None:
        try:
            context.blocking.emit("told", "never")
        except RuntimeError as error:
            errors.append(str(error))

    async with stage:
        await stage.enqueue("work")
        await stage.enqueue("wrong")
        await until(lambda: len(seen) == 3 and errors)
        assert sorted(map(str, seen)) == ["42", "event", "job"]
        assert "sync handlers" in errors[0]


async def test_who_is_stopped_while_he_asks_for_a_permit_leaves_neither_message_nor_permit(stage: Stage) -> None:
    stage.hourly(emit="due")

    @stage.service.subscription("onDue", event="due")
    async def on_due(context: Context, payload: Any) -> None:
        raise AssertionError("it never had the right to work")

    asked, real = asyncio.Event(), stage.bridge.gateway.begin

    async def begin(*arguments: Any) -> Any:
        granted = await real(*arguments)
        asked.set()
        await asyncio.sleep(0.05)
        return granted

    stage.bridge.gateway.begin = begin  # type: ignore[method-assign]
    async with stage:
        await stage.call()
        await asked.wait()
        await stage.bridge.start()  # somebody who still looks
        await stage.instance.stop(drain=False)
        read = stage.bridge.file.read
        assert read(lambda c: c.execute("SELECT state, lease, attempts FROM mail").fetchall()) == [("ready", None, 0)]
        assert read(lambda c: c.execute("SELECT state, permit_until FROM parts").fetchall()) == [("pending", None)]
        await stage.bridge.stop()


async def test_a_command_that_stopped_in_the_middle_is_not_answered_with_half_of_its_work(stage: Stage) -> None:
    """Its lease was lost, and it did as ``should_stop`` said. Whoever works it to the end answers."""
    entered, attempts = threading.Event(), []

    @stage.service.command("work")
    def work(context: Context) -> str:
        attempts.append(context.attempt)
        if len(attempts) > 1:
            return "all"
        entered.set()
        while not context.should_stop:
            pass
        return "half"

    async with stage:
        message = command(
            Address("s", "1", "work"),
            None,
            None,
            Address("t", "1", "x", stage.bridge.instance),
            id=new_id(),
            timestamp=0,
        )
        asking = asyncio.ensure_future(stage.bridge.invoker.invoke(message, 20))
        await until(entered.is_set)
        await stage.bridge.file.write(
            lambda c: c.execute("UPDATE mail SET lease = 'other', visible_at = 0 WHERE address LIKE 'cmd:%'")
        )
        await stage.clock.advance(hours=2)
        assert await asking == "all"
    assert len(attempts) == 2
