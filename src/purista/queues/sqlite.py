"""Jobs in the shared SQLite file: visibility lease with renewal, retries, dead letters, ``delay=``/``at=``."""

from __future__ import annotations

from collections.abc import Sequence

from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver, Limits
from purista.mail.base import Letter
from purista.mail.consumer import MailRoom
from purista.messages import Message, dump
from purista.queues.base import DeadJob, Enqueued
from purista.sqlite import mailbox
from purista.sqlite.file import SqliteFile

__all__ = ["SqliteQueue", "queue_address"]


def queue_address(queue: str) -> str:
    """The mailbox address of a queue."""
    return f"queue:{queue}"


class SqliteQueue:
    """A :class:`~purista.queues.base.QueueBridge` over a :class:`~purista.sqlite.file.SqliteFile`."""

    remembers = True

    def __init__(self, file: SqliteFile, *, clock: Clock | None = None) -> None:
        self.file = file
        self._clock = clock or SystemClock()
        self._room = MailRoom(mailbox.SqliteMailbox(file), self._clock)

    async def start(self) -> None:
        """Open the file."""
        self.file.open()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then the file."""
        await self._room.close(drain=drain)
        self.file.close()

    async def enqueue(self, jobs: Sequence[Message]) -> list[Enqueued]:
        """Put jobs in, in one commit."""
        now = self._clock.now()
        letters = [
            Letter(job["id"], queue_address(job["queueName"]), dump(job), job["scheduledAt"], job["maxAttempts"])
            for job in jobs
        ]
        posted = await self.file.write(lambda c: mailbox.post(c, letters, now))
        return [Enqueued(letter.id, duplicate=letter.id not in posted) for letter in letters]

    async def consume(self, queue: str, work: Deliver, limits: Limits) -> Closeable:
        """Work a queue until closed."""
        return self._room.consume(queue_address(queue), work, limits)

    async def dead(self, queue: str, limit: int = 100) -> list[DeadJob]:
        """The dead letters, oldest first."""
        return self.file.read(lambda c: [DeadJob(*row) for row in mailbox.find_dead(c, queue_address(queue), limit)])

    async def requeue(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Bring dead letters back with fresh attempts."""
        now = self._clock.now()
        return sorted(await self.file.write(lambda c: mailbox.requeue(c, ids, now, f"queue:{queue}")))
