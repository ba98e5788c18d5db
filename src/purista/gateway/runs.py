"""Permits and end reports: who may work, and how a run ends. Pure functions of a view, a request and the time."""

from __future__ import annotations

from dataclasses import replace

from purista.gateway.compose import Composer, change_of
from purista.gateway.confirm import published
from purista.gateway.decide import Answer, Plan
from purista.gateway.slots import CLOCK_SKEW_MS, Standing, blocking, exclusive, over, slot_free_at, standing
from purista.ledgers.base import Change, Decision, LedgerView, Part, Run, RunRef, RunState, Settled
from purista.permits import Begin, End, Granted, Refused, Renewed, Spawn, Spawned, Wait

__all__ = ["PERMIT_MS", "begin", "came", "complete", "end", "renew", "spawn"]

PERMIT_MS = 30_000
_SENT = (Decision.PUBLISHED, Decision.CLAIMED)


def _find(view: LedgerView, run: RunRef) -> Run | None:
    return next((found for found in view.open if found.row.occurrence_id == run.occurrence_id), None)


def _part(run: Run, part: str, address: str) -> Part:
    return next((p for p in run.parts if p.part == part), Part(run.row.occurrence_id, part, address))


def _with(run: Run, part: Part) -> Run:
    return Run(run.row, (*(p for p in run.parts if p.part != part.part), part))


def begin(view: LedgerView, ask: Begin, now: int, permit_ms: int) -> tuple[Granted | Wait | Refused, Change | None]:
    """Grant, postpone or refuse the right to work (DESIGN's protocol, points 5 and 6).

    Under ``allow`` a handler may ask, too, where nothing else remembers what was worked: then runs do not wait for each other.
    """
    alone = exclusive(view)
    run = _find(view, ask.run)
    if run is None:
        return Refused("unknown run", unknown=True), None
    row, part = run.row, _part(run, ask.part, ask.address)
    if row.decision is Decision.HELD:
        return Wait(1_000, "waits for the run it replaces"), None
    if row.decision not in _SENT:
        return Refused(f"decided {row.decision} instead"), None
    requeued = part.state == "ended" and part.outcome == RunState.FAILED and row.run in (RunState.OPEN, RunState.FAILED)
    if (not row.open or over(run)) and not requeued:
        return Refused(f"the run ended: {row.run}"), None
    if part.state == "ended" and not requeued:
        return Refused("worked before"), None
    if standing(run, now) is Standing.UNDELIVERED:
        return Refused("the start deadline had passed"), None
    if part.state == "working" and standing(_with(Run(row), part), now) is Standing.WORKING:
        # Not at its expiry: who came then would be asked to come again each millisecond until the slot is free.
        free = (part.permit_until or now) + CLOCK_SKEW_MS
        return Wait(max(1, free - now), "another worker holds this delivery"), None
    others = [o for o in blocking(view.open, now) if alone and o is not run and _before(o, run, now)]
    if others:
        return Wait(_patience(others, now), f"run {others[0].row.occurrence_id} is working"), None
    fence = view.lineage.fence + 1
    run = published(view, run)  # whoever has its message in hand proves it, whatever became of the confirmation
    granted = replace(
        part, state="working", fence=fence, permit_until=now + permit_ms, worker=ask.worker,
        begun_at=part.begun_at or now, begins=part.begins + 1, outcome=None, ended_at=None,
    )  # fmt: skip
    row = replace(run.row, run=RunState.OPEN, open=2 if alone else 1, run_ended_at=None, run_detail=None)
    change = change_of(view, [_with(Run(row, run.parts), granted)], now=now, fence=fence)
    return Granted(fence, now + permit_ms, permit_ms), change


def _before(other: Run, run: Run, now: int) -> bool:
    """Whether ``run`` waits for ``other``. Of two that are both between attempts the older goes on, else both would wait."""
    if standing(other, now) is not Standing.WORKING:
        return False
    if slot_free_at(other) is not None or not any(p.begins for p in run.parts):
        return True
    return _age(other) < _age(run)


def _age(run: Run) -> tuple[int, str]:
    return run.row.scheduled_at, run.row.occurrence_id


def _patience(others: list[Run], now: int) -> int:
    ends = [p.permit_until - now for o in others for p in o.parts if p.state == "working" and p.permit_until]
    return min(max(100, min(ends, default=1_000)), 1_000)


def renew(
    view: LedgerView, ref: RunRef, part_id: str, fence: int, now: int, permit_ms: int
) -> tuple[Renewed | Refused, Change | None]:
    """Hold on to a permit. Refused: somebody newer has it, or the run is over; stop before the old expiry."""
    run = _find(view, ref)
    if run is None:
        return Refused("unknown run", unknown=True), None
    part = _part(run, part_id, "")
    if part.state != "working" or part.fence != fence:
        return Refused("a newer right was granted"), None
    expired = standing(_with(Run(run.row), part), now) is not Standing.WORKING
    if expired and any(o is not run and standing(o, now) is Standing.WORKING for o in blocking(view.open, now)):
        return Refused("the permit expired and another run has begun"), None
    renewed = replace(part, permit_until=now + permit_ms)
    change = change_of(view, [_with(run, renewed)], now=now)
    return Renewed(now + permit_ms, run.row.run is RunState.SUPERSEDED), change


def spawn(view: LedgerView, ask: Spawn, now: int) -> tuple[Spawned, Change | None]:
    """Make a job part of the run, in the commit that enqueues it."""
    run = _find(view, ask.run)
    if run is None or ask.child.run != run.row.occurrence_id:
        return Spawned.LOST, None
    parent = _part(run, ask.part, "")
    if ask.fence is not None and (parent.fence != ask.fence or parent.state != "working"):
        return Spawned.LOST, None  # a child of an ended run would be refused, and lost
    known = any(p.part == ask.child.part for p in run.parts)
    if known:
        return Spawned.KNOWN, None
    outbox = () if ask.message is None else (ask.message,)
    return Spawned.NEW, change_of(view, [_with(run, ask.child)], now=now, outbox=outbox)


def end(view: LedgerView, report: End, composer: Composer, now: int) -> tuple[bool, Change | None]:
    """Record how a part ended, end its run when it was the last, let the next one in. False: the report is stale."""
    run = _find(view, report.run)
    if run is None:
        return False, None
    part = _part(run, report.part, report.address)
    if report.fence is not None and (part.fence != report.fence or part.state != "working"):
        told = part.state == "ended" and (part.fence, part.outcome) == (report.fence, report.outcome)
        return told, None  # told before, and the answer was lost
    if report.outcome is None:
        part = replace(part, state="pending", permit_until=None, detail=report.detail)
    else:
        part = replace(
            part, state="ended", outcome=report.outcome, permit_until=None, ended_at=now, detail=report.detail,
            begun_at=part.begun_at or now,
        )  # fmt: skip
    after = _conclude(view, _with(published(view, run), part), now)
    return True, _settled(view, run, after, composer, now, report.settled)


def complete(
    view: LedgerView, ref: RunRef | None, state: RunState, composer: Composer, now: int, cause: str = ""
) -> tuple[bool, Change | None]:
    """End a run because its result event came. ``ref`` None means the oldest open one. False: there is none.

    Who still works keeps the permit, and with it the slot, until the end report: the event may be sent in the middle.
    """
    opened = [run for run in view.open if run.row.open and run.row.decision in _SENT and not over(run)]
    opened.sort(key=lambda run: run.row.decision is Decision.CLAIMED)  # what was certainly published comes first
    run = next((r for r in opened if ref is None or r.row.occurrence_id == ref.occurrence_id), None)
    if run is None:
        return False, None
    working = [p for p in run.parts if p.state == "working" and (p.permit_until or 0) + CLOCK_SKEW_MS > now]
    row = published(view, run).row
    row = replace(row, run=state, run_ended_at=now, run_detail=came(cause), open=2 if working else 0)
    parts = tuple(p if p.state == "ended" or p in working else _over(p, state, now) for p in run.parts)
    return True, _settled(view, run, Run(row, parts), composer, now, ())


def came(cause: str) -> str:
    """What a run that its result event ended says, and by which event it can be told that this one did."""
    return f"its result event came ({cause})" if cause else "its result event came"


def _settled(
    view: LedgerView, run: Run, after: Run, composer: Composer, now: int, settled: tuple[Settled, ...]
) -> Change:
    """The change that writes ``after`` for ``run``, and publishes what was held for its slot."""
    seen = replace(view, open=tuple(after if o is run else o for o in view.open))
    held = () if blocking(seen.open, now) else tuple(o for o in seen.open if o.row.decision is Decision.HELD)
    if not held:
        return change_of(seen, [after], now=now, settled=settled)
    plan = Plan(Answer.ACCEPTED, "", view.lineage.decided_until, released=held)
    released = composer.compose(seen, plan, "end report", now)
    rest = replace(seen, open=tuple(o for o in seen.open if o not in held))
    change = change_of(rest, [after], now=now, fence=released.fence, settled=settled, outbox=released.outbox)
    return replace(
        change, rows=change.rows + released.rows, parts=change.parts + released.parts, wake_at=released.wake_at
    )


def _over(part: Part, outcome: RunState, now: int) -> Part:
    return replace(part, state="ended", outcome=outcome, permit_until=None, ended_at=now)


def _conclude(view: LedgerView, run: Run, now: int) -> Run:
    """Close the run when its last part has ended; one that gives way, when nobody works for it any more."""
    row = run.row
    if row.open and row.run is not None and over(run) and all(p.state != "working" for p in run.parts):
        run = Run(row, tuple(p if p.state == "ended" else _over(p, row.run, now) for p in run.parts))
    if not row.open or any(p.state != "ended" for p in run.parts):
        return run
    outcomes = {p.outcome for p in run.parts}
    if row.run is not None and over(run):
        state = row.run
    elif RunState.SUPERSEDED in outcomes:
        state = RunState.SUPERSEDED
    elif RunState.FAILED in outcomes:
        state = RunState.FAILED
    elif RunState.TIMED_OUT in outcomes:
        state = RunState.TIMED_OUT
    else:
        schedule = view.lineage.contracts[-1].schedule
        if schedule is not None and schedule.completed_by is not None:
            return run  # the result event ends it
        state = RunState.FINISHED
    detail = next((p.detail for p in run.parts if p.outcome == state and p.detail), row.run_detail)
    return Run(replace(row, run=state, run_ended_at=now, run_detail=detail, open=0), run.parts)
