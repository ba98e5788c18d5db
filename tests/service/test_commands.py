"""Commands: their answers reach who asked, late ones harm nobody, and nothing stays behind."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

from purista import App, Context, DefaultEventBridge, ServiceBuilder
from purista.errors import InvokeTimeout
from purista.messages import Address, command, new_id
from purista.testing import ManualClock
from tests.service.stage import Stage, until


async def test_services_of_one_process_do_not_take_each_others_answers() -> None:
    bridge, stage = DefaultEventBridge(clock=ManualClock()), Stage()
    stage.bridge = bridge
    answers: list[Any] = []
    services = [ServiceBuilder(name, "1", "under test") for name in ("a", "b", "c")]

    for service in services:

        @service.command("echo")
        async def echo(context: Context, payload: Any) -> Any:
            return payload

        @service.subscription("ask", event="ask", once=True)
        async def ask(context: Context, payload: Any) -> None:
            for target in ("a", "b", "c"):
                try:
                    answers.append(await context.invoke(target, "1", "echo", payload, timeout=timedelta(seconds=2)))
                except InvokeTimeout as error:
                    answers.append(error)

    async with App(services=services, bridge=bridge):
        for number in range(8):
            await stage.emit("ask", number)
        await until(lambda: len(answers) == 72)
        assert sorted(answers) == sorted(list(range(8)) * 9)


async def test_a_late_answer_is_dropped_and_nothing_stays_behind() -> None:
    stage, release, late = Stage(), asyncio.Event(), []

    @stage.service.command("slow")
    async def slow(context: Context, payload: Any) -> int:
        await release.wait()
        return 1

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        try:
            await context.invoke("s", "1", "slow", timeout=timedelta(milliseconds=20))
        except InvokeTimeout:
            late.append(1)

    async with stage:
        await stage.emit("ask")
        await until(lambda: late)
        release.set()
        await until(lambda: len(stage.mail("done")) == 3)
        assert stage.mail("ready") == stage.mail("dead") == []


async def test_an_answer_to_a_caller_that_is_gone_is_forgotten() -> None:
    stage, worked = Stage(), []

    @stage.service.command("give")
    async def give(context: Context, payload: Any) -> int:
        worked.append(1)
        return 1

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        await context.invoke("s", "1", "give")

    async with stage:
        gone = Address("t", "1", "asks", "0123456789")
        message = command(Address("s", "1", "give"), {}, None, gone, id=new_id(), timestamp=stage.clock.now())
        await stage.bridge.publish([message])
        await until(lambda: worked)
        await until(lambda: stage.mail("ready"))
        assert [address for address, *_ in stage.mail("ready")] == ["reply:0123456789"]
        await stage.clock.advance(days=2)
        await stage.emit("ask")  # opens an address for answers, as every new caller does
        await until(lambda: len(worked) == 2)
        await until(lambda: not stage.mail("ready"))


async def test_a_thread_that_lost_its_lease_still_answers_with_its_result() -> None:
    stage, release, answers, begun = Stage(permit_ms=60_000), threading.Event(), [], []

    @stage.service.command("slow")
    def slow(context: Context, payload: Any) -> int:
        begun.append(1)
        release.wait(30)
        return 42

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        answers.append(await context.invoke("s", "1", "slow"))

    async with stage:
        await stage.emit("ask")
        await until(lambda: begun)
        await stage.bridge.file.write(
            lambda c: c.execute("UPDATE mail SET lease = 'else', visible_at = 1 << 50 WHERE address = 'cmd:s/1/slow'")
        )
        for _ in range(5):
            await stage.clock.advance(seconds=10)
            await asyncio.sleep(0.005)
        release.set()
        await until(lambda: answers)
        assert answers == [42]
