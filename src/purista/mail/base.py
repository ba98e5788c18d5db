"""The port of a mailbox: letters that are taken for a time, renewed, settled, and seen again when nobody settles them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Letter", "Look", "Mailbox", "Settlement", "Taken"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be carried. ``id`` makes posting it again a no-op, also after it was worked."""

    id: str
    address: str
    body: str
    visible_at: int
    max_attempts: int = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """A message under lease. ``attempt`` counts from 1."""

    id: str
    address: str
    body: str
    lease: str
    attempt: int
    max_attempts: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to do with a taken message. ``reason`` set: dead-letter it."""

    id: str
    lease: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """When the next message of an address can be taken (ms, None: there is none), and the store's state at that look."""

    next_visible: int | None
    state: Any


class Mailbox(Protocol):
    """A store of letters. Instants are ms of the caller's clock; False means that the lease was lost."""

    async def look(self, address: str) -> Look:
        """What there is for an address."""
        ...

    async def changed(self, timeout: float, since: Any) -> None:
        """Wait until something may have come since a look's ``state``, at most ``timeout`` seconds."""
        ...

    async def take(self, address: str, limit: int, lease: str, now: int, visibility_ms: int) -> Sequence[Taken]:
        """Lease up to ``limit`` due messages, oldest first, and hide them for ``visibility_ms``."""
        ...

    async def settle(self, settlement: Settlement, now: int) -> bool:
        """End a taken message."""
        ...

    async def release(self, taken: Taken, visible_at: int, reason: str | None, *, count: bool) -> bool:
        """Give a taken message back, to be seen again at ``visible_at``. ``count=False`` undoes the attempt."""
        ...

    async def renew(self, taken: Taken, until: int) -> bool:
        """Hide a taken message for longer."""
        ...

    async def seen(self, address: str, worker: str, now: int) -> None:
        """Remember that somebody works an address."""
        ...
