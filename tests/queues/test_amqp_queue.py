"""The queue over RabbitMQ keeps the laws, on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from purista.amqp.delays import SHORTEST_MS
from purista.clock import Clock
from purista.messages import Message, job, new_id
from purista.queues.amqp import AmqpQueue
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import RealTime
from tests.broker import Broker


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("queue:work", "queue:other")
    yield broker
    await broker.end()


class TestAmqpQueue(RealTime, QueueSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, broker: Broker) -> None:
        self.broker = broker

    async def make(self, clock: Clock) -> AmqpQueue:
        queue = AmqpQueue(self.broker.link(), clock=clock)
        await queue.start()
        return queue


def work(queue: str, *, at: int = 0) -> Message:
    return job(new_id(), queue, {}, created_at=0, scheduled_at=at, max_attempts=3)


async def test_a_queue_or_a_rung_that_is_refused_fails_its_own_jobs(broker: Broker) -> None:
    queue = AmqpQueue(broker.link())
    await queue.start()
    rung = f"{broker.prefix}.delay.{SHORTEST_MS << 2}"
    async with queue.link.channel() as channel:  # somebody else's
        await channel.queue_declare(broker.queue("queue:other"), durable=True)
        await channel.queue_declare(rung, durable=True)
    soon, hour = queue._clock.now() + 1_500, queue._clock.now() + 3_600_000
    jobs = [work("work"), work("other"), work("work", at=soon), work("work", at=hour), work("other", at=hour)]
    answers = await queue.enqueue(jobs)
    assert [answer.id for answer in answers] == [one["id"] for one in jobs]
    assert [answer.error is None for answer in answers] == [True, False, False, True, False]
    assert "PRECONDITION_FAILED" in str(answers[1].error) + str(answers[2].error)
    await queue.stop()
