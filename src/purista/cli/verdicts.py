"""Why an occurrence ran, or did not: from what the ledger remembers to sentences. Pure; ``why`` gathers and prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from purista.cli.when import Asked, Kind, ago, duration, local, utc
from purista.cli.words import address_words
from purista.contract.schedule import Schedule
from purista.gateway.decide import contract_at, decide, effective_deadline
from purista.ledgers.base import Decision, LedgerView, OccurrenceClass, OccurrenceRow, Part, Run, RunState, WorkerSeen
from purista.ledgers.notes import Heard, Letter, RecentCall
from purista.schedulers.base import Call

__all__ = ["Evidence", "Why", "conclude"]

WORKER_STALE_MS = 90_000
"""Workers are noted every half minute: who was not for three of them is gone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was looked up for one question. Instants in ms unless said otherwise."""

    key: str
    asked: Asked
    instant: int  # s: the one of ``asked`` that is meant
    zone: ZoneInfo
    now: int
    view: LedgerView
    runs: tuple[Run, ...] = ()
    related: Mapping[str, OccurrenceRow] = field(default_factory=dict)
    calls: tuple[RecentCall, ...] = ()
    counted: Mapping[str, int] = field(default_factory=dict)
    last_decision: Heard | None = None
    heard_at_all: int | None = None
    workers: Mapping[str, Sequence[WorkerSeen]] = field(default_factory=dict)
    letters: Mapping[str, Letter] = field(default_factory=dict)
    brokered: bool = False

    @property
    def at(self) -> int:
        """The instant in ms."""
        return self.instant * 1000

    def schedule(self) -> Schedule | None:
        """The contract in force at the instant."""
        contract = contract_at(self.view.lineage, self.at)
        return None if contract is None else contract.schedule


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. ``verdict`` is a stable word, ``sentence`` says it, ``facts`` prove it, ``advice`` is what to do."""

    verdict: str
    sentence: str
    facts: tuple[str, ...] = ()
    advice: str | None = None


def conclude(e: Evidence) -> Why:
    """The answer to a question."""
    why = _decided(e, e.runs[0]) if e.runs else _without_record(e)
    others = tuple(f"there is also a {run.row.occurrence_class} one: {run.row.decision}" for run in e.runs[1:])
    return replace(why, facts=(*_how_read(e), *why.facts, *others))


def _how_read(e: Evidence) -> Iterator[str]:
    change, wall = e.asked.change, e.asked.wall
    if change is None or wall is None:
        return
    if change.kind is Kind.GAP:
        yield f"{wall:%H:%M} does not exist on that day: {change.sentence()}; meant is {local(e.at, e.zone)}"
    else:
        which = "first" if e.instant < change.at else "second"
        yield f"{wall:%H:%M} comes twice on that day: {change.sentence()}; meant is the {which}, {local(e.at, e.zone)}"


def _without_record(e: Evidence) -> Why:
    lineage = e.view.lineage
    contract = contract_at(lineage, e.at)
    if contract is None:
        first = lineage.contracts[0] if lineage.contracts else None
        since = "it has no contract yet" if first is None else f"it was registered at {utc(first.effective_from)}"
        return Why("before_registration", f"{since}; what lies before is not decided", tuple(_nearest(e)))
    schedule = contract.schedule
    if schedule is None:
        return Why("removed", f"its contract was removed at {utc(contract.effective_from)}")
    if not schedule.recurrence().timestamps(e.instant, e.instant + 1):
        sentence = f"{local(e.at, e.zone)} is not an occurrence: {schedule.recurrence().explain().sentence}"
        return Why("not_an_occurrence", sentence, tuple(_nearest(e)))
    if e.at > e.now:
        return _ahead(e)
    if e.at <= lineage.decided_until:
        return Why("no_record", "it was decided, but its record is gone: old records are purged", tuple(_last_heard(e)))
    return _undecided(e)


def _nearest(e: Evidence) -> Iterator[str]:
    schedule = e.schedule() or next((c.schedule for c in e.view.lineage.contracts if c.schedule is not None), None)
    if schedule is None:
        return
    recurrence = schedule.recurrence()
    for word, found in (
        ("before", recurrence.previous_timestamp(e.instant)),
        ("after", recurrence.next_timestamp(e.instant)),
    ):
        if found is not None:
            yield f"the nearest {word}: {local(found * 1000, e.zone)} ({utc(found * 1000)})"


def _ahead(e: Evidence) -> Why:
    facts = [*_pause(e), *_addressees(e, [*e.workers])]
    return Why("ahead", f"it lies ahead: due {ago(e.at, e.now)}", tuple(facts))


def _pause(e: Evidence) -> Iterator[str]:
    pause = e.view.lineage.pause
    if pause is not None and pause.since <= e.at and (pause.until is None or e.at < pause.until):
        until = "until resumed" if pause.until is None else f"until {utc(pause.until)}"
        yield f"paused by {pause.by} since {utc(pause.since)}, {until}: {pause.reason}"


def _undecided(e: Evidence) -> Why:
    facts = [*_pause(e), *_last_heard(e)]
    plan = decide(e.view, Call(e.key), e.now)
    found = next((v for v in plan.verdicts if v.scheduled_at <= e.at <= (v.last_at or v.scheduled_at)), None)
    if found is not None:
        facts.append(f"a call now would decide it: {found.decision} ({found.reason})")
    late = e.now - e.at
    lateness = next(c.lateness for c in reversed(e.view.lineage.contracts))
    if late < lateness:
        sentence = (
            f"it was due {duration(late)} ago and nobody has called yet; calls come up to {duration(lateness)} late"
        )
        return Why("undecided", sentence, tuple(facts))
    by_hand = "purista recover --app MODULE:ATTR" if e.brokered else f"purista trigger {e.key}"
    advice = f"is the scheduler running, and is the entry there? By hand: {by_hand}"
    return Why("undecided", f"nobody called: it was due {duration(late)} ago", tuple(facts), advice)


def _last_heard(e: Evidence) -> Iterator[str]:
    call = e.calls[0] if e.calls else None
    decision = e.last_decision
    if decision is not None and (call is None or decision.at >= call.at):
        yield f"the last call came at {utc(decision.at)} ({ago(decision.at, e.now)}) from {_who(decision.source)}"
    elif call is not None:
        yield f"the last call came at {utc(call.at)} ({ago(call.at, e.now)}), answered {call.answer}: {call.detail}"
    else:
        yield "no call for this schedule was ever seen"
    if e.counted:
        counts = ", ".join(f"{count} {answer}" for answer, count in e.counted.items())
        yield f"calls of that day (UTC) that decided nothing: {counts}"
    if e.heard_at_all is None:
        yield "no call for any schedule was ever seen in this ledger"
    elif e.heard_at_all >= e.at:
        yield f"other calls came since (the last at {utc(e.heard_at_all)}): look for this schedule's entry"
    else:
        yield f"no schedule of this ledger was called since ({utc(e.heard_at_all)}): look at the scheduler"


def _who(source: str) -> str:
    return source or "an unnamed caller"


def _decided(e: Evidence, run: Run) -> Why:
    row = run.row
    facts = [f"decided at {utc(row.decided_at)} on a call from {_who(row.source)}, {_lateness(row)}"]
    if row.count > 1:
        facts.append(f"one record for {row.count} from {utc(row.scheduled_at)} to {utc(row.last_at)}")
    if row.related is not None:
        facts.append(_related(e, row.related))
    if row.decision in (Decision.PUBLISHED, Decision.CLAIMED):
        return _published(e, run, facts)
    if row.decision is Decision.LATE:
        facts += _deadline(e, row)
    sentence = f"it did not run: {row.decision} ({row.reason})"
    if row.decision is Decision.HELD:
        sentence = f"it waits: {row.reason}"
    return Why(str(row.decision), sentence, tuple(facts))


def _lateness(row: OccurrenceRow) -> str:
    if row.occurrence_class is not OccurrenceClass.SCHEDULED:
        return f"as a {row.occurrence_class} one, request {row.request}"
    late = row.decided_at - row.scheduled_at
    return f"{duration(late)} after it was due" if late >= 0 else f"{duration(-late)} before it was due"


def _deadline(e: Evidence, row: OccurrenceRow) -> Iterator[str]:
    schedule, contract = e.schedule(), contract_at(e.view.lineage, e.at)
    if schedule is None or contract is None:
        return
    following = schedule.recurrence().next_timestamp(e.instant)
    until = effective_deadline(schedule, e.at, None if following is None else following * 1000, contract.lateness)
    yield f"it was worth starting until {utc(until)}; the call came {duration(max(0, row.decided_at - until))} after"


def _related(e: Evidence, related: str) -> str:
    row = e.related.get(related)
    if row is None:
        return f"related to occurrence {related}"
    state = row.run or row.decision
    return f"related to the one of {local(row.scheduled_at, e.zone)}: {row.decision}, {state} ({related})"


_RUNS: dict[RunState | None, tuple[str, str]] = {
    RunState.FINISHED: ("finished", "it ran and finished"),
    RunState.FAILED: ("failed", "it ran and failed"),
    RunState.TIMED_OUT: ("timed_out", "it ran out of its time"),
    RunState.SUPERSEDED: ("superseded", "it gave way to a newer one"),
    RunState.UNDELIVERED: ("undelivered", "it was published, but nobody began"),
    None: ("published", "it was published; nobody reports how its run ends"),
}


def _published(e: Evidence, run: Run, facts: list[str]) -> Why:
    row = run.row
    facts += [line for part in run.parts for line in _part(e, part)]
    missing = [p.address for p in run.parts if p.state == "pending" and not p.begins and not _alive(e, p.address)]
    advice = "start one: purista worker" if missing else None
    detail = f": {row.run_detail}" if row.run_detail else ""
    if row.decision is Decision.CLAIMED:
        until = "" if row.lease_until is None else f" until {utc(row.lease_until)}"
        return Why("claimed", f"it is being published (claimed{until}); the bridge has not confirmed it", tuple(facts))
    if row.run is not RunState.OPEN:
        verdict, sentence = _RUNS[row.run]
        return Why(verdict, sentence + detail, tuple(facts), advice if row.run is RunState.UNDELIVERED else None)
    if any(p.state == "working" for p in run.parts):
        return Why("running", "it is running", tuple(facts), advice)
    if missing:
        words = "; ".join(_seen(e, address) for address in dict.fromkeys(missing))
        return Why("no_worker", f"it was published, but {words}", tuple(facts), advice)
    tried = next((p for p in run.parts if _tried(e, p)), None)
    if tried is not None:
        return Why("retrying", _again(tried), tuple(facts))
    return Why("waiting", "it was published and waits for a worker", tuple(facts))


def _tried(e: Evidence, part: Part) -> bool:
    """Begun, given back, and not put aside."""
    letter = e.letters.get(part.part)
    return part.state == "pending" and part.begins > 0 and (letter is None or letter.state != "dead")


def _again(part: Part) -> str:
    times = "once and failed" if part.begins == 1 else f"{part.begins} times and failed each time"
    return f"it was begun {times}{f': {part.detail}' if part.detail else ''}; it will be tried again"


def _alive(e: Evidence, address: str) -> bool:
    return any(e.now - seen.seen_at <= WORKER_STALE_MS for seen in e.workers.get(address, ()))


def _seen(e: Evidence, address: str) -> str:
    name = address_words(address)
    workers = e.workers.get(address, ())
    if not workers:
        return f"no worker has been seen for {name}"
    last = workers[0]
    if _alive(e, address):
        return f"worker {last.worker} of {name} was seen {ago(last.seen_at, e.now)}"
    return f"no worker is there for {name}; the last, {last.worker}, was seen {ago(last.seen_at, e.now)}"


def _addressees(e: Evidence, addresses: Sequence[str]) -> Iterator[str]:
    for address in addresses:
        if not _alive(e, address):
            yield _seen(e, address)


def _part(e: Evidence, part: Part) -> Iterator[str]:
    name = address_words(part.address)
    tries = f", begun {part.begins} times" if part.begins > 1 else ""
    detail = f": {part.detail}" if part.detail else ""
    begun = "" if part.begun_at is None else f" since {utc(part.begun_at)}"
    if part.state == "ended":
        ended = "" if part.ended_at is None else f" at {utc(part.ended_at)}"
        took = "" if None in (part.begun_at, part.ended_at) else f" after {duration(part.ended_at - part.begun_at)}"  # type: ignore[operator]
        by = f" by {part.worker}" if part.worker else ""
        yield f"{name}: {part.outcome}{ended}{took}{by}{tries}{detail}"
    elif part.state == "working":
        permit = "" if part.permit_until is None else f", permit until {utc(part.permit_until)}"
        yield f"{name}: {part.worker or 'a worker'} is at it{begun}{permit}{tries}{detail}"
    else:
        yield f"{name}: pending{tries}{detail}"
        if not part.begins:
            yield _seen(e, part.address)
        elif part.worker:
            yield f"{name}: last begun by {part.worker}"
    letter = e.letters.get(part.part)
    if letter is not None and part.state != "ended":
        yield from _letter(e, name, letter)


def _letter(e: Evidence, name: str, letter: Letter) -> Iterator[str]:
    if letter.state == "dead":
        yield f"{name}: a dead letter after {letter.attempts} attempts: {letter.reason or 'no reason given'}"
    elif letter.attempts and letter.visible_at > e.now:
        reason = f" ({letter.reason})" if letter.reason else ""
        yield f"{name}: attempt {letter.attempts} of {letter.max_attempts}{reason}; seen again {ago(letter.visible_at, e.now)}"
