"""The laws of :class:`~purista.queues.base.QueueBridge`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from purista.clock import Clock
from purista.delivery import Delivery, Limits
from purista.messages import Message, job, job_id
from purista.queues.base import QueueBridge
from purista.testing.suites.common import Inbox, Pace, until

__all__ = ["QueueSuite"]

LEASE = 30  # units


class QueueSuite(Pace):
    """Subclass it and write ``make``; every test gets a queue of its own."""

    remembers = True
    """Whether a job that is enqueued again is dropped. Else it comes again under the same id."""

    async def make(self, clock: Clock) -> QueueBridge:
        """A started, empty queue that goes by ``clock``."""
        raise NotImplementedError

    @pytest.fixture
    async def queue(self, clock: Clock) -> AsyncIterator[QueueBridge]:
        """The queue under test."""
        queue = await self.make(clock)
        yield queue
        await queue.stop(drain=False)

    def job(self, clock: Clock, id: str, **options: Any) -> Message:
        """A job of the queue ``work``."""
        return job(id, "work", {"n": id}, created_at=clock.now(), **options)

    async def test_an_enqueued_job_is_worked_once(self, queue: QueueBridge, clock: Clock) -> None:
        """The id is worked once, also when it is enqueued again after it was worked."""
        inbox = Inbox()
        if not self.remembers:
            await queue.consume("work", inbox, Limits())
            await queue.enqueue([self.job(clock, "a")])
            await until(lambda: inbox.ids == ["a"])
            await queue.enqueue([self.job(clock, "a"), self.job(clock, "b")])
            await until(lambda: set(inbox.ids) == {"a", "b"})
            return
        assert not (await queue.enqueue([self.job(clock, "a")]))[0].duplicate
        assert (await queue.enqueue([self.job(clock, "a")]))[0].duplicate
        await queue.consume("work", inbox, Limits())
        await until(lambda: inbox.ids == ["a"])
        assert (await queue.enqueue([self.job(clock, "a"), self.job(clock, "b")]))[0].duplicate
        await until(lambda: inbox.ids == ["a", "b"])

    async def test_an_idempotency_key_is_an_id(self, queue: QueueBridge, clock: Clock) -> None:
        """Two jobs with one key are one job."""
        first, second = (self.job(clock, job_id("work", "invoice:42"), idempotency_key="invoice:42") for _ in range(2))
        results = await queue.enqueue([first, second])
        assert [result.duplicate for result in results].count(True) <= 1
        inbox = Inbox()
        await queue.consume("work", inbox, Limits())
        await until(lambda: len(inbox) >= 1)
        assert len(set(inbox.ids)) == 1
        assert len(inbox) == 1 or not self.remembers

    async def test_queues_do_not_share_jobs(self, queue: QueueBridge, clock: Clock) -> None:
        """A consumer gets its own queue's jobs only."""
        mine, other = Inbox(), Inbox()
        await queue.consume("work", mine, Limits())
        await queue.consume("other", other, Limits())
        await queue.enqueue([self.job(clock, "a"), job("b", "other", None, created_at=clock.now())])
        await until(lambda: mine.ids == ["a"] and other.ids == ["b"])

    async def test_a_job_is_not_seen_before_its_time(self, queue: QueueBridge, clock: Clock) -> None:
        """``scheduledAt`` is respected."""
        inbox = Inbox()
        await queue.consume("work", inbox, Limits())
        await queue.enqueue(
            [self.job(clock, "later", scheduled_at=clock.now() + 60 * self.unit_ms), self.job(clock, "now")]
        )
        await inbox.until_settled(1)
        await self.pass_time(clock, 58)
        assert inbox.ids == ["now"]
        await self.pass_time(clock, 3)
        await until(lambda: inbox.ids == ["now", "later"])

    async def test_a_released_job_comes_again_with_a_higher_attempt(self, queue: QueueBridge, clock: Clock) -> None:
        """A retry waits for its delay; ``count=False`` was no attempt."""
        attempts: list[int] = []

        async def act(delivery: Delivery) -> None:
            attempts.append(delivery.attempt)
            if len(attempts) < 3:
                assert await delivery.retry(10 * self.unit_ms, "again", count=len(attempts) == 1)
            else:
                await delivery.ack()

        inbox = Inbox(act)
        await queue.consume("work", inbox, Limits())
        await queue.enqueue([self.job(clock, "a")])
        for number in (1, 2, 3):
            await until(lambda number=number: len(attempts) == number)  # type: ignore[misc]
            await inbox.until_settled(number)
            await self.pass_time(clock, 8)
            assert len(attempts) == number, "a retry waits for its delay"
            await self.pass_time(clock, 3)
        assert attempts == [1, 2, 2]

    async def test_an_unsettled_job_comes_again_when_its_lease_ends(self, queue: QueueBridge, clock: Clock) -> None:
        """A worker that vanished loses its job; what it settles late is refused."""
        held: list[Delivery] = []

        async def hold(delivery: Delivery) -> None:
            held.append(delivery)

        await queue.consume("work", hold, Limits(visibility_ms=LEASE * self.unit_ms))
        await queue.enqueue([self.job(clock, "a")])
        await until(lambda: len(held) == 1)
        await self.pass_time(clock, LEASE - 2)
        assert await held[0].renew()
        await self.pass_time(clock, LEASE - 2)
        assert len(held) == 1, "the lease was renewed"
        await self.pass_time(clock, 3)
        await until(lambda: len(held) == 2)
        assert (held[1].id, held[1].attempt) == ("a", 2)
        assert not await held[0].ack()
        assert not await held[0].renew()
        assert not await held[0].retry(0)
        assert await held[1].ack()

    async def test_dead_letters_keep_the_job_and_the_reason(self, queue: QueueBridge, clock: Clock) -> None:
        """Nothing is lost: a dead job can be looked at and brought back with fresh attempts."""
        inbox = Inbox(
            lambda delivery: delivery.dead("broken") if delivery.attempt == 1 and not dead else delivery.ack()
        )
        dead: list[str] = []
        await queue.consume("work", inbox, Limits())
        await queue.enqueue([self.job(clock, "a")])
        await inbox.until_settled(1)
        letters = await queue.dead("work")
        assert [(letter.id, letter.reason) for letter in letters] == [("a", "broken")]
        assert '"n":"a"' in letters[0].body
        dead.append("seen")
        assert await queue.requeue("other", ["a"]) == [], "it is not of that queue"
        assert await queue.requeue("work", ["a", "unknown"]) == ["a"]
        await until(lambda: inbox.ids == ["a", "a"])
        assert inbox.deliveries[1].attempt == 1
        assert await queue.dead("work") == []

    async def test_a_closed_consumer_takes_nothing_new(self, queue: QueueBridge, clock: Clock) -> None:
        """Closing drains, and leaves the rest for others."""
        inbox = Inbox()
        consumer = await queue.consume("work", inbox, Limits())
        await consumer.close()
        await queue.enqueue([self.job(clock, "a")])
        other = Inbox()
        await queue.consume("work", other, Limits())
        await until(lambda: other.ids == ["a"])
        assert inbox.ids == []

    async def test_consumers_share_a_queue(self, queue: QueueBridge, clock: Clock) -> None:
        """Two consumers, every job once."""
        one, two = Inbox(), Inbox()
        await queue.consume("work", one, Limits(concurrency=2))
        await queue.consume("work", two, Limits(concurrency=2))
        await queue.enqueue([self.job(clock, f"j{number}") for number in range(50)])
        await until(lambda: len(one) + len(two) == 50)
        assert sorted(one.ids + two.ids) == sorted(f"j{number}" for number in range(50))
