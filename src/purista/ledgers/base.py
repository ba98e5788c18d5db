"""The ledger port and its values. Instants are milliseconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from purista.clock import Clock
from purista.contract.schedule import Schedule
from purista.messages import derived_id
from purista.values import value

if TYPE_CHECKING:
    from purista.ledgers.notes import Notes  # people only: no trigger pays for it

__all__ = [
    "Change", "Contract", "Counted", "Decision", "Ledger", "LedgerView", "Lineage", "OccurrenceClass", "OccurrenceRow",
    "Outgoing", "Page", "Part", "Pause", "Query", "Registration", "Run", "RunRef", "RunState", "Settled", "Slice",
    "WorkerSeen",
]  # fmt: skip


class OccurrenceClass(StrEnum):
    """Why an occurrence exists: because the recurrence yields it, because somebody asked, or as a repetition."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    REPLAY = "replay"


class Decision(StrEnum):
    """What was decided about an occurrence. ``CLAIMED`` and ``HELD`` are on the way to ``PUBLISHED``."""

    CLAIMED = "claimed"  # decided, message not confirmed by the bridge yet
    HELD = "held"  # replaces a run that has not given way yet
    PUBLISHED = "published"
    LATE = "late"  # its start deadline had passed
    PAUSED = "paused"
    SKIPPED_OVERLAP = "skipped_overlap"
    COALESCED = "coalesced"  # another occurrence stands for it
    MISSED = "missed"  # beyond the catch-up cap
    GONE = "gone"  # its contract was removed first


class RunState(StrEnum):
    """How a run stands or ended."""

    OPEN = "open"
    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SUPERSEDED = "superseded"
    UNDELIVERED = "undelivered"


@value(frozen=True, slots=True)
class Contract:
    """One registered version of a contract. ``schedule`` None is a tombstone."""

    seq: int
    key: str
    effective_from: int
    digest: str
    revision: int | None
    lateness: int
    schedule: Schedule | None


@value(frozen=True, slots=True)
class Pause:
    """Who paused, why and until when (None: until resumed)."""

    by: str
    reason: str
    since: int
    until: int | None = None

    def lasts(self, now: int) -> bool:
        """Whether it has begun and is not over."""
        return self.since <= now and (self.until is None or now < self.until)


@value(frozen=True, slots=True)
class Part:
    """A root of a run or a job it enqueued. A permit is ``fence`` and ``permit_until`` while ``state`` is working."""

    run: str
    part: str
    address: str
    state: str = "pending"  # pending | working | ended
    outcome: str | None = None
    fence: int = 0
    permit_until: int | None = None
    worker: str | None = None
    begun_at: int | None = None
    ended_at: int | None = None
    begins: int = 0
    detail: str | None = None
    root: bool = False

    @property
    def untouched(self) -> bool:
        """A root that nobody began: the occurrence's ``roots`` say all there is to know, so it needs no row."""
        return self.root and self.state == "pending" and not self.begins


@value(frozen=True, slots=True)
class OccurrenceRow:
    """One decided occurrence, or a stretch of ``count`` equal decisions from ``scheduled_at`` to ``last_at``."""

    scheduled_at: int
    occurrence_id: str
    key: str
    decision: Decision
    reason: str
    digest: str
    fence: int
    decided_at: int
    source: str
    occurrence_class: OccurrenceClass = OccurrenceClass.SCHEDULED
    request: str = ""
    last_at: int = 0
    count: int = 1
    related: str | None = None
    attempt: int = 1
    lease_until: int | None = None
    deadline: int | None = None
    idempotency_key: str | None = None
    payload: str | None = None
    roots: tuple[str, ...] = ()
    run: RunState | None = None
    run_ended_at: int | None = None
    run_detail: str | None = None
    open: int = 0


@value(frozen=True, slots=True)
class RunRef:
    """Which run is meant. ``scheduled_at`` (ms) finds it; None for requests, whose instant the asker cannot know."""

    occurrence_id: str
    scheduled_at: int | None = None


@value(frozen=True, slots=True)
class Run:
    """An occurrence together with its parts: its roots, and the jobs they enqueued."""

    row: OccurrenceRow
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(cls, row: OccurrenceRow, known: Sequence[Part] = ()) -> Run:
        """From a row and those of its parts that were written down."""
        roots = {derived_id(row.occurrence_id, address): address for address in row.roots}
        if not known:
            return cls(row, tuple([Part(row.occurrence_id, part, at, root=True) for part, at in roots.items()]))
        found = [replace(part, root=part.part in roots) for part in known]
        seen = {part.part for part in found}
        fresh = [
            Part(row.occurrence_id, part, address, root=True) for part, address in roots.items() if part not in seen
        ]
        return cls(row, (*fresh, *found))


@value(frozen=True, slots=True)
class Lineage:
    """What survives versions and renames of one schedule."""

    lineage: str
    key: str
    version: int
    fence: int
    decided_until: int
    contracts: tuple[Contract, ...]
    pause: Pause | None = None
    wake_at: int | None = None


@value(frozen=True, slots=True)
class LedgerView:
    """What the gateway sees of a lineage. ``open`` are claims, held occurrences and runs under permits, plus the runs
    that were asked for; ``subscribers`` the addresses known for the current target event. ``epoch`` (ms): what was due
    before, this ledger did not live through: it was made, or restored from a copy, then."""

    lineage: Lineage
    open: tuple[Run, ...]
    subscribers: tuple[str, ...]
    epoch: int = 0


@value(frozen=True, slots=True)
class Outgoing:
    """A message to publish, with the delivery ids of its roots as ``(part, address)``."""

    occurrence_id: str
    message: str
    roots: tuple[tuple[str, str], ...] = ()
    visible_at: int = 0
    max_attempts: int = 10


@value(frozen=True, slots=True)
class Settled:
    """A taken message that ends with the change. ``reason`` set: it goes to the dead letters."""

    id: str
    lease: str
    reason: str | None = None


@value(frozen=True, slots=True)
class Change:
    """Everything one act changes in one lineage, all or nothing. ``expected`` is the version it was decided on."""

    lineage: str
    expected: int
    fence: int
    decided_until: int
    wake_at: int | None
    key: str
    pause: Pause | None = None
    rows: tuple[OccurrenceRow, ...] = ()
    parts: tuple[Part, ...] = ()
    outbox: tuple[Outgoing, ...] = ()  # to be published; never stored: a row has all that its message is made of
    settled: tuple[Settled, ...] = ()
    contracts: tuple[Contract, ...] = ()
    keys: tuple[str, ...] = ()  # further keys that lead to this lineage
    create: bool = False
    audit: tuple[tuple[str, str, str], ...] = ()  # (act, by, detail)


@value(frozen=True, slots=True)
class Counted:
    """A call that decided nothing."""

    key: str
    at: int
    answer: str
    detail: str = ""


@value(frozen=True, slots=True)
class Slice:
    """What one service version declares in one environment."""

    service: str
    version: str
    environment: str
    revision: int | None
    digest: str
    keys: tuple[str, ...]
    registered_at: int
    replaced: tuple[str, ...] = ()


@value(frozen=True, slots=True)
class Registration:
    """One act of registering: the slice, its lineages' changes and its subscriptions, in one commit."""

    slice: Slice | None
    changes: tuple[Change, ...] = ()
    subscriptions: Mapping[str, Sequence[str]] = field(default_factory=dict)  # event → addresses
    at: int = 0
    subscribers: tuple[
        str, ...
    ] = ()  # addresses, or beginnings that end in "/": what is not named any more is forgotten


@value(frozen=True, slots=True)
class WorkerSeen:
    """When a worker last asked for messages of an address."""

    address: str
    worker: str
    seen_at: int


@value(frozen=True, slots=True)
class Query:
    """Which records to read. ``key`` any current or former schedule key; instants half open, newest first."""

    key: str | None = None
    occurrence_id: str | None = None
    start: int | None = None
    end: int | None = None
    limit: int = 100
    idempotency_key: str | None = None
    occurrence_class: OccurrenceClass | None = None
    before: tuple[int, str] | None = None  # (scheduled_at, occurrence_id) of the last row of the page before


@value(frozen=True, slots=True)
class Page:
    """Records with their lineage's key, and where the next page starts (None: this was the last)."""

    rows: tuple[Run, ...]
    next: tuple[int, str] | None = None


class Ledger(Protocol):
    """The receipt book. Laws (``purista.testing.LedgerSuite``):

    - a change is committed whole or not at all; of changes that expect the same version exactly one wins;
    - what ``commit`` answered is durable, and every later ``load`` in any process sees it;
    - the order of changes in one ``commit`` does not matter; they share a transaction where the engine can;
    - nothing is changed by reading.
    """

    clock: Clock
    ledger_id: str
    environment: str
    transactional: bool  # outbox and settlements are carried by the same commit
    epoch: int  # ms: restored from a copy then, or 0; what was due before, it did not live through

    @property
    def notes(self) -> Notes:
        """What was noted beside decisions, for people."""
        ...

    async def __aenter__(self) -> Ledger:
        """Open it."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Let go of it."""
        ...

    async def load(self, keys: Sequence[str], runs: Sequence[RunRef] = ()) -> Sequence[LedgerView | None]:
        """The lineages that the keys lead to, in order; None where no contract was ever registered.

        ``runs`` shall be in ``open`` whatever their state.
        """
        ...

    async def commit(
        self, changes: Sequence[Change], counted: Sequence[Counted] = (), registration: Registration | None = None,
        *, durable: bool = True,
    ) -> Sequence[bool]:  # fmt: skip
        """Write changes; per change True when committed, False when it was decided on an older version.

        ``durable=False``: every process sees it at once and keeps it when one is killed; a machine that loses power in the
        next moment may lose it, which whoever says so can live with. With a ``registration`` all of its changes stand or
        fall together, with the slice.
        """
        ...

    async def due(self, limit: int) -> Sequence[str]:
        """Keys of lineages whose ``wake_at`` has passed, earliest first."""
        ...

    async def history(self, query: Query) -> Page:
        """Decided occurrences with their runs' parts, newest first."""
        ...

    async def registered(self) -> Sequence[tuple[Slice, tuple[Lineage, ...]]]:
        """All slices with the lineages their keys lead to."""
        ...

    async def purge(self, before: int, limit: int, *, payloads_only: bool = False) -> int:
        """Forget at most ``limit`` ended records older than ``before`` (ms), or only what they carried; returns how many."""
        ...
