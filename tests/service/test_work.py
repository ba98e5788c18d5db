"""What happens to a delivery: permits, validation, retries, dead letters, answers. The handler's author writes none of it."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from purista import Context, HandlerError
from purista.errors import InvalidPayload, InvokeTimeout, UnhandledError
from purista.ledgers.base import Decision, RunState
from purista.messages import RunInfo
from purista.schedulers.base import Call
from tests.service.stage import KEY, Stage, until


class Order(BaseModel):
    number: int


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_an_error_in_one_subscriber_is_not_seen_by_another(stage: Stage) -> None:
    seen: list[Any] = []

    @stage.service.subscription("broken", event="x", once=True)
    async def broken(context: Context, payload: Any) -> None:
        raise HandlerError("no")

    @stage.service.subscription("fine", event="x", once=True)
    def fine(context: Context, payload: Any) -> None:
        seen.append(payload)

    async with stage:
        await stage.emit("x", {"a": 1})
        await until(lambda: seen and stage.mail("dead"))
        assert seen == [{"a": 1}]
        assert stage.mail("dead") == [("sub:s/1/broken", "no", 1)]


async def test_a_failing_handler_is_tried_again_with_backoff_and_then_put_aside(stage: Stage) -> None:
    attempts: list[tuple[int, int]] = []

    @stage.service.queue_worker("work", max_attempts=3)
    async def work(context: Context) -> None:
        attempts.append((context.attempt, stage.clock.now()))
        raise RuntimeError("still broken")

    async with stage:
        begin = stage.clock.now()
        await stage.enqueue("work")
        await until(lambda: stage.mail("dead"), tick=lambda: stage.clock.advance(milliseconds=250))
        assert [number for number, _ in attempts] == [1, 2, 3]
        assert attempts[1][1] - begin >= 1_250
        assert attempts[2][1] - attempts[1][1] >= 2_500
        assert stage.mail("dead") == [("queue:work", "RuntimeError: still broken", 3)]
        (dead,) = await stage.bridge.queue.dead("work")
        assert await stage.bridge.queue.requeue("work", [dead.id]) == [dead.id]
        await until(lambda: len(attempts) == 4, tick=lambda: stage.clock.advance(milliseconds=250))


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), MemoryError(), BaseExceptionGroup("g", [SystemExit()])]
)
async def test_a_handler_that_ends_the_process_ends_only_itself(stage: Stage, error: BaseException) -> None:
    @stage.service.queue_worker("work", max_attempts=1)
    async def work(context: Context) -> None:
        raise error

    async with stage:
        await stage.enqueue("work")
        await until(lambda: stage.mail("dead"))


async def test_what_kills_its_worker_every_time_is_put_aside(stage: Stage) -> None:
    calls: list[int] = []

    @stage.service.queue_worker("work")
    async def work(context: Context) -> None:
        calls.append(context.attempt)

    async with stage:
        await stage.put('{"id":"x","headers":{}}', attempts=10)
        await until(lambda: stage.mail("dead"))
        assert calls == []
        assert stage.mail("dead") == [("queue:work", "taken 10 times and never settled", 11)]


@pytest.mark.parametrize("body", ["", "[]", "nonsense", '{"purista": 5}', '{"purista": {"run": "x"}}'])
async def test_what_is_no_message_is_put_aside(stage: Stage, body: str) -> None:
    @stage.service.queue_worker("work")
    async def work(context: Context) -> None: ...

    async with stage:
        await stage.put(body)
        await until(lambda: stage.mail("dead"))


async def test_payloads_are_validated_on_both_sides(stage: Stage) -> None:
    seen: list[Any] = []
    errors: list[Exception] = []

    @stage.service.queue_worker("orders")
    def take(context: Context, order: Order) -> None:
        seen.append(order)

    @stage.service.subscription("send", event="x", once=True)
    async def send(context: Context, payload: Any) -> None:
        try:
            await context.enqueue(take, {"number": "many"})
        except InvalidPayload as error:
            errors.append(error)
        await context.enqueue(take, Order(number=7))

    async with stage:
        await stage.emit("x")
        await stage.enqueue("orders", {"number": "wrong"})
        await until(lambda: seen and stage.mail("dead"))
        assert seen == [Order(number=7)]
        assert "number" in str(errors[0])
        assert stage.mail("dead")[0][0] == "queue:orders"


async def test_commands_are_answered_with_results_and_both_kinds_of_errors(stage: Stage) -> None:
    answers: list[Any] = []

    @stage.service.command("double")
    async def double(context: Context, order: Order) -> int:
        if order.number == 1:
            raise HandlerError("not one", status=409, data={"number": 1})
        if order.number == 2:
            raise KeyError("secret")
        if order.number == 3:
            return object()  # type: ignore[return-value]
        return order.number * 2

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        for number in (21, 1, 2, 3, "x"):
            try:
                answers.append(await context.invoke("s", "1", "double", {"number": number}))
            except (HandlerError, UnhandledError) as error:
                answers.append(error)

    async with stage:
        await stage.emit("ask")
        await until(lambda: len(answers) == 5)
        assert answers[0] == 42
        assert (answers[1].status, answers[1].data) == (409, {"number": 1})
        assert isinstance(answers[2], UnhandledError)
        assert str(answers[2]) == "Internal Server Error"
        assert isinstance(answers[3], UnhandledError)
        assert answers[4].status == 400
        assert not stage.mail("dead")


async def test_a_command_nobody_answers_times_out(stage: Stage) -> None:
    errors: list[Exception] = []

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        try:
            await context.invoke("nobody", "1", "there", timeout=timedelta(milliseconds=20))
        except InvokeTimeout as error:
            errors.append(error)

    async with stage:
        await stage.emit("ask")
        await until(lambda: errors)
        assert "nobody/1/there" in str(errors[0])


async def test_a_scheduled_command_has_no_waiting_caller(stage: Stage) -> None:
    seen: list[Any] = []

    @stage.service.command("cleanup")
    async def cleanup(context: Context, payload: Any) -> str:
        seen.append(context.schedule)
        return "done"

    stage.hourly(emit=None, invoke=cleanup, payload={})
    async with stage:
        await stage.call()
        await until(lambda: stage.mail("done"))
        assert seen[0].key == KEY
        assert [address for address, *_ in stage.mail("done")] == ["cmd:s/1/cleanup"]
        assert stage.mail("ready") == []
        assert [row.run for row in await stage.rows()] == [RunState.FINISHED]


async def test_delayed_jobs_wait_for_their_time(stage: Stage) -> None:
    worked: list[tuple[str, int]] = []

    @stage.service.queue_worker("later")
    async def later(context: Context, payload: Any) -> None:
        worked.append((payload["n"], stage.clock.now()))

    @stage.service.subscription("send", event="x", once=True)
    async def send(context: Context, payload: Any) -> None:
        await context.enqueue(later, {"n": "delay"}, delay=timedelta(hours=24))
        await context.enqueue(later, {"n": "at"}, at=stage.clock.datetime + timedelta(hours=1))
        await context.enqueue(later, {"n": "now"})
        await context.enqueue(later, {"n": "once"}, idempotency_key="k")
        await context.enqueue(later, {"n": "twice"}, idempotency_key="k")

    async with stage:
        begin = stage.clock.now()
        await stage.emit("x")
        await until(lambda: len(worked) == 2)
        await stage.clock.advance(minutes=59)
        await until(lambda: len(worked) == 3, tick=lambda: stage.clock.advance(minutes=1))
        await until(lambda: len(worked) == 4, tick=lambda: stage.clock.advance(hours=1))
        at = {name: (when - begin) // 60_000 for name, when in worked}
        assert set(at) == {"now", "once", "at", "delay"}
        assert 60 <= at["at"] <= 65
        assert at["delay"] >= 24 * 60


async def test_forbid_a_long_run_is_renewed_and_the_next_is_skipped() -> None:
    stage, release = Stage(permit_ms=60_000), asyncio.Event()

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        await release.wait()

    stage.hourly()
    async with stage:
        await stage.call()
        await until(stage.working)
        for _ in range(180):  # an hour, in steps that leave the renewals their real time
            await stage.clock.advance(seconds=20)
            await asyncio.sleep(0.005)
        await stage.bridge.gateway.trigger(Call(KEY))
        assert (await stage.rows())[0].decision is Decision.SKIPPED_OVERLAP
        release.set()
        await until(lambda: stage.ended(RunState.FINISHED))


async def test_replace_cancels_an_async_handler_and_then_starts(stage: Stage) -> None:
    story: list[str] = []

    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        story.append("begin")
        try:
            if len(story) == 1:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            story.append("cancelled")
            raise

    stage.hourly("replace")
    async with stage:
        await stage.call()
        await until(lambda: story == ["begin"])
        await stage.call()
        await until(lambda: len(story) == 3, tick=lambda: stage.clock.advance(hours=1))
        assert story == ["begin", "cancelled", "begin"]
        await until(lambda: stage.ended(RunState.SUPERSEDED))


async def test_replace_a_sync_handler_keeps_its_permit_until_it_returns(stage: Stage) -> None:
    story: list[str] = []
    asked = threading.Event()
    release = threading.Event()

    @stage.service.subscription("work", event="due", once=True)
    def work(context: Context, payload: Any) -> None:
        story.append("begin")
        if len(story) == 1:
            while not context.should_stop:
                release.wait(0.01)
            asked.set()
            release.wait(5)
            story.append("end")

    stage.hourly("replace")
    async with stage:
        await stage.call()
        await until(lambda: story == ["begin"])
        await stage.call()
        await until(asked.is_set, tick=lambda: stage.clock.advance(minutes=10))
        for _ in range(10):
            await stage.clock.advance(seconds=10)
            await asyncio.sleep(0.01)
        assert story == ["begin"], "the new run began while the old thread still worked"
        release.set()
        await until(lambda: story == ["begin", "end", "begin"], tick=lambda: stage.clock.advance(seconds=1))


async def test_a_run_that_takes_too_long_is_timed_out(stage: Stage) -> None:
    @stage.service.subscription("work", event="due", once=True)
    async def work(context: Context, payload: Any) -> None:
        await asyncio.Event().wait()

    stage.hourly(run_timeout=timedelta(minutes=5))
    async with stage:
        await stage.call()
        await until(stage.working)
        await until(lambda: stage.ended(RunState.TIMED_OUT), tick=lambda: stage.clock.advance(seconds=10))


@pytest.mark.parametrize(("key", "why"), [(KEY, "unknown run"), ("s/1/gone", "unknown schedule")])
async def test_what_belongs_to_a_run_that_nobody_knows_is_put_aside(stage: Stage, key: str, why: str) -> None:
    """A ledger that was restored from an older copy: nobody may work it, and nobody may lose it."""
    worked: list[Any] = []

    @stage.service.queue_worker("work")
    async def work(context: Context, payload: Any) -> None:
        worked.append(payload)

    stage.hourly(emit="due")
    async with stage:
        run = RunInfo("nobody", key, stage.clock.now(), permit=True, fence=1)
        await stage.enqueue("work", {"a": 1}, run=run)
        await until(lambda: stage.mail("dead"))
        assert stage.mail("dead") == [("queue:work", f"refused: {why}", 1)]
        assert not worked


async def test_a_job_that_fails_for_good_fails_its_run(stage: Stage) -> None:
    @stage.service.queue_worker("child", max_attempts=1)
    async def child(context: Context, payload: Any) -> None:
        raise RuntimeError("broken")

    @stage.service.subscription("root", event="due", once=True)
    async def root(context: Context, payload: Any) -> None:
        await context.enqueue(child, {})

    stage.hourly()
    async with stage:
        await stage.call()
        await until(lambda: stage.ended(RunState.FAILED))
        (row,) = await stage.rows()
        assert row.run_detail == "RuntimeError: broken"


async def test_stopping_waits_for_what_is_in_work(stage: Stage) -> None:
    release, ended = asyncio.Event(), []

    @stage.service.queue_worker("work")
    async def work(context: Context) -> None:
        await release.wait()
        ended.append(True)

    async with stage:
        await stage.enqueue("work")
        await until(stage.taken)
        stopping = asyncio.ensure_future(stage.instance.stop())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        release.set()
        await asyncio.wait_for(stopping, 5)
        assert ended == [True]


async def test_an_event_without_a_subscriber_says_so(stage: Stage) -> None:
    stage.hourly()
    async with stage:
        await stage.call()
        (row,) = await stage.rows()
        assert (row.decision, row.run) == (Decision.PUBLISHED, RunState.UNDELIVERED)
        assert row.run_detail == "no subscription is registered for due"
