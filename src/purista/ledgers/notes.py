"""What a ledger noted beside its decisions: calls that decided nothing, who works, letters and dead letters. For people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from purista.ledgers.base import WorkerSeen

__all__ = ["DeadLetter", "Heard", "Letter", "Notes", "RecentCall"]


@dataclass(frozen=True, slots=True)
class RecentCall:
    """A call that decided nothing. ``at`` in ms."""

    at: int
    answer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Heard:
    """When a call last decided something (ms), and who called."""

    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery or job: how often it was tried, when it is seen again (ms), and why it was given back."""

    state: str
    attempts: int
    max_attempts: int
    visible_at: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside (ms), and why."""

    id: str
    address: str
    died_at: int
    attempts: int
    reason: str
    body: str


class Notes(Protocol):
    """The notes of one open ledger. Letters are there where the ledger's own store carries messages."""

    async def keys(self) -> list[str]:
        """Every key that leads to a lineage, former ones included; current ones first."""
        ...

    async def recent_calls(self, lineage: str) -> list[RecentCall]:
        """The last calls that decided nothing, newest first, under any of the lineage's keys."""
        ...

    async def counted(self, lineage: str, day: str) -> dict[str, int]:
        """How many calls of that day (UTC, ``2026-03-29``) decided nothing, by answer."""
        ...

    async def last_decision(self, lineage: str | None = None) -> Heard | None:
        """The newest decision of the lineage, or of all."""
        ...

    async def last_counted(self) -> int | None:
        """When any call of any schedule last decided nothing (ms)."""
        ...

    async def workers(self, addresses: Sequence[str]) -> Mapping[str, list[WorkerSeen]]:
        """Who asked for messages of the addresses, last seen first. An address nobody asked for has an empty list."""
        ...

    async def letters(self, ids: Sequence[str]) -> Mapping[str, Letter]:
        """Deliveries and jobs by id."""
        ...

    async def dead(self, address: str | None, limit: int) -> list[DeadLetter]:
        """Dead letters of an address, or of all, newest first."""
        ...

    async def requeue(self, ids: Sequence[str], now: int) -> list[str]:
        """Bring dead letters back with fresh attempts; the ids that were dead."""
        ...
