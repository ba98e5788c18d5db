"""The queue over NATS keeps the laws, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from purista.clock import Clock
from purista.delivery import Delivery, Limits
from purista.messages import Message, job, new_id
from purista.queues.nats import NatsQueue
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import Inbox, RealTime, until
from tests.subjects import Subjects


@pytest.fixture
async def queue(subjects: Subjects) -> AsyncIterator[NatsQueue]:
    queue = NatsQueue(subjects.link())
    await queue.start()
    yield queue
    await queue.stop(drain=False)


def work(at: int = 0) -> Message:
    return job(new_id(), "work", {}, created_at=0, scheduled_at=at, max_attempts=3)


class TestNatsQueue(RealTime, QueueSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, subjects: Subjects) -> None:
        self.subjects = subjects

    async def make(self, clock: Clock) -> NatsQueue:
        queue = NatsQueue(self.subjects.link(), clock=clock)
        await queue.start()
        return queue


async def test_a_thousand_jobs_that_wait_for_their_time_hold_up_no_other(queue: NatsQueue) -> None:
    """Also where an earlier version made the consumer, with its bound on what was not acknowledged."""
    from nats.js import api

    await queue.enqueue([])
    await queue._declare("work")
    old = api.ConsumerConfig(
        durable_name=queue._consumer("work"), ack_policy=api.AckPolicy.EXPLICIT, ack_wait=30, max_ack_pending=1_000,
        filter_subject=queue._subject("work"),
    )  # fmt: skip
    await queue.link.stream.add_consumer(queue._stream("work"), old)
    hour = queue._clock.now() + 3_600_000
    await queue.enqueue([work(hour) for _ in range(1_100)])
    inbox = Inbox()
    await queue.consume("work", inbox, Limits(concurrency=64))
    await queue.enqueue([work()])
    await until(lambda: inbox.deliveries)
    info = await queue.link.stream.consumer_info(queue._stream("work"), queue._consumer("work"))
    assert info.num_ack_pending > 1_000


async def test_what_may_not_begin_is_kept_by_the_worker_up_to_a_bound(
    queue: NatsQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("purista.jetstream.consumer.PARKED_AT_MOST", 3)
    seen: list[str] = []

    async def not_now(delivery: Delivery) -> None:
        seen.append(delivery.id)
        await delivery.retry(60_000, count=False)

    await queue.enqueue([work() for _ in range(10)])
    await queue.consume("work", not_now, Limits(concurrency=1))
    await until(lambda: len(seen) == 3)
    await asyncio.sleep(0.3)
    assert len(seen) == 3


async def test_restarts_cost_no_attempt_of_what_was_not_begun(queue: NatsQueue) -> None:
    """Rolling deploys while another run holds the slot."""
    await queue.enqueue([work()])
    seen: list[int] = []
    taken = asyncio.Event()

    async def not_now(delivery: Delivery) -> None:
        seen.append(delivery.attempt)
        await delivery.retry(200, count=False)
        taken.set()

    for number in range(6):
        taken.clear()
        consumer = await queue.consume("work", not_now, Limits(concurrency=1, visibility_ms=3_000))
        await asyncio.wait_for(taken.wait(), 5)
        await consumer.close(drain=number % 2 == 0)
    assert len(seen) >= 6
    assert set(seen) == {1}


async def test_what_comes_while_a_consumer_is_closed_goes_to_the_next_one_uncounted(queue: NatsQueue) -> None:
    jobs = [work() for _ in range(200)]
    got: dict[str, int] = {}

    async def act(delivery: Delivery) -> None:
        assert delivery.id not in got
        got[delivery.id] = delivery.attempt
        await delivery.ack()

    sending = asyncio.ensure_future(queue.enqueue(jobs))
    for _ in range(20):
        consumer = await queue.consume("work", act, Limits(concurrency=8))
        await asyncio.sleep(0.01)
        await consumer.close()
    await sending
    await queue.consume("work", act, Limits(concurrency=8))
    await until(lambda: len(got) == len(jobs))
    assert set(got.values()) == {1}


async def test_what_the_server_hands_out_before_its_time_again_costs_no_attempt(queue: NatsQueue) -> None:
    """As it does when it was started anew, and forgot how long it should wait."""
    await queue._declare("work", 30_000)
    await queue.enqueue([work(queue._clock.now() + 1_500)])
    stream, consumer = queue._stream("work"), queue._consumer("work")
    for _ in range(4):
        pulled = await queue.link.stream.pull_subscribe_bind(consumer, stream)
        (message,) = await pulled.fetch(1, timeout=2)
        await message.nak()
        await pulled.unsubscribe()
    inbox = Inbox()
    await queue.consume("work", inbox, Limits(concurrency=1))
    await until(lambda: inbox.deliveries)
    assert inbox.deliveries[0].attempt == 1
