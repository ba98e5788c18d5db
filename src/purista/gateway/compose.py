"""Plan → change: rows, payloads, messages and delivery ids. Pure; the same plan yields the same ids and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from typing import Any

from purista.contract.identity import occurrence_id
from purista.contract.payload import CompiledTemplate, compile_template, idempotency_value, moment_of
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, TargetKind
from purista.gateway.decide import Ending, Plan, Verdict, effective_deadline
from purista.gateway.slots import wake_at
from purista.gateway.written import written
from purista.ledgers.base import (
    Change,
    Contract,
    Decision,
    LedgerView,
    OccurrenceClass,
    OccurrenceRow,
    Outgoing,
    Run,
    RunState,
)
from purista.messages import derived_id

__all__ = ["Composer", "asleep", "change_of", "outgoing_of"]

CLAIM_LEASE_MS = 10_000
TEMPLATES_AT_MOST = 50_000
_TEMPLATES: dict[int, tuple[Schedule, CompiledTemplate]] = {}
_WORKS = "sub:"
_STARTS = (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)
_ROW_FIELDS = tuple(field.name for field in dataclass_fields(OccurrenceRow))


@dataclass(frozen=True, slots=True)
class Composer:
    """How rows are written: in one commit with the deliveries (``transactional``), or as claims to be confirmed."""

    transactional: bool
    instance: str
    claim_lease_ms: int = CLAIM_LEASE_MS

    def compose(self, view: LedgerView, plan: Plan, source: str, now: int) -> Change:
        """Everything the plan changes, with the messages it publishes."""
        fence = view.lineage.fence + 1
        known = {(r.row.scheduled_at, r.row.occurrence_class, r.row.request): r for r in view.open}
        runs = [
            self._decided(view, v, known.get((v.scheduled_at, v.occurrence_class, v.request)), source, fence, now)
            for v in plan.verdicts
        ]
        outbox: list[Outgoing] = []
        if plan.endings:
            stands = next((r.row.occurrence_id for r in runs if r.row.decision in _STARTS), None)
            runs += [_ended(ending, stands, now) for ending in plan.endings]
        runs += [self._released(view, run, fence, now) for run in plan.released if not _touched(run, runs)]
        for run in runs:
            if not run.row.roots and self.transactional and not _listening(view):
                continue  # nobody is there to receive it in this file
            if run.row.decision in (Decision.PUBLISHED, Decision.CLAIMED) and run.row.fence == fence:
                message = outgoing_of(view, run, self.instance)
                if message is not None:
                    outbox.append(message)
        return change_of(view, runs, now=now, fence=fence, decided_until=plan.decided_until, outbox=tuple(outbox))

    def _decided(
        self, view: LedgerView, verdict: Verdict, before: Run | None, source: str, fence: int, now: int
    ) -> Run:
        contract, key = verdict.contract, view.lineage.key
        id_ = before.row.occurrence_id if before is not None else _id(key, verdict)
        related = verdict.in_the_way
        if related is None and verdict.related is not None:
            related = _stands_for(view, verdict.related) or occurrence_id(key, verdict.related)
        current = _in_force(view)
        fields: dict[str, Any] = {
            "scheduled_at": verdict.scheduled_at, "last_at": verdict.last_at or verdict.scheduled_at,
            "count": verdict.count, "occurrence_class": verdict.occurrence_class, "request": verdict.request,
            "occurrence_id": id_, "key": key, "decision": verdict.decision, "reason": verdict.reason, "related": related,
            "digest": current.digest or contract.digest, "fence": fence, "decided_at": now, "source": source,
            "attempt": 1 if before is None else before.row.attempt + 1,
        }  # fmt: skip
        schedule = current.schedule or contract.schedule
        if verdict.decision not in (Decision.PUBLISHED, Decision.HELD) or schedule is None:
            return Run(OccurrenceRow(**fields), () if before is None else before.parts)
        _add_payload(fields, schedule, before)
        if verdict.decision is Decision.HELD:
            return Run(OccurrenceRow(**fields, open=2))
        return self._opened(view, fields, schedule, now)

    def _opened(self, view: LedgerView, fields: dict[str, Any], schedule: Schedule, now: int) -> Run:
        """A row that is published with this commit, or claimed until the bridge confirms."""
        fields["roots"] = roots = tuple(_roots(view, schedule))
        permit = schedule.concurrency_policy is not ConcurrencyPolicy.ALLOW
        if roots or schedule.completed_by:
            fields |= {"run": RunState.OPEN, "open": 2 if permit else 1}
            if permit:
                fields["deadline"] = _begin_by(view, schedule, fields["scheduled_at"], now)
        elif self.transactional:
            detail = f"no subscription is registered for {schedule.target.name}"
            fields |= {"run": RunState.UNDELIVERED, "run_ended_at": now, "run_detail": detail, "open": 0}
        if not self.transactional:
            fields |= {"decision": Decision.CLAIMED, "lease_until": now + self.claim_lease_ms, "open": 2}
        return Run.of(OccurrenceRow(**fields))

    def _released(self, view: LedgerView, run: Run, fence: int, now: int) -> Run:
        schedule = _in_force(view).schedule
        if schedule is None:
            row = replace(run.row, decision=Decision.GONE, reason="its contract was removed", open=0)
            return Run(row, run.parts)
        pause = view.lineage.pause
        if pause is not None and pause.lasts(now):
            row = replace(run.row, decision=Decision.PAUSED, reason=f"paused by {pause.by}: {pause.reason}", open=0)
            return Run(row, run.parts)
        fields = {name: getattr(run.row, name) for name in _ROW_FIELDS} | {
            "decision": Decision.PUBLISHED, "reason": "replace: the older run gave way", "fence": fence, "decided_at": now,
        }  # fmt: skip
        return self._opened(view, fields, schedule, now)


def change_of(
    view: LedgerView,
    runs: Sequence[Run],
    *,
    now: int,
    fence: int | None = None,
    decided_until: int | None = None,
    outbox: tuple[Outgoing, ...] = (),
    **more: Any,
) -> Change:
    """A change of one lineage that writes ``runs``; everything not named stays as the view has it."""
    lineage, after = view.lineage, list(runs)
    if view.open:
        touched = {run.row.occurrence_id for run in runs}
        after += [run for run in view.open if run.row.occurrence_id not in touched]
    until = lineage.decided_until if decided_until is None else decided_until
    pause = lineage.pause
    if pause is not None and pause.until is not None and pause.until <= min(now, until):
        pause = None  # over, and whatever was due under it is decided
    return Change(
        lineage=lineage.lineage, expected=lineage.version, fence=lineage.fence if fence is None else fence,
        decided_until=until, wake_at=wake_at(after), key=lineage.key, pause=pause, rows=tuple([run.row for run in runs]),
        parts=tuple([part for run in runs for part in run.parts]), outbox=outbox, **more,
    )  # fmt: skip


def asleep(view: LedgerView, now: int, until: int | None = None) -> Change | None:
    """When a wake-up finds nothing to do: the change that sets the next one, so that it does not stand in the way."""
    wakes = view.lineage.wake_at
    change = change_of(view, [], now=now)
    if until is not None:
        change = replace(change, wake_at=until)
    return None if wakes is None or wakes > now or change.wake_at == wakes else change


def outgoing_of(view: LedgerView, run: Run, instance: str) -> Outgoing | None:
    """The message of a published occurrence; None where its contract was removed."""
    schedule = _in_force(view).schedule
    if schedule is None:
        return None
    row = run.row
    roots = [(part.part, part.address) for part in run.parts if part.root]
    if schedule.target.kind is TargetKind.EVENT:
        roots += [(derived_id(row.occurrence_id, address), address) for address in _listening(view)]
    part = roots[0][0] if schedule.target.kind is TargetKind.QUEUE else ""
    return Outgoing(row.occurrence_id, written(schedule, row, part, instance), tuple(roots), visible_at=row.decided_at)


def _id(key: str, verdict: Verdict) -> str:
    if verdict.occurrence_class is OccurrenceClass.SCHEDULED:
        return occurrence_id(key, verdict.scheduled_at)
    return manual_id(key, verdict.occurrence_class, verdict.request)


def manual_id(key: str, occurrence_class: str, request: str) -> str:
    """The id of a run-now or replay: from the request, so that asking twice is a duplicate."""
    return occurrence_id(f"{key}#{occurrence_class}#{request}", 0)


def _in_force(view: LedgerView) -> Contract:
    return view.lineage.contracts[-1]


def _add_payload(fields: dict[str, Any], schedule: Schedule, before: Run | None) -> None:
    """Payload and idempotency key: those of the first decision, else rendered now."""
    if before is not None and before.row.payload is not None:
        fields |= {"payload": before.row.payload, "idempotency_key": before.row.idempotency_key}
        return
    if schedule.payload is None:
        return
    template = _template(schedule)
    moment = moment_of(schedule, fields["scheduled_at"], template.names, id=fields["occurrence_id"])
    fields["payload"] = template.write(moment)
    if schedule.idempotency_key is not None:
        fields["idempotency_key"] = idempotency_value(schedule, template.render(moment), moment)


def _template(schedule: Schedule) -> CompiledTemplate:
    """The contract's template, compiled once: contracts live as long as the ledger keeps them in memory."""
    known = _TEMPLATES.get(id(schedule))
    if known is None or known[0] is not schedule:
        if len(_TEMPLATES) >= TEMPLATES_AT_MOST:
            _TEMPLATES.clear()
        known = _TEMPLATES[id(schedule)] = (schedule, compile_template(schedule.payload))
    return known[1]


def _listening(view: LedgerView) -> list[str]:
    """Who gets the event without working for its run: schedules whose runs it ends."""
    return [address for address in view.subscribers if not address.startswith(_WORKS)]


def _roots(view: LedgerView, schedule: Schedule) -> Sequence[str]:
    target = schedule.target
    if target.kind is TargetKind.EVENT:
        return [address for address in view.subscribers if address.startswith(_WORKS)]
    if target.kind is TargetKind.QUEUE:
        return (f"queue:{target.name}",)
    return (f"cmd:{target.service}/{target.version}/{target.name}",)


def _begin_by(view: LedgerView, schedule: Schedule, scheduled_at: int, now: int) -> int | None:
    """Until when a root must have begun. Policies that catch up wait for ever unless a deadline is stated."""
    if schedule.missed_run_policy is not MissedRunPolicy.SKIP and schedule.start_deadline_ms is None:
        return None
    following = schedule.recurrence().next_timestamp(scheduled_at // 1000)
    lateness = _in_force(view).lateness
    until = effective_deadline(schedule, scheduled_at, None if following is None else following * 1000, lateness)
    return max(until, now + lateness)


def _stands_for(view: LedgerView, instant: int) -> str | None:
    """The id of an occurrence that has a row already: one from before a rename keeps its own."""
    rows = (run.row for run in view.open if run.row.scheduled_at == instant and not run.row.request)
    return next((row.occurrence_id for row in rows), None)


def _ended(ending: Ending, stands: str | None, now: int) -> Run:
    row = ending.run.row
    if ending.gives_way:
        return Run(replace(row, run=ending.state, run_detail=ending.detail), ending.run.parts)
    if row.decision in (Decision.HELD, Decision.CLAIMED):
        row = replace(
            row, decision=Decision.COALESCED, reason=ending.detail, related=stands, run=None, lease_until=None, open=0
        )
        return Run(row, ending.run.parts)
    parts = tuple(
        part if part.state == "ended" else replace(part, state="ended", outcome=ending.state, ended_at=now)
        for part in ending.run.parts
    )
    return Run(replace(row, run=ending.state, run_detail=ending.detail, run_ended_at=now, open=0), parts)


def _touched(run: Run, runs: Sequence[Run]) -> bool:
    return any(other.row.occurrence_id == run.row.occurrence_id for other in runs)
