"""Questions and answers about the right to work: asked by workers, answered by a gateway, in process or over a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from purista.ledgers.base import Outgoing, Part, RunRef, RunState, Settled

__all__ = ["Begin", "End", "Granted", "Permits", "Refused", "Renewed", "Spawn", "Spawned", "Wait"]


@dataclass(frozen=True, slots=True)
class Begin:
    """A worker asks to start a delivery of a run."""

    run: RunRef
    part: str
    address: str
    worker: str


@dataclass(frozen=True, slots=True)
class Spawn:
    """A part enqueues a job that belongs to its run."""

    run: RunRef
    part: str
    fence: int | None
    child: Part
    message: Outgoing | None


class Spawned(StrEnum):
    """What became of it."""

    NEW = "new"
    KNOWN = "known"  # the run had this job already: a retried parent repeats its children's ids
    LOST = "lost"  # the worker's right is gone; nothing was enqueued


@dataclass(frozen=True, slots=True)
class End:
    """How a part's work ended. ``outcome`` None gives the permit back for a retry; ``fence`` None has no permit."""

    run: RunRef
    part: str
    address: str
    fence: int | None
    outcome: RunState | None
    detail: str | None = None
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class Granted:
    """The right to work until ``until`` (ms of the ledger's clock), under ``fence``. ``lasts_ms`` is what is left of it when
    it is granted: the same on every host, whatever its clock says."""

    fence: int
    until: int
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """The right to work for longer; ``give_way`` asks the handler to stop."""

    until: int
    give_way: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: somebody else holds the slot. Ask again after ``retry_after_ms``."""

    retry_after_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: this delivery must not be worked. It is acknowledged, and ``why`` is recorded.

    ``unknown``: nobody knows its run (the ledger was restored from an older copy): it is put aside instead, for a person.
    """

    why: str
    unknown: bool = False


class Permits(Protocol):
    """Whoever grants the right to work: a gateway in this process, or the way to one."""

    transactional: bool  # ``End.settled`` and ``Spawn.message`` are carried in the same commit

    async def begin(self, key: str, ask: Begin) -> Granted | Wait | Refused:
        """Ask for the right to work a delivery of a run."""
        ...

    async def renew(self, key: str, run: RunRef, part: str, fence: int) -> Renewed | Refused:
        """Hold on to a permit before it expires."""
        ...

    async def spawn(self, key: str, ask: Spawn) -> Spawned:
        """Make a job part of a run."""
        ...

    async def complete(self, key: str, run: RunRef | None, state: RunState, cause: str = "") -> bool:
        """Tell that a run's result event came (None: of the oldest open run). False: no such run is open.

        ``cause`` identifies the event: told twice, it ends one run.
        """
        ...

    async def end(self, key: str, report: End) -> bool:
        """Report how a delivery's work ended. False: the report is stale."""
        ...
