"""``purista why KEY@TIME``: gathers what the ledger remembers about one occurrence, and prints the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from purista.cli.desk import heading
from purista.cli.exits import OK, USAGE, Stop
from purista.cli.find import choose
from purista.cli.history import zone_in_force
from purista.cli.output import Output, iso
from purista.cli.verdicts import Evidence, Why, conclude
from purista.cli.when import Asked, local, parse_time, utc, zone_of
from purista.clock import to_iso
from purista.contract.schedule import TargetKind
from purista.gateway.documents import run_document
from purista.ledgers.base import Ledger, LedgerView, OccurrenceClass, OccurrenceRow, Query, Run, WorkerSeen

__all__ = ["why"]

RELATED_SEARCH = 1
RECENT_RUNS = 20


async def why(ledger: Ledger, out: Output, question: str) -> int:
    """Answer one question.

    :raises Stop: the question cannot be read, or the schedule is unknown.
    """
    evidence = await gather(ledger, question)
    answer = conclude(evidence)
    if out.as_json:
        out.document(_document(evidence, answer))
        return OK
    heading(ledger, out)
    out.line(f"{evidence.key} at {local(evidence.at, evidence.zone)} ({utc(evidence.at)})", "bold")
    out.line(answer.sentence, _STYLES.get(answer.verdict, "yellow"))
    for fact in answer.facts:
        out.line(f"  - {fact}")
    if answer.advice:
        out.line(f"→ {answer.advice}", "green")
    return OK


_STYLES = {
    "finished": "green",
    "running": "cyan",
    "waiting": "cyan",
    "retrying": "yellow",
    "ahead": "cyan",
    "failed": "red",
    "no_worker": "red",
}


def _document(e: Evidence, answer: Why) -> dict[str, Any]:
    return {
        "key": e.key,
        "scheduledAt": iso(e.at),
        "timezone": e.zone.key,
        "now": iso(e.now),
        "verdict": answer.verdict,
        "sentence": answer.sentence,
        "facts": list(answer.facts),
        "advice": answer.advice,
        "occurrences": [run_document(run, e.zone) for run in e.runs],
        "workers": [
            {"address": address, "seen": [{"worker": w.worker, "seenAt": iso(w.seen_at)} for w in seen]}
            for address, seen in e.workers.items()
        ],
        "recentCalls": [{"at": iso(c.at), "answer": c.answer, "detail": c.detail} for c in e.calls],
    }


async def gather(ledger: Ledger, question: str) -> Evidence:
    """Everything there is to know about the question."""
    key, at, text = question.rpartition("@")
    if not at or not key or not text:
        raise Stop(USAGE, f"expected KEY@TIME such as user/1/nightly@2026-03-29T02:30, got {question!r}")
    notes = ledger.notes
    key = choose(await notes.keys(), key)
    view = (await ledger.load([key]))[0]
    if view is None:
        raise Stop(USAGE, f"{key} leads to no schedule in this ledger any more")
    zone = zone_in_force(view) or zone_of("UTC")
    asked = parse_time(text, zone.key)
    instant, runs = await _meant(ledger, view, asked)
    addresses = list(dict.fromkeys([*(p.address for run in runs for p in run.parts), *_addresses(view)]))
    lineage = view.lineage.lineage
    heard = [found.at for found in [await notes.last_decision()] if found]
    heard += [at for at in [await notes.last_counted()] if at]
    return Evidence(
        key=view.lineage.key, asked=asked, instant=instant, zone=zone, now=ledger.clock.now(), view=view, runs=runs,
        related=await _related(ledger, key, runs), calls=tuple(await notes.recent_calls(lineage)),
        counted=await notes.counted(lineage, to_iso(instant * 1000)[:10]),
        last_decision=await notes.last_decision(lineage),
        heard_at_all=max(heard, default=None), workers=await _workers(ledger, key, addresses, runs),
        letters=await notes.letters([p.part for run in runs for p in run.parts]), brokered=not ledger.transactional,
    )  # fmt: skip


async def _workers(
    ledger: Ledger, key: str, addresses: Sequence[str], runs: Sequence[Run]
) -> dict[str, list[WorkerSeen]]:
    """Who was seen at each address, the latest first: who asked the ledger for messages, and (a worker without a ledger asks
    a broker) who began a part of a run."""
    seen = {(one.address, one.worker): one for of in (await ledger.notes.workers(addresses)).values() for one in of}
    recent = (await ledger.history(Query(key=key, limit=RECENT_RUNS))).rows
    for part in (part for run in (*runs, *recent) for part in run.parts):
        at = max(part.begun_at or 0, part.ended_at or 0)
        before = seen.get((part.address, part.worker or ""))
        if at and part.worker and part.address in addresses and (before is None or before.seen_at < at):
            seen[part.address, part.worker] = WorkerSeen(part.address, part.worker, at)
    latest = sorted(seen.values(), key=lambda one: -one.seen_at)
    return {address: [one for one in latest if one.address == address] for address in addresses}


async def _meant(ledger: Ledger, view: LedgerView, asked: Asked) -> tuple[int, tuple[Run, ...]]:
    """Which of the possible instants is meant: the one with a record, else the one that is an occurrence."""
    for instant in asked.instants:
        found = await _runs(ledger, view, instant * 1000 + asked.milliseconds)
        if found:
            return instant, found
    for instant in asked.instants:
        for contract in view.lineage.contracts:
            if contract.schedule and contract.schedule.recurrence().timestamps(instant, instant + 1):
                return instant, ()
    return asked.instants[0], ()


async def _runs(ledger: Ledger, view: LedgerView, at: int) -> tuple[Run, ...]:
    """Records of that second (of that millisecond, if it is not a whole second), the scheduled one first.

    A stretch counts where the instant is one of its occurrences.
    """
    page = await ledger.history(Query(key=view.lineage.key, start=at, end=at + (1 if at % 1000 else 1000)))
    covering = [run for run in page.rows if run.row.scheduled_at >= at or _in_stretch(view, run.row, at // 1000)]
    return tuple(sorted(covering, key=lambda run: run.row.occurrence_class is not OccurrenceClass.SCHEDULED))


def _in_stretch(view: LedgerView, row: OccurrenceRow, instant: int) -> bool:
    contract = next((c for c in view.lineage.contracts if c.digest == row.digest), None)
    if contract is None or contract.schedule is None:
        return False
    return bool(contract.schedule.recurrence().timestamps(instant, instant + 1))


def _addresses(view: LedgerView) -> list[str]:
    """Where the next one would go."""
    schedule = view.lineage.contracts[-1].schedule if view.lineage.contracts else None
    if schedule is None:
        return []
    target = schedule.target
    if target.kind is TargetKind.EVENT:
        return list(view.subscribers)
    if target.kind is TargetKind.QUEUE:
        return [f"queue:{target.name}"]
    return [f"cmd:{target.service}/{target.version}/{target.name}"]


async def _related(ledger: Ledger, key: str, runs: tuple[Run, ...]) -> dict[str, OccurrenceRow]:
    found = {}
    for related in {run.row.related for run in runs if run.row.related}:
        page = await ledger.history(Query(key=key, occurrence_id=related, limit=RELATED_SEARCH))
        found.update({run.row.occurrence_id: run.row for run in page.rows})
    return found
