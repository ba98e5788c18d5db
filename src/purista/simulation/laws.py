"""The laws of a world, checked after it has come to rest: on what really happened against what the ledger says.

What the world wrote down itself (begin and end of work, in true time) is believed; the ledger is under test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from purista.contract.schedule import ConcurrencyPolicy
from purista.ledgers.base import Decision, Lineage, OccurrenceClass, Run, RunState
from purista.messages import derived_id
from purista.recurrence import Recurrence
from purista.simulation.journal import Journal, Work

__all__ = ["LAWS", "Broken", "Case", "check"]

LAWS = {
    "decided once": "every occurrence that was due has one decision, and nothing else has",
    "forbid never overlaps": "under forbid and replace one run of a schedule works at a time, and each part of it once",
    "nothing lost": "what was published has ended, and what is called finished was worked",
    "same bytes": "every delivery of an occurrence carries the same payload",
    "not early": "nothing is decided before it is due by the host's clock",
}
EARLY_MS = 5_000


@dataclass(frozen=True, slots=True)
class Broken:
    """A law that did not hold. ``at``: when in true time (ms), as far as it has an instant."""

    law: str
    key: str
    detail: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that is judged. ``forward`` are the jumps ahead, as (true time, ms); ``letters`` how
    many messages still wait, ``posted`` the ids of all that there ever were."""

    lineages: Sequence[Lineage]
    runs: Sequence[Run]
    journal: Journal
    now: int
    forward: Sequence[tuple[int, int]]
    permit_ms: int
    letters: int
    posted: Set[str]


def check(case: Case) -> list[Broken]:
    """All broken laws; empty means that all hold."""
    work: dict[str, list[Work]] = defaultdict(list)
    for one in case.journal.work:
        work[one.key].append(one)
    runs: dict[str, list[Run]] = defaultdict(list)
    keys = {contract.key: lineage.key for lineage in case.lineages for contract in lineage.contracts}
    for run in case.runs:
        runs[keys.get(run.row.key, run.row.key)].append(run)
    broken: list[Broken] = []
    for lineage in case.lineages:
        mine, worked = runs[lineage.key], work[lineage.key]
        broken += _decided_once(lineage, mine, case.now)
        broken += _overlaps(lineage, worked, case)
        broken += _lost(lineage.key, mine, worked, case.posted)
        broken += _payloads(lineage.key, worked)
        broken += _early(lineage.key, mine)
    if case.letters:
        broken.append(Broken("nothing lost", "", f"{case.letters} messages wait and nobody takes them"))
    return broken


def instants_of(run: Run, rule: Recurrence) -> Sequence[int]:
    """The instants (ms) that a record decides; more than one where equal decisions share it."""
    row = run.row
    if row.count == 1:
        return (row.scheduled_at,)
    return [t * 1000 for t in rule.timestamps(row.scheduled_at // 1000, row.last_at // 1000 + 1)]


def _decided_once(lineage: Lineage, runs: Sequence[Run], now: int) -> Iterable[Broken]:
    law, contract = "decided once", lineage.contracts[-1]
    if contract.schedule is None:
        return
    rule = contract.schedule.recurrence()
    decided = [
        t for run in runs if run.row.occurrence_class is OccurrenceClass.SCHEDULED for t in instants_of(run, rule)
    ]
    begins = lineage.contracts[0].effective_from // 1000 + 1  # what is due when it is registered belongs to nobody
    due = [t * 1000 for t in rule.timestamps(begins, max(now, lineage.decided_until) // 1000 + 1)]
    for t in sorted(set(due) - set(decided)):
        yield Broken(law, lineage.key, "was due and has no decision", t)
    for t in sorted(set(decided) - set(due)):
        yield Broken(law, lineage.key, "was decided and never due", t)
    if len(decided) != len(set(decided)):
        twice = sorted({t for t in decided if decided.count(t) > 1})
        yield Broken(law, lineage.key, "has more than one decision", twice[0])


def _overlaps(lineage: Lineage, work: Sequence[Work], case: Case) -> Iterable[Broken]:
    schedule = lineage.contracts[-1].schedule
    if schedule is None or schedule.concurrency_policy is ConcurrencyPolicy.ALLOW:
        return
    open_: list[Work] = []
    for one in sorted(work, key=lambda w: w.begin):
        open_ = [other for other in open_ if other.end is None or other.end > one.begin]
        for other in open_:
            if other.occurrence_id == one.occurrence_id and other.delivery != one.delivery:
                continue  # two parts of one run
            ends = min(w.end if w.end is not None else case.now for w in (one, other))
            if ends > one.begin and not _excused(one.begin, ends, case):
                what = "two runs" if other.occurrence_id != one.occurrence_id else "one part twice"
                detail = f"{what} at a time for {(ends - one.begin) / 1000:g} s: {other.process} and {one.process}"
                yield Broken("forbid never overlaps", lineage.key, detail, one.begin)
        open_.append(one)


def _excused(begin: int, end: int, case: Case) -> bool:
    """A clock that jumps ahead ends permits that nobody let go of. Their holders learn it when they next renew."""
    return any(at <= begin and end <= at + case.permit_ms for at, _ in case.forward)


def _lost(key: str, runs: Sequence[Run], work: Sequence[Work], posted: Set[str]) -> Iterable[Broken]:
    law = "nothing lost"
    done: dict[str, set[str]] = defaultdict(set)
    for one in work:
        if one.outcome == "done":
            done[one.occurrence_id].add(one.address)
    for run in runs:
        row = run.row
        if row.decision in (Decision.CLAIMED, Decision.HELD):
            yield Broken(law, key, f"is {row.decision} for ever", row.scheduled_at)
        elif row.decision is Decision.PUBLISHED and row.run in (None, RunState.OPEN):
            yield Broken(law, key, "was published and its run never ended", row.scheduled_at)
        elif row.decision is Decision.PUBLISHED and not {derived_id(row.occurrence_id, r) for r in row.roots} <= posted:
            yield Broken(law, key, "was published and its message never sent", row.scheduled_at)
        elif row.run is RunState.FINISHED and (missing := set(row.roots) - done[row.occurrence_id]):
            yield Broken(law, key, f"is called finished and was not worked by {', '.join(missing)}", row.scheduled_at)


def _payloads(key: str, work: Sequence[Work]) -> Iterable[Broken]:
    first: dict[str, Work] = {}
    for one in work:
        known = first.setdefault(one.delivery, one)
        if known.body != one.body:
            yield Broken("same bytes", key, f"{one.delivery} changed: {known.body!r}, {one.body!r}", one.begin)


def _early(key: str, runs: Sequence[Run]) -> Iterable[Broken]:
    for run in runs:
        row = run.row
        if row.occurrence_class is OccurrenceClass.SCHEDULED and row.scheduled_at - EARLY_MS > row.decided_at:
            yield Broken("not early", key, "was decided before it was due", row.scheduled_at)
