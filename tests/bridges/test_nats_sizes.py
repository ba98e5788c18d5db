"""Messages near the server's max_payload: each is an error of its own, and a connection that is closed for good is replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from purista.bridges.base import Subscription
from purista.bridges.nats import NatsSubjects
from purista.clock import SystemClock
from purista.delivery import Delivery, Limits
from purista.jetstream import wire
from purista.messages import Address, Message, command, custom_message, dump, job, new_id
from purista.queues.nats import NatsQueue
from purista.testing.suites.common import Inbox, until
from tests.subjects import Subjects

SENDER = Address("suite", "1", "test", "me")


@pytest.fixture
async def queue(subjects: Subjects) -> AsyncIterator[NatsQueue]:
    queue = NatsQueue(subjects.link(patience=3))
    await queue.start()
    yield queue
    await queue.stop(drain=False)


def work(size: int = 0, attempts: int = 1) -> Message:
    return job(new_id(), "work", {"x": "y" * size}, created_at=0, scheduled_at=0, max_attempts=attempts)


def filled(queue: NatsQueue, left: int) -> Message:
    """A job whose body is so many bytes shorter than the server allows."""
    return work(queue.link.client.max_payload - len(dump(work())) - left)


async def test_what_is_too_large_with_its_headers_fails_alone(queue: NatsQueue) -> None:
    client = queue.link.client
    answers = await queue.enqueue([work(), filled(queue, 5), work()])
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert f"at most {client.max_payload} bytes" in str(answers[1].error)
    assert queue.link.client is client
    assert queue.link.connected


async def test_headers_are_counted_as_they_are_sent(queue: NatsQueue) -> None:
    """To the byte: one more would close the connection."""
    room = queue.link.room(b"", {"Nats-Msg-Id": "a" * 32})
    exact = work(room - len(dump(work())))
    assert len(dump(exact)) == room
    assert (await queue.enqueue([exact]))[0].error is None
    assert queue.link.room(b"", {}) == queue.link.client.max_payload - 12


async def test_what_is_told_is_counted_too(subjects: Subjects) -> None:
    bridge = NatsSubjects(subjects.link(), instance="me")
    await bridge.start()
    big = custom_message("x", {"x": "y" * (bridge.link.client.max_payload - 300)}, SENDER, id=new_id(), timestamp=0)
    (delivered,) = await bridge.publish([big])
    assert "bytes" in str(delivered.error)
    assert bridge.link.connected
    await bridge.stop()


@pytest.mark.parametrize("left", [59, 70, 130, 400, 5_000])
async def test_a_large_message_is_put_aside_with_as_much_of_its_reason_as_fits(queue: NatsQueue, left: int) -> None:
    assert (await queue.enqueue([filled(queue, left)]))[0].error is None
    settled: list[bool] = []

    async def fail(delivery: Delivery) -> None:
        settled.append(await delivery.dead("é" * 3_000))

    consumer = await queue.consume("work", fail, Limits())
    await until(lambda: settled)
    await consumer.close()
    (dead,) = await queue.dead("work")
    assert settled == [True]
    assert len(dead.body) == queue.link.client.max_payload - left
    if left >= 400:
        assert dead.reason.startswith("é" * 50)


async def test_a_connection_that_is_closed_for_good_is_replaced_and_everybody_goes_on(subjects: Subjects) -> None:
    link = subjects.link(patience=3)
    bridge, queue = NatsSubjects(link, instance="me", clock=SystemClock()), NatsQueue(link)
    await bridge.start()
    await queue.start()
    events, commands, jobs = Inbox(), Inbox(), Inbox()
    await bridge.subscribe(Subscription("sub:a/1/one", "x"), events)
    await bridge.subscribe(Subscription("cmd:a/1/act"), commands)
    await queue.consume("work", jobs, Limits())
    before = link.client
    await before.publish(f"{link.prefix}.no", b"x" * (before.max_payload - 5), headers={"a": "b"})
    await until(lambda: before.is_closed and link.connected)
    assert link.client is not before
    asked = command(Address("a", "1", "act"), None, None, SENDER, id=new_id(), timestamp=0)
    for _ in range(100):
        answers = await bridge.publish([custom_message("x", {}, SENDER, id=new_id(), timestamp=0), asked])
        if all(answer.error is None for answer in answers):
            break
        await asyncio.sleep(0.05)
    assert (await queue.enqueue([work()]))[0].error is None
    await until(lambda: events.deliveries and commands.deliveries and jobs.deliveries)
    await bridge.stop()
    await queue.stop()


def test_a_reason_is_cut_between_two_characters() -> None:
    assert wire.cut("éé", 3) == "é"
    assert wire.cut("éé", -1) == ""
