"""Fills slots of the past that nobody worked, oldest first: ``backfill`` and what ``resume`` catches up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from purista.clock import to_iso
from purista.errors import UnknownSchedule
from purista.gateway.decide import contract_at
from purista.gateway.gateway import Gateway, Reply
from purista.gateway.plan import Answer
from purista.ledgers.base import Decision, Ledger, LedgerView, OccurrenceClass, Query, Run, RunState
from purista.schedulers.base import Call, CallKind

__all__ = ["Slot", "SlotState", "backfill", "slots"]

PATIENCE_MS = 10_000
PAGE = 500
SPAN_S = 7 * 86_400
_NEVER_RAN = (Decision.LATE, Decision.MISSED, Decision.PAUSED, Decision.SKIPPED_OVERLAP, Decision.GONE)
_ENDED_BADLY = (RunState.FAILED, RunState.TIMED_OUT, RunState.UNDELIVERED, RunState.SUPERSEDED)


class SlotState(StrEnum):
    """What became of an occurrence, replays included."""

    EMPTY = "empty"  # nobody decided it
    SKIPPED = "skipped"  # decided, but not to run
    FAILED = "failed"  # ran, and ended badly
    COALESCED = "coalesced"  # another occurrence stands for it
    OPEN = "open"  # runs, or is about to
    DONE = "done"

    @property
    def fillable(self) -> bool:
        """Whether its work is still to be done."""
        return self in (SlotState.EMPTY, SlotState.SKIPPED, SlotState.FAILED)


@dataclass(frozen=True, slots=True)
class Slot:
    """One occurrence (ms) with its state. ``attempts`` counts the replays there were, ``paused`` says that a pause is
    why it did not run."""

    at: int
    state: SlotState
    reason: str
    attempts: int = 0
    paused: bool = False

    @property
    def request(self) -> str:
        """Names the next replay of this slot: whoever asks for it twice gets one."""
        return f"{to_iso(self.at)}#{self.attempts + 1}"


async def slots(ledger: Ledger, key: str, start: int, end: int) -> AsyncIterator[Slot]:
    """Every occurrence of ``key`` in ``[start, end)`` (ms), oldest first; a week of them is held at a time.

    :raises UnknownSchedule: no contract is registered under ``key``.
    """
    view = (await ledger.load([key]))[0]
    if view is None:
        raise UnknownSchedule(f"expected a registered schedule, got {key!r}; `purista status` lists them")
    first, last = -(-start // 1000), -(-end // 1000)
    while first < last:
        until = min(first + SPAN_S, last)
        instants = [t * 1000 for t in _instants(view, first, until)]
        if instants:
            runs = await _decided(ledger, key, first * 1000, until * 1000)
            for at in instants:
                yield _slot(at, runs)
        first = until


async def backfill(
    gateway: Gateway, key: str, wanted: Iterable[Slot], *, gap_ms: int = 0, force: bool = False, source: str = "backfill",
    told: Callable[[Slot, Reply], None] | None = None, waits: Callable[[Slot, Reply], None] | None = None,
) -> int:  # fmt: skip
    """Publish a replay for each slot, at most one per ``gap_ms``; returns how many. Waits while another run is open:
    ``waits`` is told once, of the first slot that has waited for ``PATIENCE_MS``, with what it waits for.

    Stops at the first slot that is refused: what is left can be asked for again.
    """
    clock = gateway.ledger.clock
    published = 0
    for slot in wanted:
        if published and gap_ms:
            await clock.sleep(gap_ms / 1000)
        call = Call(key, CallKind.REPLAY, slot.at, slot.request, source, force=force)
        reply, patient_until = await gateway.trigger(call), clock.now() + PATIENCE_MS
        while reply.answer is Answer.RETRY:
            if waits is not None and clock.now() >= patient_until:
                waits(slot, reply)
                waits = None
            await clock.sleep((reply.retry_after_ms or 1_000) / 1000)
            reply = await gateway.trigger(call)
        if told is not None:
            told(slot, reply)
        if reply.answer is Answer.REFUSED:
            break
        published += any(row.decision in (Decision.PUBLISHED, Decision.CLAIMED) for row in reply.rows)
    return published


def _instants(view: LedgerView, first: int, last: int) -> list[int]:
    """By the contract in force at each instant; from before the first one, by today's rule."""
    contracts = view.lineage.contracts
    current = contracts[-1]
    bounds = sorted({first, last, *(s for c in contracts if first < (s := -(-c.effective_from // 1000)) < last)})
    found: list[int] = []
    for begin, end in pairwise(bounds):
        contract = contract_at(view.lineage, begin * 1000) or current
        if contract.schedule is not None:
            found += contract.schedule.recurrence().timestamps(begin, end)
    return found


async def _decided(ledger: Ledger, key: str, start: int, end: int) -> Sequence[Run]:
    found: list[Run] = []
    query = Query(key=key, start=start, end=end, limit=PAGE)
    while True:
        page = await ledger.history(query)
        found += page.rows
        if page.next is None:
            return found
        query = replace(query, before=page.next)


def _slot(at: int, runs: Sequence[Run]) -> Slot:
    own = [r.row for r in runs if r.row.occurrence_class is OccurrenceClass.SCHEDULED and r.row.scheduled_at == at]
    stretch = [
        r.row
        for r in runs
        if r.row.occurrence_class is OccurrenceClass.SCHEDULED and r.row.scheduled_at < at <= r.row.last_at
    ]
    replays = [r.row for r in runs if r.row.occurrence_class is OccurrenceClass.REPLAY and r.row.scheduled_at == at]
    attempts = len(replays)
    states = [_state(row.decision, row.run) for row in (*own, *stretch, *replays)]
    for state in (SlotState.DONE, SlotState.OPEN):
        if state in states:
            return Slot(at, state, str(state), attempts)
    rows = [*replays, *own, *stretch]
    if not rows:
        return Slot(at, SlotState.EMPTY, "nobody decided it", attempts)
    newest = max(rows, key=lambda row: row.decided_at)
    why = newest.run_detail or f"its run {newest.run}" if newest.run is not None else newest.reason
    return Slot(at, _state(newest.decision, newest.run), why, attempts, newest.decision is Decision.PAUSED)


def _state(decision: Decision, run: RunState | None) -> SlotState:
    if decision in _NEVER_RAN:
        return SlotState.SKIPPED
    if decision is Decision.COALESCED:
        return SlotState.COALESCED
    if run in _ENDED_BADLY:
        return SlotState.FAILED
    if decision in (Decision.CLAIMED, Decision.HELD) or run is RunState.OPEN:
        return SlotState.OPEN
    return SlotState.DONE
