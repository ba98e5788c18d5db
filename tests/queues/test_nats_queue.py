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
async def subjects() -> AsyncIterator[Subjects]:
    subjects = Subjects()
    yield subjects
    await subjects.end()


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
