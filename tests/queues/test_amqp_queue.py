"""The queue over RabbitMQ keeps the laws, on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from purista.amqp import wire
from purista.amqp.consumer import AmqpDelivery
from purista.amqp.delays import SHORTEST_MS, rung_of
from purista.amqp.link import Parcel
from purista.amqp.queues import NO_LIMIT
from purista.clock import Clock
from purista.delivery import Limits
from purista.messages import Message, dump, job, new_id
from purista.queues.amqp import AmqpQueue
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import Inbox, RealTime, until
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


@pytest.mark.parametrize("what", ["exchange", "queue"])
async def test_what_somebody_deleted_is_declared_again(broker: Broker, what: str) -> None:
    queue = AmqpQueue(broker.link())
    await queue.start()
    at = queue._clock.now() + 3_600_000
    (first,) = await queue.enqueue([work("work", at=at)])
    rung = f"{broker.prefix}.delay.{rung_of(3_599_000)}"
    async with queue.link.channel() as channel:
        await (channel.exchange_delete(rung) if what == "exchange" else channel.queue_delete(rung))
    (second,) = await queue.enqueue([work("work", at=at)])
    (third,) = await queue.enqueue([work("work", at=at)])
    assert [first.error is None, second.error is None, third.error is None] == [True, False, True]
    await queue.stop()


async def test_what_is_taken_too_early_is_taken_seldom_and_costs_no_attempt(broker: Broker) -> None:
    """No rung can be used; the job comes back to its queue early, as after a rung that is shorter than its delay."""
    queue = AmqpQueue(broker.link())
    await queue.start()
    async with queue.link.channel() as channel:
        for number in range(8):  # somebody else's
            await channel.queue_declare(f"{broker.prefix}.delay.{SHORTEST_MS << number}", durable=True)
    inbox = Inbox()
    consumer = await queue.consume("work", inbox, Limits(visibility_ms=300))
    waits = 0
    wait_again = AmqpDelivery.wait_again

    async def counted(delivery: AmqpDelivery) -> None:
        nonlocal waits
        waits += 1
        await wait_again(delivery)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AmqpDelivery, "wait_again", counted)
        assert await queue.link.send([queue._parcel(work("work", at=queue._clock.now() + 1_500))]) == [None]
        await until(lambda: len(inbox) == 1)
    assert 2 <= waits <= 6
    assert inbox.deliveries[0].attempt == 1
    await consumer.close()
    await queue.stop()


async def test_dead_letters_may_be_looked_at_as_often_as_one_likes(broker: Broker) -> None:
    """Each look takes them and gives them back; RabbitMQ 4 drops after 20 times what sets no limit."""
    queue = AmqpQueue(broker.link())
    await queue.start()
    await queue.dead("work")
    dead = wire.dead_name(broker.queue("queue:work"))
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": NO_LIMIT}
    async with queue.link.channel() as channel:
        await channel.queue_declare(dead, durable=True, arguments=arguments)  # or the broker refuses other ones
    assert await queue.link.send([Parcel(dump(work("work")).encode(), {}, "", dead)]) == [None]
    for _ in range(25):
        for _ in range(100):  # what was given back is there again in a moment
            if found := await queue.dead("work"):
                break
        assert len(found) == 1
    await queue.stop()


async def test_dead_letters_of_an_earlier_version_stay_where_they_are(broker: Broker) -> None:
    queue = AmqpQueue(broker.link())
    await queue.start()
    async with queue.link.channel() as channel:
        await channel.queue_declare(
            wire.dead_name(broker.queue("queue:work")), durable=True, arguments={"x-queue-type": "quorum"}
        )
    assert await queue.dead("work") == []
    assert (await queue.enqueue([work("work")]))[0].error is None
    await queue.stop()
