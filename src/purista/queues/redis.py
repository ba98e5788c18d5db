"""Jobs in Redis: visibility lease with renewal, retries, dead letters, ``delay=``/``at=``; as durable as Redis is set to be."""

from __future__ import annotations

from collections.abc import Sequence

from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver, Limits
from purista.mail.base import Letter
from purista.mail.consumer import MailRoom
from purista.messages import Message, dump
from purista.queues.base import DeadJob, Enqueued
from purista.redis.mailbox import RedisMailbox
from purista.redis.server import Server

__all__ = ["RedisQueue"]


class RedisQueue:
    """A :class:`~purista.queues.base.QueueBridge` over a :class:`~purista.redis.server.Server`. Ids are known for a week after
    they were worked.
    """

    remembers = True

    def __init__(self, server: Server, *, clock: Clock | None = None) -> None:
        self.server = server
        self._clock = clock or SystemClock()
        self._mailbox = RedisMailbox(server)
        self._room = MailRoom(self._mailbox, self._clock)

    async def start(self) -> None:
        """Connect."""
        await self.server.open()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then disconnect."""
        await self._room.close(drain=drain)
        await self._mailbox.close()
        await self.server.close()

    async def enqueue(self, jobs: Sequence[Message]) -> list[Enqueued]:
        """Put jobs in, as one act."""
        letters = [
            Letter(job["id"], f"queue:{job['queueName']}", dump(job), job["scheduledAt"], job["maxAttempts"])
            for job in jobs
        ]
        fresh = await self._mailbox.post(letters, self._clock.now())
        return [Enqueued(letter.id, duplicate=letter.id not in fresh) for letter in letters]

    async def consume(self, queue: str, work: Deliver, limits: Limits) -> Closeable:
        """Work a queue until closed."""
        return self._room.consume(f"queue:{queue}", work, limits)

    async def dead(self, queue: str, limit: int = 100) -> list[DeadJob]:
        """The dead letters, oldest first."""
        return [DeadJob(*row) for row in await self._mailbox.dead(f"queue:{queue}", limit)]

    async def requeue(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Bring dead letters back with fresh attempts."""
        return await self._mailbox.requeue(f"queue:{queue}", ids, self._clock.now())
