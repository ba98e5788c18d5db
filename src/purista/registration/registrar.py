"""Registers a service's schedules: ledger first, then the external scheduler, then reads back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from purista.contract.schedule import Schedule
from purista.errors import BridgeVolatile, LedgerError, RegistrationError, RegistrationMismatch
from purista.ledgers.base import Ledger, Lineage, Registration, Slice
from purista.registration.compare import Act, Comparison, Step, after, candidates, compare
from purista.registration.entries import NO_DIFFERENCE, Difference, compare_entries
from purista.registration.moves import Moves, compare_instants
from purista.schedulers.base import Applied, Compiled, Control, Dialect, Finding, Owner, Severity

__all__ = ["Mode", "Planned", "Registered", "Registrar", "Scheduler"]

log = logging.getLogger("purista.registration")
STALE_TRIES = 50
DEFAULT_LATENESS_MS = 60_000
Declaration = tuple[Sequence[Schedule], Sequence[tuple[str, str]]]
"""What a service version declares: its schedules, and which addresses want which events."""
Registry = Sequence[tuple[Slice, tuple[Lineage, ...]]]
"""What the ledger has registered."""


class Mode(StrEnum):
    """What starting a service does to the external scheduler."""

    APPLY = "apply"  # configure it
    VERIFY = "verify"  # say how it differs, change nothing
    OFF = "off"  # leave it alone


class Scheduler(Protocol):
    """An external scheduler: its dialect, and the control that changes it."""

    name: str

    @property
    def dialect(self) -> Dialect:
        """Contract → its language."""
        ...

    @property
    def control(self) -> Control:
        """What is live in it."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration did: the comparison with the ledger, what the scheduler said, what was written there."""

    comparison: Comparison
    findings: tuple[Finding, ...] = ()
    applied: Applied | None = None
    drift: Difference = NO_DIFFERENCE


@dataclass(frozen=True, slots=True)
class Planned:
    """What registering a service would do: to the contracts of each version, to the instants, and to the scheduler's
    entries (None without one). ``moves`` has the keys whose instants an edit touches.
    """

    owner: Owner
    comparisons: Mapping[str, Comparison]  # by version
    moves: Mapping[str, Moves]
    entries: Difference | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def nothing(self) -> bool:
        """Everything is as it shall be."""
        quiet = all(step.act in (Act.UNCHANGED, Act.KEPT) for step in self.steps)
        return quiet and (self.entries is None or self.entries.nothing)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What becomes of each schedule, in the order of versions."""
        return tuple(step for comparison in self.comparisons.values() for step in comparison.steps)


class Registrar:
    """One environment's way from declared to live."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        scheduler: Scheduler | None = None,
        environment: str = "default",
        mode: Mode = Mode.APPLY,
        revision: int | None = None,
        volatile: bool = False,
    ) -> None:
        if scheduler is not None and volatile:
            raise BridgeVolatile(
                f"expected a durable bridge for the external scheduler {scheduler.name!r}, got one that forgets with its "
                'process; write DefaultEventBridge("purista.db", scheduler=…)'
            )
        self._ledger, self._scheduler = ledger, scheduler
        self._environment, self._mode, self._revision = environment, mode, revision

    async def register(
        self, service: str, version: str, schedules: Sequence[Schedule], subscriptions: Sequence[tuple[str, str]] = ()
    ) -> Registered:
        """Write the slice down and, in mode apply, configure the scheduler for all of the service's live contracts.

        :raises RegistrationError: the scheduler could not be configured; the ledger knows the contracts all the same.
        :raises RegistrationMismatch: what was read back is not what was written.
        """
        return await self._register(service, version, schedules, subscriptions)

    async def _register(
        self, service: str, version: str, schedules: Sequence[Schedule], subscriptions: Sequence[tuple[str, str]],
        *, by_hand: bool = False,
    ) -> Registered:  # fmt: skip
        comparison = await self._write(service, version, self._here(schedules), subscriptions, by_hand=by_hand)
        if self._scheduler is None or self._mode is Mode.OFF:
            return Registered(comparison)
        return await self._configure(self._scheduler, service, comparison)

    async def plan(self, service: str, versions: Mapping[str, Declaration]) -> Planned:
        """What :meth:`register` would do, one version after the other. Writes nothing: it looks at the ledger and lists the
        scheduler's entries once.
        """
        planned: dict[str, Lineage] = {}
        comparisons: dict[str, Comparison] = {}
        slices = await self._ledger.registered()
        for version, (schedules, subscriptions) in versions.items():
            comparison = await self._compare(
                service, version, self._here(schedules), slices, planned, subscriptions=subscriptions
            )
            comparisons[version] = comparison
            planned |= {change.key: after(change) for change in comparison.changes}
        steps = [step for comparison in comparisons.values() for step in comparison.steps]
        now = self._ledger.clock.now() // 1000
        moves = {
            step.key: compare_instants(step.before, step.after, now)
            for step in steps
            if step.act in (Act.CHANGE, Act.ADOPT) and _touches_instants(step)
        }
        owner = Owner(service, self._environment, self._ledger.ledger_id)
        if self._scheduler is None:
            return Planned(owner, comparisons, moves)
        compiled = self._scheduler.dialect.compile(owner, self._live(service, slices, planned))
        there = await self._scheduler.control.list(owner)
        findings = (*compiled.findings, *await self._scheduler.control.preflight())
        return Planned(owner, comparisons, moves, compare_entries(compiled.entries, there), findings)

    async def slices(self) -> Sequence[Slice]:
        """What is registered in this environment, one slice for each service version."""
        return [slice_ for slice_, _ in await self._ledger.registered() if slice_.environment == self._environment]

    async def prune(self, service: str, version: str) -> Registered:
        """Register that nothing is declared any more, by a person's word. The registered revision stays, so that no process of
        that deployment brings anything back, and the next deployment does.

        :raises RegistrationError: the scheduler could not be changed; the ledger has the tombstones all the same.
        """
        return await self._register(service, version, (), (), by_hand=True)

    async def drift(self, service: str) -> Difference:
        """What is live in the scheduler against what the ledger says shall be."""
        owner, compiled = await self.compile(service)
        return await self._drift(self._needed(), owner, compiled)

    def _here(self, schedules: Sequence[Schedule]) -> list[Schedule]:
        return [s for s in schedules if not s.environments or self._environment in s.environments]

    async def _write(
        self, service: str, version: str, schedules: Sequence[Schedule], subscriptions: Sequence[tuple[str, str]],
        *, by_hand: bool,
    ) -> Comparison:  # fmt: skip
        events: dict[str, list[str]] = {}
        for event, address in subscriptions:
            events.setdefault(event, []).append(address)
        for _ in range(STALE_TRIES):
            comparison = await self._compare(
                service,
                version,
                schedules,
                await self._ledger.registered(),
                subscriptions=subscriptions,
                by_hand=by_hand,
            )
            if comparison.verified_only:  # of an old replica nothing is taken, its subscriptions neither
                level = logging.INFO if comparison.same else logging.WARNING
                name = f"{service}/{version}"
                log.log(level, "%s: not registered: %s", name, comparison.why, extra={"action": "not_registered"})
                return comparison
            registration = Registration(
                comparison.slice, comparison.changes, events, self._ledger.clock.now(),
                self._owned(service, version, comparison),
            )  # fmt: skip
            if all(await self._ledger.commit(comparison.changes, (), registration)):
                for step in comparison.steps:
                    level = logging.WARNING if step.act is Act.KEPT else logging.INFO
                    log.log(
                        level, "%s %s: %s", step.act, step.key, step.why, extra={"action": "register", "key": step.key}
                    )
                return comparison
        raise LedgerError(f"the ledger is too busy: {STALE_TRIES} attempts to register {service} were overtaken")

    def _owned(self, service: str, version: str, comparison: Comparison) -> tuple[str, ...]:
        """Whose subscriptions this slice says all of: its handlers', and the completions of its schedules, old and new."""
        return f"sub:{service}/{version}/", *(f"completed:{step.key}" for step in comparison.steps)

    async def _compare(
        self, service: str, version: str, schedules: Sequence[Schedule], slices: Registry,
        planned: Mapping[str, Lineage] | None = None, *, subscriptions: Sequence[tuple[str, str]] = (),
        by_hand: bool = False,
    ) -> Comparison:  # fmt: skip
        mine = next(
            (s for s, _ in slices if (s.service, s.version, s.environment) == (service, version, self._environment)),
            None,
        )
        known: dict[str, Lineage] = {}
        wanted = [key for s in schedules for key in candidates(s)] + list(mine.keys if mine else ())
        older = {
            lineage.key.split("/", 2)[2]: lineage
            for s, lineages in slices
            if s.service == service
            for lineage in lineages
            if lineage.key.startswith(f"{service}/")
        }
        older |= {key.split("/", 2)[2]: lineage for key, lineage in (planned or {}).items()}
        for key, view in zip(wanted, await self._ledger.load(wanted), strict=True):
            if view is not None:
                known[key] = (planned or {}).get(key, view.lineage)
        for schedule in schedules:
            if schedule.key not in known and schedule.service == service and schedule.name in older:
                known[schedule.key] = older[schedule.name]  # the lineage survives the service's version
        return compare(
            (service, version, self._environment), schedules, mine, known,
            revision=self._revision, lateness=self._lateness(), now=self._ledger.clock.now(), subscriptions=subscriptions,
            by_hand=by_hand,
        )  # fmt: skip

    def _lateness(self) -> int:
        return DEFAULT_LATENESS_MS if self._scheduler is None else self._scheduler.dialect.lateness_ms

    async def compile(self, service: str) -> tuple[Owner, Compiled]:
        """The owner's entries for everything that is in force now, from the ledger alone."""
        owner = Owner(service, self._environment, self._ledger.ledger_id)
        return owner, self._needed().dialect.compile(owner, self._live(service, await self._ledger.registered()))

    def _needed(self) -> Scheduler:
        if self._scheduler is None:
            raise RegistrationError(
                "expected a scheduler, got none; write DefaultEventBridge(path, scheduler=CronScheduler())"
            )
        return self._scheduler

    def _live(self, service: str, slices: Registry, planned: Mapping[str, Lineage] | None = None) -> list[Schedule]:
        """Every contract of the service in force here, in all of its versions; after ``planned``, if given."""
        lineages = {
            lineage.lineage: lineage.contracts[-1].schedule
            for slice_, found in slices
            if (slice_.service, slice_.environment) == (service, self._environment)
            for lineage in found
        }
        lineages |= {lineage.lineage: lineage.contracts[-1].schedule for lineage in (planned or {}).values()}
        return sorted((s for s in lineages.values() if s is not None), key=lambda s: s.key)

    async def _configure(self, scheduler: Scheduler, service: str, comparison: Comparison) -> Registered:
        owner, compiled = await self.compile(service)
        findings = compiled.findings
        for finding in findings:
            level = logging.INFO if finding.severity is Severity.INFO else logging.WARNING
            log.log(
                level, "%s: %s", f"{finding.code} {finding.key}".strip(), finding.message, extra={"action": "finding"}
            )
        # An old replica's contracts come from the ledger, but its image, its gateway and its dialect are of yesterday.
        if self._mode is Mode.VERIFY or comparison.verified_only:
            drift = await self._drift(scheduler, owner, compiled)
            for line in drift.lines():
                log.warning("drift: %s", line, extra={"action": "drift"})
            return Registered(comparison, findings, None, drift)
        whole = [f for f in findings if not f.key]  # not about one schedule: with it every entry would be gone
        blocked = [f for f in (*whole, *await scheduler.control.preflight()) if f.severity is Severity.REFUSED]
        if blocked:
            raise RegistrationError("; ".join(f"{f.code}: {f.message}" for f in blocked))
        applied, compiled = await self._applied(scheduler, owner, compiled)
        drift = await self._drift(scheduler, owner, compiled)
        if not drift.nothing and not applied.read_back:
            raise RegistrationMismatch(f"read back from {scheduler.name}: {'; '.join(drift.lines())}")
        for line in drift.lines():  # what is paused there
            log.warning("drift: %s", line, extra={"action": "drift"})
        return Registered(comparison, findings, applied, drift)

    async def _applied(self, scheduler: Scheduler, owner: Owner, compiled: Compiled) -> tuple[Applied, Compiled]:
        """Apply, until the ledger says the same afterwards: who registered meanwhile may have been overwritten."""
        for _ in range(STALE_TRIES):
            applied = await scheduler.control.apply(owner, compiled)
            _, again = await self.compile(owner.service)
            if again.entries == compiled.entries:
                return applied, compiled
            compiled = again
        raise RegistrationError(f"others register {owner.service} all the time: {STALE_TRIES} attempts were overtaken")

    async def _drift(self, scheduler: Scheduler, owner: Owner, compiled: Compiled) -> Difference:
        return compare_entries(compiled.entries, await scheduler.control.list(owner))


def _touches_instants(step: Step) -> bool:
    if step.before is None or step.after is None:
        return False
    return step.before.recurrence() != step.after.recurrence()
