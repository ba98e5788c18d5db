"""Works a slot of the past again: the rule behind ``backfill`` and ``resume --catch-up``. Pure.

A slot is refilled by an occurrence of its own class, ``replay``, for the same instant: what was decided about the slot
stays on record, and the new message has ids of its own, so no memory of old deliveries swallows it. The request names
the attempt, so asking twice is a duplicate.
"""

from __future__ import annotations

from purista.gateway.decide import contract_at
from purista.gateway.plan import Answer, Plan, Verdict
from purista.gateway.slots import Standing, slot_free_at, standing
from purista.ledgers.base import Contract, Decision, LedgerView, OccurrenceClass, Run
from purista.schedulers.base import Call

__all__ = ["refill"]

LOOK_AGAIN_MS = 1_000
_IN_THE_WAY = (Standing.WORKING, Standing.WAITING, Standing.CLAIMED, Standing.HELD)


def refill(view: LedgerView, call: Call, now: int) -> Plan:
    """Decide one replay. Under ``forbid`` and ``replace`` it waits for its turn (``retry``) and never ends another run."""
    lineage = view.lineage
    until = lineage.decided_until
    current = lineage.contracts[-1]
    if current.schedule is None:
        return Plan(Answer.REFUSED, "its contract was removed", until)
    if call.scheduled_at is None:
        return Plan(Answer.REFUSED, "a replay needs the instant of its slot", until)
    at = call.scheduled_at
    if at > now:
        return Plan(Answer.REFUSED, "this slot lies ahead", until)
    known = next((r for r in view.open if r.row.request == call.request and _is_replay(r)), None)
    if known is not None and standing(known, now) is not Standing.ABANDONED:
        return _before(known, until, now)
    contract = contract_at(lineage, at) or current  # a slot from before its schedule was born follows today's rule
    if known is None and not _is_slot(contract, at):
        return Plan(Answer.NOT_DUE, "not an occurrence of this schedule", until)
    busy = [] if call.force or current.schedule.concurrency_policy == "allow" else _in_the_way(view, known, now)
    if busy:
        free = min((t for t in map(slot_free_at, busy) if t is not None), default=now + LOOK_AGAIN_MS)
        return Plan(Answer.RETRY, "a run is open", until, retry_after_ms=max(1, min(free - now, LOOK_AGAIN_MS)))
    reason = "backfill, forced past overlap" if call.force else "backfill"
    verdict = Verdict(at, Decision.PUBLISHED, reason, contract, OccurrenceClass.REPLAY, call.request)
    return Plan(Answer.ACCEPTED, reason, until, (verdict,))


def _before(known: Run, until: int, now: int) -> Plan:
    if standing(known, now) is Standing.CLAIMED:
        left = (known.row.lease_until or now) - now
        return Plan(Answer.RETRY, "another caller is publishing this replay", until, retry_after_ms=max(1, left))
    return Plan(Answer.DUPLICATE, "this request was decided before", until)


def _is_replay(run: Run) -> bool:
    return run.row.occurrence_class is OccurrenceClass.REPLAY


def _is_slot(contract: Contract, at: int) -> bool:
    schedule = contract.schedule
    if schedule is None or at % 1000:
        return False
    return bool(schedule.recurrence().timestamps(at // 1000, at // 1000 + 1))


def _in_the_way(view: LedgerView, known: Run | None, now: int) -> list[Run]:
    return [run for run in view.open if run is not known and run.row.open and standing(run, now) in _IN_THE_WAY]
