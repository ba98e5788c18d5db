"""Handlers, payloads and answers that nobody should write: each ends in a settled message and harms no other."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest

from purista import Context, HandlerError
from purista.errors import UnhandledError
from tests.service.stage import Stage, until


class Mute(Exception):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        raise ValueError("no words")


ERRORS = [
    StopIteration(),
    StopAsyncIteration(),
    GeneratorExit(),
    asyncio.CancelledError(),
    TimeoutError(),
    Mute(),
    OSError("caf\udce9"),
    RuntimeError("\0"),
    HandlerError("caf\udce9"),
    RuntimeError("x" * 1_000_000),
]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("error", ERRORS, ids=[type(error).__name__ for error in ERRORS])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_whatever_a_handler_raises_its_message_is_settled(stage: Stage, error: BaseException, kind: str) -> None:
    def work(context: Context) -> None:
        raise error

    async def work_async(context: Context) -> None:
        raise error

    stage.service.queue_worker("work", max_attempts=1)(work if kind == "sync" else work_async)
    async with stage:
        await stage.enqueue("work")
        await until(lambda: stage.mail("dead"))
        ((_, reason, attempts),) = stage.mail("dead")
        assert attempts == 1
        assert 0 < len(reason) < 10_000


async def test_an_error_is_tried_again_whatever_its_words(stage: Stage) -> None:
    attempts: list[int] = []

    @stage.service.queue_worker("work", max_attempts=2)
    def work(context: Context) -> None:
        attempts.append(context.attempt)
        raise FileNotFoundError("caf\udce9")

    async with stage:
        await stage.enqueue("work")
        await until(lambda: stage.mail("dead"), tick=lambda: stage.clock.advance(milliseconds=250))
        assert attempts == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        '{"purista": {"run": "x", "key": "k", "at": 1e999, "permit": true, "fence": 0}}',
        '{"purista": {"run": "x", "key": "k", "at": 9e99, "permit": false, "fence": 0}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"headers": {"purista.run": "[[["}}',
        '{"headers": {"purista.schedule": "[[["}}',
        '{"headers": 5}',
        '{"payload": {"__proto__": 1}, "purista": {"run": "x", "key": "k", "at": 1, "permit": false, "fence": null}}',
    ],
)
async def test_a_poisoned_message_is_put_aside_and_does_not_stop_the_rest(stage: Stage, body: str) -> None:
    worked: list[Any] = []

    @stage.service.queue_worker("work", max_attempts=2)
    async def work(context: Context, payload: Any) -> None:
        if payload is None:
            assert context.schedule
            raise RuntimeError("nothing to do")
        worked.append(payload)

    async with stage:
        await stage.put(body)
        await stage.enqueue("work", {"n": 1})
        await until(lambda: worked)
        await until(lambda: stage.mail("dead"), tick=lambda: stage.clock.advance(minutes=30))


async def test_a_sync_handler_that_returns_an_awaitable_is_worked(stage: Stage) -> None:
    worked: list[Any] = []

    async def really(payload: Any) -> None:
        await asyncio.sleep(0)
        worked.append(payload)

    @stage.service.queue_worker("work")
    def work(context: Context, payload: Any) -> Any:
        return really(payload)

    async with stage:
        await stage.enqueue("work", {"n": 1})
        await until(lambda: stage.mail("done"))
        assert worked == [{"n": 1}]


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, "\ud800", {1, 2}, object(), {"a": object()}, b"\xff", "x\0y", 1 << 80]
)
async def test_a_command_is_answered_whatever_it_returns(stage: Stage, value: Any) -> None:
    answers: list[Any] = []

    @stage.service.command("give")
    async def give(context: Context, payload: Any) -> Any:
        return value

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        try:
            answers.append(await context.invoke("s", "1", "give", {}))
        except UnhandledError as error:
            answers.append(error)

    async with stage:
        await stage.emit("ask")
        await until(lambda: answers)


@pytest.mark.parametrize("data", [math.nan, object(), "\ud800", {1}])
async def test_a_command_is_answered_whatever_data_its_error_has(stage: Stage, data: Any) -> None:
    answers: list[Any] = []

    @stage.service.command("give")
    async def give(context: Context, payload: Any) -> Any:
        raise HandlerError("no", data=data)

    @stage.service.subscription("ask", event="ask", once=True)
    async def ask(context: Context, payload: Any) -> None:
        try:
            answers.append(await context.invoke("s", "1", "give", {}))
        except (UnhandledError, HandlerError) as error:
            answers.append(error)

    async with stage:
        await stage.emit("ask")
        await until(lambda: answers)


@pytest.mark.parametrize("payload", ['{"status": ["failed"]}', '"text"', "{}", '{"status": "failed"}'])
@pytest.mark.parametrize("origin", ["5", "{}", '{"key": "s/1/hourly"}', '{"key": "s/1/hourly", "run": 1, "at": "x"}'])
async def test_any_result_event_is_settled(stage: Stage, payload: str, origin: str) -> None:
    stage.hourly(completed_by="finished")
    async with stage:
        body = json.dumps({"payload": json.loads(payload), "puristaRun": json.loads(origin)})
        await stage.put(body, "completed:s/1/hourly")
        await until(lambda: stage.mail("done") or stage.mail("dead"))
