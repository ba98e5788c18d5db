"""The right to work: renewed while a handler works, gone before somebody else may have it, given back when work is put down."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from purista import Context
from purista.errors import LedgerError
from purista.ledgers.base import RunState
from tests.service.stage import KEY, Stage, until

MINUTE = 60_000


async def _pass(stage: Stage, seconds: int, step: int = 1) -> None:
    """Time goes by in steps that leave the renewals their real time."""
    for _ in range(seconds // step):
        await stage.clock.advance(seconds=step)
        await asyncio.sleep(0.002)


async def test_a_lease_of_the_handlers_own_length_is_renewed_in_time() -> None:
    stage, release, begun = Stage(permit_ms=MINUTE), asyncio.Event(), []

    @stage.service.queue_worker("work", visibility_timeout=3)
    async def work(context: Context) -> None:
        begun.append(context.attempt)
        await release.wait()

    async with stage:
        await stage.enqueue("work")
        await until(lambda: begun)
        await _pass(stage, 30)
        assert begun == [1], "the lease was not renewed, and the job was worked twice at a time"
        release.set()
        await until(lambda: stage.mail("done"))


async def test_two_instances_share_the_work_of_one_subscription() -> None:
    stage, worked, busy, release = Stage(), [], set(), asyncio.Event()

    @stage.service.subscription("work", event="x", once=True)
    async def work(context: Context, payload: Any) -> None:
        busy.add(payload["n"])
        await release.wait()
        busy.discard(payload["n"])
        worked.append(payload["n"])

    async with stage:
        second = await stage.service.get_instance(stage.bridge)
        await second.start()
        for number in range(40):
            await stage.emit("x", {"n": number})
        await until(lambda: len(busy) == 8)
        await asyncio.sleep(0.02)
        assert len(busy) == 8, "each instance works four at a time, and no more"
        release.set()
        await until(lambda: len(stage.mail("done")) == 40)
        assert sorted(worked) == list(range(40))
        await second.stop()
        await stage.emit("x", {"n": 40})
        await until(lambda: len(worked) == 41)


@pytest.mark.parametrize("how", ["refused", "raises", "raises strangely", "hangs"])
async def test_a_handler_that_lost_its_permit_is_cancelled_before_somebody_else_may_begin(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, cancelled = Stage(permit_ms=MINUTE), []

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        begun = stage.clock.now()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(stage.clock.now() - begun)

    async def renew(*_: Any) -> Any:
        if how == "hangs":
            await asyncio.Event().wait()
        raise LedgerError("locked") if how == "raises" else ConnectionError("gone")

    stage.hourly()
    async with stage:
        await stage.call()
        await until(stage.working)
        if how == "refused":
            await stage.bridge.file.write(lambda c: c.execute("UPDATE parts SET fence = fence + 1"))
        else:
            monkeypatch.setattr(stage.bridge.gateway, "renew", renew)
        await until(lambda: cancelled, tick=lambda: stage.clock.advance(seconds=1))
        assert cancelled[0] < MINUTE


async def test_a_lease_that_cannot_be_renewed_because_the_file_hangs_ends_the_handler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, cancelled = Stage(permit_ms=MINUTE), []

    @stage.service.queue_worker("work")
    async def work(context: Context) -> None:
        begun = stage.clock.now()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(stage.clock.now() - begun)

    async def renew(*_: Any) -> bool:
        await asyncio.Event().wait()
        return True

    async with stage:
        await stage.enqueue("work")
        await until(stage.taken)
        monkeypatch.setattr("purista.mail.consumer.MailDelivery.renew", renew)
        await until(lambda: cancelled, tick=lambda: stage.clock.advance(seconds=1))
        assert cancelled[0] < MINUTE


async def test_a_thread_keeps_its_permit_although_renewing_failed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, release, begun = Stage(permit_ms=MINUTE), threading.Event(), []

    @stage.service.subscription("work", event="due", once=True)
    def work(context: Context, payload: Any) -> None:
        begun.append(context.attempt)
        if len(begun) == 1:
            release.wait(30)

    async def renew(*_: Any) -> Any:
        raise LedgerError("locked")

    stage.hourly()
    async with stage:
        second = await stage.service.get_instance(stage.bridge)
        await second.start()
        await stage.call()
        await until(lambda: begun)
        with monkeypatch.context() as broken:
            broken.setattr(stage.bridge.gateway, "renew", renew)
            await _pass(stage, 50)
        await _pass(stage, 600, 5)
        assert begun == [1], "another worker began while the thread still worked"
        release.set()
        await until(lambda: stage.ended(RunState.FINISHED), tick=lambda: stage.clock.advance(seconds=1))
        await second.stop()


@pytest.mark.parametrize("error", [LedgerError("locked"), ConnectionError("refused"), TimeoutError()])
async def test_without_a_gateway_in_reach_the_message_goes_back(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, begun, asked = Stage(), [], []

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        begun.append(context.attempt)

    async def begin(*_: Any) -> Any:
        asked.append(stage.clock.now())
        raise error

    stage.hourly()
    async with stage:
        with monkeypatch.context() as broken:
            broken.setattr(stage.bridge.gateway, "begin", begin)
            await stage.call()
            await until(lambda: len(asked) > 25, tick=lambda: stage.clock.advance(seconds=1))
            assert stage.mail("dead") == []
        await until(lambda: begun, tick=lambda: stage.clock.advance(seconds=1))
        assert begun == [1], "no attempt was made while nobody could grant it"


@pytest.mark.parametrize("policy", ["allow", "forbid"])
async def test_work_that_is_put_down_goes_back_at_once_and_was_no_attempt(policy: str) -> None:
    stage, begun = Stage(), []

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        begun.append(context.attempt)
        await asyncio.Event().wait()

    stage.hourly(policy)
    async with stage:
        await stage.bridge.start()  # what a volatile bridge carries lives as long as it is open
        await stage.call()
        for count in range(1, 15):
            await until(lambda count=count: len(begun) == count, tick=lambda: stage.clock.advance(seconds=1))
            await stage.instance.stop(drain=False)
            stage.instance = await stage.service.get_instance(stage.bridge)
            await stage.instance.start()
        assert set(begun) == {1}
        assert stage.mail("dead") == []
        await stage.bridge.stop(drain=False)


async def test_stopping_at_once_still_waits_for_a_thread_and_holds_its_permit(tmp_path: Any) -> None:
    stage, release, begun, told = Stage(MINUTE, tmp_path / "p.db"), threading.Event(), [], []

    @stage.service.subscription("work", event="due", once=True)
    def work(context: Context, payload: Any) -> None:
        begun.append(context.attempt)
        if len(begun) == 1:
            release.wait(30)
            told.append(context.should_stop)

    stage.hourly()
    async with stage:
        second = await stage.service.get_instance(stage.bridge)
        await stage.call()
        await until(lambda: begun)
        await second.start()
        stopping = asyncio.ensure_future(stage.instance.stop(drain=False))
        await _pass(stage, 600, 5)
        assert begun == [1], "another worker began while the thread still worked"
        assert not stopping.done()
        release.set()
        await asyncio.wait_for(stopping, 10)
        assert told == [True]
        await until(lambda: stage.ended(RunState.FINISHED), tick=lambda: stage.clock.advance(seconds=1))
        await second.stop()


async def test_time_that_is_up_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock's sleep may return early: that alone must not end a run."""
    stage, begun = Stage(), []
    patient = stage.clock.sleep

    async def hasty(seconds: float) -> None:
        await patient(min(seconds, 30))

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        begun.append(stage.clock.now())
        await asyncio.Event().wait()

    stage.hourly(run_timeout=300)
    monkeypatch.setattr(stage.clock, "sleep", hasty)
    async with stage:
        await stage.call()
        await until(stage.working)
        await _pass(stage, 290, 5)
        assert not await stage.ended(RunState.TIMED_OUT)
        await until(lambda: stage.ended(RunState.TIMED_OUT), tick=lambda: stage.clock.advance(seconds=5))
        assert KEY
