"""The laws of :class:`~purista.queues.base.QueueBridge`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from purista.delivery import Delivery, Limits
from purista.messages import Message, job, job_id
from purista.queues.base import QueueBridge
from purista.testing.clock import ManualClock
from purista.testing.suites.common import Inbox, until

__all__ = ["QueueSuite"]

LEASE_MS = 30_000


class QueueSuite:
    """Subclass it and write ``make``; every test gets a queue of its own."""

    async def make(self, clock: ManualClock) -> QueueBridge:
        """A started, empty queue that goes by ``clock``."""
        raise NotImplementedError

    @pytest.fixture
    async def clock(self) -> ManualClock:
        """A clock that stands still."""
        return ManualClock()

    @pytest.fixture
    async def queue(self, clock: ManualClock) -> AsyncIterator[QueueBridge]:
        """The queue under test."""
        queue = await self.make(clock)
        yield queue
        await queue.stop(drain=False)

    def job(self, clock: ManualClock, id: str, **options: Any) -> Message:
        """A job of the queue ``work``."""
        return job(id, "work", {"n": id}, created_at=clock.now(), **options)

    async def test_an_enqueued_job_is_worked_once(self, queue: QueueBridge, clock: ManualClock) -> None:
        """The id is worked once, also when it is enqueued again after it was worked."""
        inbox = Inbox()
        assert not (await queue.enqueue([self.job(clock, "a")]))[0].duplicate
        assert (await queue.enqueue([self.job(clock, "a")]))[0].duplicate
        await queue.consume("work", inbox, Limits())
        await until(lambda: inbox.ids == ["a"])
        assert (await queue.enqueue([self.job(clock, "a"), self.job(clock, "b")]))[0].duplicate
        await until(lambda: inbox.ids == ["a", "b"])

    async def test_an_idempotency_key_is_an_id(self, queue: QueueBridge, clock: ManualClock) -> None:
        """Two jobs with one key are one job."""
        first, second = (self.job(clock, job_id("work", "invoice:42"), idempotency_key="invoice:42") for _ in range(2))
        results = await queue.enqueue([first, second])
        assert [result.duplicate for result in results].count(True) <= 1
        inbox = Inbox()
        await queue.consume("work", inbox, Limits())
        await until(lambda: len(inbox) == 1)

    async def test_queues_do_not_share_jobs(self, queue: QueueBridge, clock: ManualClock) -> None:
        """A consumer gets its own queue's jobs only."""
        mine, other = Inbox(), Inbox()
        await queue.consume("work", mine, Limits())
        await queue.consume("other", other, Limits())
        await queue.enqueue([self.job(clock, "a"), job("b", "other", None, created_at=clock.now())])
        await until(lambda: mine.ids == ["a"] and other.ids == ["b"])

    async def test_a_job_is_not_seen_before_its_time(self, queue: QueueBridge, clock: ManualClock) -> None:
        """``scheduledAt`` is respected."""
        inbox = Inbox()
        await queue.consume("work", inbox, Limits())
        await queue.enqueue([self.job(clock, "later", scheduled_at=clock.now() + 60_000), self.job(clock, "now")])
        await inbox.until_settled(1)
        await clock.advance(seconds=59)
        assert inbox.ids == ["now"]
        await clock.advance(seconds=2)
        await until(lambda: inbox.ids == ["now", "later"])

    async def test_a_released_job_comes_again_with_a_higher_attempt(
        self, queue: QueueBridge, clock: ManualClock
    ) -> None:
        """A retry waits for its delay; ``count=False`` was no attempt."""
        attempts: list[int] = []

        async def act(delivery: Delivery) -> None:
            attempts.append(delivery.attempt)
            if len(attempts) < 3:
                assert await delivery.retry(10_000, "again", count=len(attempts) == 1)
            else:
                await delivery.ack()

        inbox = Inbox(act)
        await queue.consume("work", inbox, Limits())
        await queue.enqueue([self.job(clock, "a")])
        for number in (1, 2, 3):
            await inbox.until_settled(number)
            await clock.advance(seconds=8)
            assert len(attempts) == number, "a retry waits for its delay"
            await clock.advance(seconds=3)
        assert attempts == [1, 2, 2]

    async def test_an_unsettled_job_comes_again_when_its_lease_ends(
        self, queue: QueueBridge, clock: ManualClock
    ) -> None:
        """A worker that vanished loses its job; what it settles late is refused."""
        held: list[Delivery] = []

        async def hold(delivery: Delivery) -> None:
            held.append(delivery)

        await queue.consume("work", hold, Limits(visibility_ms=LEASE_MS))
        await queue.enqueue([self.job(clock, "a")])
        await until(lambda: len(held) == 1)
        await clock.advance(milliseconds=LEASE_MS - 1_000)
        assert await held[0].renew()
        await clock.advance(milliseconds=LEASE_MS - 1_000)
        assert len(held) == 1, "the lease was renewed"
        await clock.advance(seconds=2)
        await until(lambda: len(held) == 2)
        assert (held[1].id, held[1].attempt) == ("a", 2)
        assert not await held[0].ack()
        assert not await held[0].renew()
        assert not await held[0].retry(0)
        assert await held[1].ack()

    async def test_dead_letters_keep_the_job_and_the_reason(self, queue: QueueBridge, clock: ManualClock) -> None:
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
        assert await queue.requeue("work", ["a", "unknown"]) == ["a"]
        await until(lambda: inbox.ids == ["a", "a"])
        assert inbox.deliveries[1].attempt == 1
        assert await queue.dead("work") == []

    async def test_a_closed_consumer_takes_nothing_new(self, queue: QueueBridge, clock: ManualClock) -> None:
        """Closing drains, and leaves the rest for others."""
        inbox = Inbox()
        consumer = await queue.consume("work", inbox, Limits())
        await consumer.close()
        await queue.enqueue([self.job(clock, "a")])
        other = Inbox()
        await queue.consume("work", other, Limits())
        await until(lambda: other.ids == ["a"])
        assert inbox.ids == []

    async def test_consumers_share_a_queue(self, queue: QueueBridge, clock: ManualClock) -> None:
        """Two consumers, every job once."""
        one, two = Inbox(), Inbox()
        await queue.consume("work", one, Limits(concurrency=2))
        await queue.consume("work", two, Limits(concurrency=2))
        await queue.enqueue([self.job(clock, f"j{number}") for number in range(50)])
        await until(lambda: len(one) + len(two) == 50)
        assert sorted(one.ids + two.ids) == sorted(f"j{number}" for number in range(50))
