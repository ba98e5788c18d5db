"""The ports of an external scheduler: dialect (contract → its language), control (what is live there), ingress.

Adapters are folders beside this file and never know each other. A port stays at six methods or fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from purista.contract.schedule import Schedule
from purista.schedulers.support import Support

__all__ = [
    "Applied", "Call", "CallKind", "Compiled", "Control", "Dialect", "Entry", "Finding", "LiveEntry", "Owner", "Severity",
]  # fmt: skip


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"  # covered exactly or by extra calls
    WARNING = "warning"  # works, but differs in a way a person should know
    REFUSED = "refused"  # this scheduler cannot carry it; no entry is made


@dataclass(frozen=True, slots=True)
class Finding:
    """What a dialect has to say about one schedule: covered, changed or refused. Nothing is dropped silently."""

    code: str
    severity: Severity
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose entries these are. Only entries that carry this mark are ever changed or deleted."""

    service: str
    environment: str
    ledger_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that exists (or shall exist) in the scheduler.

    ``name`` is unique within the owner, ``keys`` the schedules its call asks for, ``body`` the scheduler's own text or
    JSON text, ``digest`` the hash of its meaning. ``sweep`` entries ask for no schedule: they finish expired claims, or
    decide what nobody called for.
    """

    name: str
    keys: tuple[str, ...]
    body: str
    digest: str
    sweep: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a dialect made of some contracts."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """What LIST says about one entry of this owner. ``paused``: somebody stopped it in the scheduler itself, which is shown
    and kept, never overwritten.
    """

    name: str
    digest: str | None
    body: str | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. ``written`` is 0 when nothing had changed. ``read_back``: each entry was looked at afterwards, though
    LIST may lag behind.
    """

    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    written: int = 0
    read_back: bool = False


class CallKind(StrEnum):
    """Why somebody called."""

    SCHEDULED = "scheduled"
    SWEEP = "sweep"
    MANUAL = "manual"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Call:
    """A scheduler's word that something may be due.

    ``scheduled_at`` (ms) is a claim, not a fact: the gateway checks it against the recurrence. ``request`` identifies a
    manual call or a replay, so that its repetition is a duplicate. ``source`` names who called (``cron``, ``local``,
    ``cli``). ``since`` (ms): what was due before is not made up for any more.
    """

    key: str
    kind: CallKind = CallKind.SCHEDULED
    scheduled_at: int | None = None
    request: str = ""
    source: str = ""
    force: bool = False
    since: int | None = None


class Dialect(Protocol):
    """Contract → the scheduler's language, and when that will fire. Pure, golden-tested."""

    name: str
    lateness_ms: int  # how late this scheduler's calls normally are
    support: Support  # who sees to what a contract can say: this scheduler, the gateway, or nobody

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """The entries that cover the schedules, the owner's sweep entry included, and findings. Same input, same bytes."""
        ...

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """The instants (epoch seconds, half open) at which the scheduler will call, read from the artefact alone."""
        ...

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """File name → text, for review or for writing."""
        ...


class Control(Protocol):
    """What is live in the scheduler. Lists and changes only what carries the owner's mark."""

    async def preflight(self) -> Sequence[Finding]:
        """What would stop an apply: missing rights, wrong platform, daemon not found.

        :raises purista.errors.SchedulerUnavailable: it is not in reach now.
        """
        ...

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        """This owner's live entries with their digests.

        :raises purista.errors.SchedulerUnavailable: it is not in reach now.
        """
        ...

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        """Make the owner's live entries equal to ``compiled``: one atomic act, read back before it is believed.

        No entry left means the owner's mark is removed altogether. Equal means no write.

        :raises purista.errors.SchedulerUnavailable: it is not in reach now; trying again may help.
        :raises purista.errors.RegistrationError: the scheduler could not be changed; what was live still is.
        :raises purista.errors.RegistrationMismatch: what was read back is not what was written.
        """
        ...
