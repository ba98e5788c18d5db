"""The queue port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from purista.delivery import Closeable, Deliver, Limits
from purista.messages import Message

__all__ = ["DeadJob", "Enqueued", "QueueBridge"]


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What became of one job. ``duplicate``: a job with this id (or idempotency key) was enqueued before."""

    id: str
    duplicate: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was put aside, and why. ``died_at`` in ms."""

    id: str
    body: str
    reason: str
    died_at: int


class QueueBridge(Protocol):
    """Durable work. Laws (``purista.testing.QueueSuite``):

    - what ``enqueue`` answered is durable; an id or idempotency key is worked once, also after it was worked (where the
      queue ``remembers``: else it comes again under the same id);
    - a job is with one worker at a time while its lease is renewed; a lost lease gives it to another, attempt + 1;
    - a job is not seen before its ``scheduledAt``;
    - after ``maxAttempts`` failures it is in the dead letters with a reason, and can be brought back.
    """

    remembers: bool  # a job that is enqueued again is dropped, also after it was worked

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self, *, drain: bool = True) -> None:
        """Take nothing new, finish (or drop) what is in work, disconnect."""
        ...

    async def enqueue(self, jobs: Sequence[Message]) -> Sequence[Enqueued]:
        """Put jobs (``messages.job``) in, together."""
        ...

    async def consume(self, queue: str, work: Deliver, limits: Limits) -> Closeable:
        """Work a queue until closed."""
        ...

    async def dead(self, queue: str, limit: int = 100) -> Sequence[DeadJob]:
        """The dead letters, oldest first."""
        ...

    async def requeue(self, queue: str, ids: Sequence[str]) -> Sequence[str]:
        """Bring dead letters back with fresh attempts; returns the ids that were dead."""
        ...
