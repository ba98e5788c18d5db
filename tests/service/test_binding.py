"""Event to queue: schedule → event → queue → worker → result event, and nothing is acknowledged before it is enqueued."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from purista import Context, ServiceBuilder
from purista.errors import DeclarationError, InvalidPayload
from purista.ledgers.base import RunState
from tests.service.stage import Stage, until


class Cycle(BaseModel):
    cycle: str


class Job(BaseModel):
    name: str


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_schedule_event_queue_worker_result_event(stage: Stage) -> None:
    """PURISTA's enterprise pattern, and all of it is one run."""
    seen: list[Any] = []

    @stage.service.queue_worker("work", result_event="worked")
    async def work(context: Context, job: Job) -> dict[str, str]:
        assert context.schedule is not None
        seen.append((job.name, context.schedule.name))
        return {"made": job.name}

    @stage.service.subscription("onWorked", event="worked", once=True)
    async def on_worked(context: Context, payload: Any) -> None:
        seen.append(payload)

    stage.service.bind_event_to_queue(
        "due", work, payload_type=Cycle, mapper=lambda cycle: {"name": f"run of {cycle.cycle}"}
    )
    stage.hourly(payload={"cycle": "{scheduled_at:%Y-%m}"})
    async with stage:
        await stage.call()
        await until(lambda: len(seen) == 2)
        assert seen == [("run of 2026-01", "hourly"), {"made": "run of 2026-01"}]
        await until(lambda: stage.ended(RunState.FINISHED))
        (row,) = await stage.rows()
        assert row.roots == ("sub:s/1/eventToQueue:due:work",)


async def test_an_event_is_not_acknowledged_before_its_job_is_enqueued(stage: Stage) -> None:
    stage.service.bind_event_to_queue("x", "work")
    tries = 0
    async with stage:
        healthy = stage.bridge.queue.enqueue

        async def away(messages: Any) -> Any:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OSError("the queue is away")
            return await healthy(messages)

        stage.instance._node.queue.enqueue = away  # type: ignore[method-assign]
        await stage.emit("x", {"a": 1})
        await until(lambda: tries == 3, tick=lambda: stage.clock.advance(milliseconds=250))
        await until(lambda: any(address == "queue:work" for address, _, _ in stage.mail("ready")))
        assert not stage.mail("dead")


async def test_events_with_equal_keys_make_one_job(stage: Stage) -> None:
    stage.service.bind_event_to_queue("x", "work", idempotency_key="payload.order.id")
    async with stage:
        for number in (1, 2, 1):
            await stage.emit("x", {"order": {"id": number}})
        await until(lambda: len(stage.mail("done")) == 3)
        assert [address for address, _, _ in stage.mail("ready")] == ["queue:work"] * 2


async def test_what_has_no_key_or_does_not_fit_is_put_aside_with_the_reason(stage: Stage) -> None:
    stage.service.bind_event_to_queue("x", "keyed", idempotency_key="payload.id")
    stage.service.bind_event_to_queue("x", "typed", payload_type=Cycle)
    async with stage:
        await stage.emit("x", {"a": 1})
        await until(lambda: len(stage.mail("dead")) == 2)
        keyed, typed = stage.mail("dead")
        assert "expected 'id' in payload" in keyed[1]
        assert "cycle" in typed[1]


async def test_a_job_may_wait(stage: Stage) -> None:
    worked: list[int] = []

    @stage.service.queue_worker("work")
    async def work(context: Context) -> None:
        worked.append(stage.clock.now())

    stage.service.bind_event_to_queue("x", work, delay=timedelta(minutes=10))
    async with stage:
        began = stage.clock.now()
        await stage.emit("x")
        await until(lambda: worked, tick=lambda: stage.clock.advance(minutes=1))
        assert worked[0] - began >= 600_000


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        (print, {}, "expected a queue"),
        ("", {}, "expected a name"),
        ("work", {"idempotency_key": "id"}, "write 'payload.id'"),
        ("work", {"delay": -1}, "delay"),
        ("work", {"max_attempts": 0}, "max_attempts"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(target: Any, options: Any, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        ServiceBuilder("s").bind_event_to_queue("x", target, **options)


def test_a_binding_is_declared_once() -> None:
    service = ServiceBuilder("s").bind_event_to_queue("x", "work").bind_event_to_queue("x", "other")
    assert [s.name for s in service.subscriptions] == ["eventToQueue:x:work", "eventToQueue:x:other"]
    with pytest.raises(DeclarationError, match="second"):
        service.bind_event_to_queue("x", "work")


def test_a_key_is_a_path_to_a_single_value() -> None:
    from purista.contract.payload import value_at

    assert value_at({"a": [{"b": 7}]}, "payload.a.0.b") == "7"
    with pytest.raises(InvalidPayload, match="single value"):
        value_at({"a": []}, "payload.a")
