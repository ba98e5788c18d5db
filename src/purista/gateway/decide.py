"""What a call decides. One pure function over a view of the ledger; no clock, no I/O, no message is built here.

DESIGN's protocol, points 1, 2, 6, 7, 9 and 10. ``tests/gateway/test_protocol.py`` is its table of cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule
from purista.gateway.plan import Answer, Ending, Plan, Verdict
from purista.gateway.slots import Standing, blocking, over, slot_free_at, standing
from purista.ledgers.base import Contract, Decision, LedgerView, Lineage, OccurrenceClass, Pause, Run, RunState
from purista.schedulers.base import Call, CallKind

__all__ = [
    "DEFAULT_DEADLINE_MS",
    "EARLY_LEEWAY_MS",
    "Answer",
    "Ending",
    "Plan",
    "Verdict",
    "contract_at",
    "decide",
    "effective_deadline",
]

EARLY_LEEWAY_MS = 5_000
"""A scheduler whose clock is ahead calls early by a few seconds; such a call is taken as punctual."""
DEFAULT_DEADLINE_MS = 3_600_000
FOLD_ABOVE = 100
"""More equal decisions in a row than this, none of them published, become one row."""


def contract_at(lineage: Lineage, instant: int) -> Contract | None:
    """The contract in force at ``instant`` (ms): the newest whose ``effective_from`` is not after it."""
    found = None
    for contract in lineage.contracts:
        if contract.effective_from <= instant:
            found = contract
    return found


def effective_deadline(schedule: Schedule, scheduled_at: int, following: int | None, lateness: int) -> int:
    """Until when (ms) an occurrence is still worth starting.

    Stated: ``scheduled_at + start_deadline``. Default: until just before the next occurrence is due, at least the
    scheduler's stated lateness, at most one hour.
    """
    if schedule.start_deadline_ms is not None:
        return scheduled_at + schedule.start_deadline_ms
    gap = DEFAULT_DEADLINE_MS if following is None else following - scheduled_at - 1
    return scheduled_at + min(max(gap, lateness), DEFAULT_DEADLINE_MS)


def decide(view: LedgerView, call: Call, now: int) -> Plan:
    """Decide everything that ``call`` finds undecided at ``now`` (ms, the ledger's clock)."""
    lineage = view.lineage
    if not lineage.contracts:
        return Plan(Answer.RETRY, "no contract is registered yet", lineage.decided_until, retry_after_ms=5_000)
    current = lineage.contracts[-1]  # also for a clock that stepped back: its policies, target and payload are used
    endings, released = _finish(view.open, now)
    if call.kind is CallKind.MANUAL:
        return _manual(view, call, now, current, endings, released)
    claims = [run for run in view.open if standing(run, now) is Standing.CLAIMED and not run.row.request]
    abandoned = [run for run in view.open if standing(run, now) is Standing.ABANDONED]
    again = [
        (run.row.scheduled_at, contract_at(lineage, run.row.scheduled_at) or current)
        for run in abandoned
        if not run.row.request
    ]
    due, until = (
        _due(lineage, current, now) if call.kind is not CallKind.SWEEP or again else ([], lineage.decided_until)
    )
    undecided = sorted(again + due, key=lambda pair: pair[0])
    requests = [_once_more(run, current) for run in abandoned if run.row.request]
    if not undecided and not requests:
        plan = _nothing_due(lineage, call, now, claims)
        return replace(plan, endings=endings, released=released, decided_until=lineage.decided_until)
    verdicts = _missed(undecided, lineage, current, now, view.epoch if call.since is None else call.since)
    verdicts, replaced = _overlap(verdicts, view, current, now, endings)
    decided = [v.scheduled_at for v in verdicts]
    answer = _answer(lineage, call, now, decided)
    if any(run.row.scheduled_at == call.scheduled_at for run in claims):  # only what is published makes duplicates
        answer = _held(claims, now)
    folded = _fold(verdicts, frozenset([t for t, _ in again])) if len(verdicts) > FOLD_ABOVE else verdicts
    return Plan(
        answer.answer, answer.detail, until, (*folded, *requests), endings + replaced, released, answer.retry_after_ms
    )


def _finish(opened: Sequence[Run], now: int) -> tuple[tuple[Ending, ...], tuple[Run, ...]]:
    if not opened:
        return (), ()
    endings = tuple(
        Ending(run, RunState.UNDELIVERED, "nobody began within the start deadline")
        for run in opened
        if run.row.open and standing(run, now) is Standing.UNDELIVERED
    )
    endings += tuple(  # its last worker vanished: nobody else will report
        Ending(run, run.row.run, run.row.run_detail or "")
        for run in opened
        if run.row.open and run.row.run is not None and over(run) and standing(run, now) is Standing.LAPSED
    )
    free = not blocking(opened, now)
    released = tuple(run for run in opened if run.row.decision is Decision.HELD) if free else ()
    return endings, released


def _leeway(schedule: Schedule | None) -> int:
    if schedule is None:
        return 0
    return min(EARLY_LEEWAY_MS, int(schedule.recurrence().shortest_gap) * 250)


def _due(lineage: Lineage, current: Contract, now: int) -> tuple[list[tuple[int, Contract]], int]:
    """Undecided occurrences up to now, each with the contract that was in force at its instant."""
    until = now + _leeway(current.schedule)
    found: list[tuple[int, Contract]] = []
    contracts = lineage.contracts
    for index, contract in enumerate(contracts):
        # Of overlapping spans (a clock that stepped back between two deploys) the newer contract has them.
        ends = min([until + 1, *[newer.effective_from for newer in contracts[index + 1 :]]])
        begins = max(contract.effective_from, lineage.decided_until + 1)
        if contract.schedule is None or begins > min(ends - 1, until):
            continue
        start, end = -(-begins // 1000), -(-ends // 1000)
        found += [(t * 1000, contract) for t in contract.schedule.recurrence().timestamps(start, end)]
    return found, max([t for t, _ in found]) if found else lineage.decided_until


def _nothing_due(lineage: Lineage, call: Call, now: int, claims: list[Run]) -> Plan:
    if claims and (call.scheduled_at is None or any(run.row.scheduled_at == call.scheduled_at for run in claims)):
        return _held(claims, now)
    if call.kind is CallKind.SWEEP:
        return Plan(Answer.NOT_DUE, "nothing to finish", 0)
    return _answer(lineage, call, now, ())


def _held(claims: list[Run], now: int) -> Plan:
    left = min(run.row.lease_until or now for run in claims) - now
    return Plan(Answer.RETRY, "another caller is publishing this occurrence", 0, retry_after_ms=max(1, left))


def _answer(lineage: Lineage, call: Call, now: int, decided: Sequence[int]) -> Plan:
    """The answer to a call that names a time, or to one that does not."""
    named = call.scheduled_at
    if named is None:
        if decided:
            return Plan(Answer.ACCEPTED, f"{len(decided)} decided", 0)
        return _extra(lineage, now)
    if named in decided:
        return Plan(Answer.ACCEPTED, f"{len(decided)} decided", 0)
    contract = contract_at(lineage, named)
    if contract is None or contract.schedule is None or not _is_occurrence(contract.schedule, named):
        return Plan(Answer.NOT_DUE, "not an occurrence of this schedule", 0)
    if named > lineage.decided_until and named > now:
        return Plan(Answer.RETRY, "this occurrence lies ahead", 0, retry_after_ms=named - now)
    return Plan(Answer.DUPLICATE, "decided before", 0)


def _extra(lineage: Lineage, now: int) -> Plan:
    contract = contract_at(lineage, now)
    if contract is not None and contract.schedule is not None:
        latest = contract.schedule.recurrence().previous_timestamp(now // 1000 + 1)
        if latest is not None and contract.effective_from <= latest * 1000 and now - latest * 1000 < contract.lateness:
            return Plan(Answer.DUPLICATE, "decided before", 0)
    return Plan(Answer.NOT_DUE, "nothing is due", 0)


def _is_occurrence(schedule: Schedule, instant: int) -> bool:
    if instant % 1000:
        return False
    return bool(schedule.recurrence().timestamps(instant // 1000, instant // 1000 + 1))


def _missed(
    undecided: list[tuple[int, Contract]], lineage: Lineage, current: Contract, now: int, since: int
) -> list[Verdict]:
    """Pause, removal and the missed-run policy of the contract in force now. Nothing from before ``since`` is made up for:
    the ledger did not live through it, so it may have run already.
    """
    schedule = current.schedule
    if schedule is None:
        return [Verdict(t, Decision.GONE, "its contract was removed", c) for t, c in undecided]
    pause = lineage.pause
    kept: list[tuple[int, Contract]] = []
    verdicts: list[Verdict] = []
    for t, contract in undecided:
        if pause is not None and _paused(pause, t, now):
            verdicts.append(Verdict(t, Decision.PAUSED, f"paused by {pause.by}: {pause.reason}", contract))
        elif t < since:
            verdicts.append(
                Verdict(t, Decision.MISSED, "the ledger did not live through it; backfill fills it", contract)
            )
        else:
            kept.append((t, contract))
    late = _lateness(kept, schedule, current, now)
    verdicts += _policy(kept, late, schedule, stated=schedule.start_deadline_ms is not None)
    if len(verdicts) > 1:
        verdicts.sort(key=lambda v: v.scheduled_at)
    return verdicts


def _paused(pause: Pause, instant: int, now: int) -> bool:
    """Due under the pause, or before it and undecided still: while a pause lasts, nothing is started."""
    if pause.until is not None and instant >= pause.until:
        return False
    return pause.lasts(now) or pause.since <= instant


def _lateness(kept: list[tuple[int, Contract]], schedule: Schedule, current: Contract, now: int) -> list[bool]:
    if not kept:
        return []
    last = schedule.recurrence().next_timestamp(kept[-1][0] // 1000)
    following = [*[t for t, _ in kept[1:]], None if last is None else last * 1000]
    return [
        now > effective_deadline(schedule, t, after, current.lateness)
        for (t, _), after in zip(kept, following, strict=True)
    ]


def _policy(
    kept: list[tuple[int, Contract]], late: list[bool], schedule: Schedule, *, stated: bool
) -> Iterator[Verdict]:
    """One verdict each. A default deadline ends only what is skipped; a stated one ends every policy's patience."""
    policy = schedule.missed_run_policy
    if True not in late and (len(kept) == 1 or policy is not MissedRunPolicy.RUN_ONCE):
        for t, contract in kept:
            yield Verdict(t, Decision.PUBLISHED, "due", contract)
        return
    worth = [not (is_late and (stated or policy is MissedRunPolicy.SKIP)) for is_late in late]
    if policy is MissedRunPolicy.RUN_ONCE:
        latest = max((index for index, good in enumerate(worth) if good), default=None)
    caught_up = 0
    for index, (t, contract) in enumerate(kept):
        if not worth[index]:
            yield Verdict(t, Decision.LATE, "its start deadline had passed", contract)
        elif policy is MissedRunPolicy.RUN_ONCE and index != latest:
            stands = kept[latest][0] if latest is not None else None
            yield Verdict(
                t, Decision.COALESCED, "runOnce: the latest stands for the missed ones", contract, related=stands
            )
        elif policy is MissedRunPolicy.BACKFILL and late[index]:
            caught_up += 1
            if schedule.max_catch_up_count is not None and caught_up > schedule.max_catch_up_count:
                yield Verdict(t, Decision.MISSED, f"beyond the catch-up cap of {schedule.max_catch_up_count}", contract)
            else:
                yield Verdict(t, Decision.PUBLISHED, "backfill", contract, late=True)
        else:
            yield Verdict(t, Decision.PUBLISHED, "late" if late[index] else "due", contract, late=late[index])


def _overlap(
    verdicts: list[Verdict], view: LedgerView, current: Contract, now: int, endings: tuple[Ending, ...]
) -> tuple[list[Verdict], tuple[Ending, ...]]:
    schedule = current.schedule
    if schedule is None or schedule.concurrency_policy is ConcurrencyPolicy.ALLOW:
        return verdicts, ()
    ended = {ending.run.row.occurrence_id for ending in endings}
    opened = [run for run in view.open if run.row.open and run.row.occurrence_id not in ended]
    if schedule.concurrency_policy is ConcurrencyPolicy.FORBID:
        return _forbid(verdicts, opened, schedule, now), ()
    return _replace(verdicts, opened, now)


def _forbid(verdicts: list[Verdict], opened: list[Run], schedule: Schedule, now: int) -> list[Verdict]:
    """An open run blocks. Occurrences that a backfill publishes together wait for each other at the permit instead."""
    in_the_way = next((run.row.occurrence_id for run in opened if _stands(run, now)), None)
    backfill = schedule.missed_run_policy is MissedRunPolicy.BACKFILL
    first: int | None = None
    decided: list[Verdict] = []
    for verdict in verdicts:
        blocked = in_the_way is not None or first is not None
        if (
            verdict.decision is not Decision.PUBLISHED
            or (backfill and (verdict.late or in_the_way is None))
            or not blocked
        ):
            if verdict.decision is Decision.PUBLISHED and first is None:
                first = verdict.scheduled_at
            decided.append(verdict)
            continue
        decided.append(
            replace(
                verdict,
                decision=Decision.SKIPPED_OVERLAP,
                reason="forbid: a run is open",
                in_the_way=in_the_way,
                related=first if in_the_way is None else None,
            )
        )
    return decided


def _stands(run: Run, now: int) -> bool:
    """Whether it runs, or is about to: published, being published, or a request that is published again."""
    state = standing(run, now)
    if state is Standing.ABANDONED:
        return bool(run.row.request)
    return state in (Standing.WORKING, Standing.WAITING, Standing.CLAIMED, Standing.HELD)


def _replace(verdicts: list[Verdict], opened: list[Run], now: int) -> tuple[list[Verdict], tuple[Ending, ...]]:
    """Only the newest starts; what has begun is asked to give way first, what has not is ended at once."""
    newest = max((v.scheduled_at for v in verdicts if v.decision is Decision.PUBLISHED), default=None)
    if newest is None:
        return verdicts, ()
    endings: list[Ending] = []
    must_wait = False
    for run in opened:
        state = standing(run, now)
        if state is Standing.WORKING and slot_free_at(run) is not None:
            must_wait = True
            if over(run):
                continue  # asked before, or completed: only its permit is still out
            endings.append(Ending(run, RunState.SUPERSEDED, "asked to give way to a newer occurrence", gives_way=True))
        elif state in (Standing.WORKING, Standing.WAITING, Standing.HELD, Standing.LAPSED, Standing.CLAIMED):
            endings.append(Ending(run, RunState.SUPERSEDED, "a newer occurrence replaced it"))
    decided = []
    for v in verdicts:
        if v.decision is not Decision.PUBLISHED:
            decided.append(v)
        elif v.scheduled_at != newest:
            decided.append(
                replace(v, decision=Decision.COALESCED, reason="replace: a newer one is due", related=newest)
            )
        elif must_wait:
            decided.append(replace(v, decision=Decision.HELD, reason="replace: waits for the older run to give way"))
        else:
            decided.append(v)
    return decided, tuple(endings)


def _fold(verdicts: list[Verdict], alone: Set[int]) -> Iterator[Verdict]:
    """Long stretches of equal decisions that publish nothing become one verdict with a count.

    ``alone`` are instants that have a row already (claims decided again): they keep it.
    """
    stretch: list[Verdict] = []
    for verdict in [*verdicts, None]:
        if stretch and (
            verdict is None
            or {stretch[-1].scheduled_at, verdict.scheduled_at} & alone
            or not _alike(stretch[-1], verdict)
        ):
            if len(stretch) > FOLD_ABOVE:
                yield replace(stretch[0], last_at=stretch[-1].scheduled_at, count=len(stretch))
            else:
                yield from stretch
            stretch = []
        if verdict is not None:
            stretch.append(verdict)


def _alike(a: Verdict, b: Verdict) -> bool:
    quiet = a.decision not in (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)
    return quiet and (a.decision, a.reason, a.contract.seq, a.related, a.in_the_way) == (
        b.decision, b.reason, b.contract.seq, b.related, b.in_the_way,
    )  # fmt: skip


def _manual(
    view: LedgerView, call: Call, now: int, current: Contract, endings: tuple[Ending, ...], released: tuple[Run, ...]
) -> Plan:
    """Run-now: an occurrence of its own class, identified by the caller's request; obeys overlap unless forced."""
    until = view.lineage.decided_until
    if current.schedule is None:
        return Plan(Answer.REFUSED, "its contract was removed", until)
    if not call.request:
        return Plan(Answer.REFUSED, "a manual call needs a request id, so that its repetition is a duplicate", until)
    known = next((run for run in view.open if run.row.request == call.request and _is_manual(run)), None)
    if known is not None and standing(known, now) is Standing.CLAIMED:
        return replace(_held([known], now), decided_until=until)
    if known is not None and standing(known, now) is Standing.ABANDONED:
        return Plan(Answer.ACCEPTED, "run now", until, (_once_more(known, current),), endings, released)
    if known is not None:
        return Plan(Answer.DUPLICATE, "this request was decided before", until)
    reason = "run now, forced past overlap" if call.force else "run now"
    verdict = Verdict(now, Decision.PUBLISHED, reason, current, OccurrenceClass.MANUAL, call.request)
    verdicts: list[Verdict] = [verdict]
    replaced: tuple[Ending, ...] = ()
    if not call.force:
        verdicts, replaced = _overlap(verdicts, view, current, now, endings)
    return Plan(Answer.ACCEPTED, "run now", until, tuple(verdicts), endings + replaced, released)


def _is_manual(run: Run) -> bool:
    return run.row.occurrence_class is OccurrenceClass.MANUAL


def _once_more(run: Run, current: Contract) -> Verdict:
    """A request whose claim ran out is published as it was decided; the permit keeps runs apart."""
    row = run.row
    if current.schedule is None:
        return Verdict(
            row.scheduled_at, Decision.GONE, "its contract was removed", current, row.occurrence_class, row.request
        )
    return Verdict(row.scheduled_at, Decision.PUBLISHED, row.reason, current, row.occurrence_class, row.request)
