"""``purista history`` and ``purista run``: what was decided, and one more occurrence because somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from purista.cli.desk import heading
from purista.cli.exits import OK, REFUSED
from purista.cli.find import choose
from purista.cli.output import Cell, Output, iso
from purista.cli.trigger import EXIT_CODES
from purista.cli.when import clock_time, duration, local, utc, zone_of
from purista.gateway.documents import run_document, span
from purista.gateway.gateway import Gateway, Reply
from purista.ledgers.base import Decision, Ledger, LedgerView, OccurrenceClass, OccurrenceRow, Query, Run, RunState
from purista.messages import new_id
from purista.schedulers.base import Call, CallKind

__all__ = ["DECISION_STYLES", "RUN_STYLES", "history", "run_now", "took", "zone_in_force"]

DECISION_STYLES = {
    Decision.PUBLISHED: "green",
    Decision.CLAIMED: "cyan",
    Decision.HELD: "cyan",
    Decision.COALESCED: "dim",
    Decision.PAUSED: "dim",
    Decision.GONE: "dim",
}
RUN_STYLES = {RunState.FINISHED: "green", RunState.OPEN: "cyan", RunState.SUPERSEDED: "yellow"}
_WILL_RUN = (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)


async def history(
    ledger: Ledger, out: Output, *, key: str | None, limit: int, start: int | None, end: int | None
) -> int:
    """Decided occurrences, newest first. ``start`` and ``end`` in ms, half open."""
    if key is not None:
        key = choose(await ledger.notes.keys(), key)
    page = await ledger.history(Query(key=key, start=start, end=end, limit=limit))
    zones = await _zones(ledger, sorted({run.row.key for run in page.rows}))
    now = ledger.clock.now()
    if out.as_json:
        found = [run_document(run, zones.get(run.row.key)) for run in page.rows]
        out.document({"key": key, "occurrences": found, "more": page.next is not None})
        return OK
    heading(ledger, out)
    if not page.rows:
        out.line("nothing was decided" + (f" for {key}" if key else "") + "; `purista why KEY@TIME` says more")
        return OK
    named = [] if key else ["schedule"]
    rows = [[*([run.row.key] if named else []), *_cells(run, zones.get(run.row.key), out, now)] for run in page.rows]
    out.table([*named, "utc", "local", "class", "decision", "reason", "run", "took", "attempts"], rows)
    if page.next is not None:
        out.line(f"… older ones exist: -n {limit * 2}, or --until {iso(page.rows[-1].row.scheduled_at)}", "dim")
    return OK


async def _zones(ledger: Ledger, keys: Sequence[str]) -> Mapping[str, ZoneInfo]:
    zones = {}
    for key, view in zip(keys, await ledger.load(keys), strict=True):
        zone = None if view is None else zone_in_force(view)
        if zone is not None:
            zones[key] = zone
    return zones


def zone_in_force(view: LedgerView) -> ZoneInfo | None:
    """The zone of the newest contract that is none of a tombstone."""
    for contract in reversed(view.lineage.contracts):
        if contract.schedule is not None:
            return zone_of(contract.schedule.timezone)
    return None


def _cells(run: Run, zone: ZoneInfo | None, out: Output, now: int) -> list[str | Cell]:
    row = run.row
    at = utc(row.scheduled_at)
    if row.count > 1:
        at = f"{at} … {utc(row.last_at)} ({row.count}×)"
    shown = clock_time if out.terminal else local
    kind = "" if row.occurrence_class is OccurrenceClass.SCHEDULED else str(row.occurrence_class)
    return [
        at,
        Cell("" if zone is None else shown(row.scheduled_at, zone), "dim"),
        kind,
        Cell(str(row.decision), DECISION_STYLES.get(row.decision, "yellow")),
        row.reason,
        Cell("" if row.run is None else str(row.run), "" if row.run is None else RUN_STYLES.get(row.run, "red")),
        took(run, now),
        str(max((part.begins for part in run.parts), default=0) or ""),
    ]


def took(run: Run, now: int) -> str:
    """How long the run worked, or has been working; empty when nobody began."""
    begun, ended = span(run)
    if begun is None:
        return ""
    return duration(ended - begun) if ended is not None else f"{duration(now - begun)} so far"


async def run_now(gateway: Gateway, out: Output, *, key: str, request: str | None, force: bool) -> int:
    """Ask for one run now. The request id makes its repetition a duplicate."""
    key, request = choose(await gateway.ledger.notes.keys(), key), request or new_id()
    reply = await gateway.trigger(Call(key, CallKind.MANUAL, request=request, source="cli", force=force))
    row = next((r for r in reply.rows if r.request == request), None)
    refused = row is not None and row.decision not in _WILL_RUN
    if out.as_json:
        out.document({
            "key": key, "request": request, "answer": str(reply.answer), "detail": reply.detail,
            "retryAfterMs": reply.retry_after_ms, "occurrence": None if row is None else run_document(Run.of(row)),
        })  # fmt: skip
    else:
        _say(out, key, request, reply, row)
    return REFUSED if refused else EXIT_CODES[reply.answer]


def _say(out: Output, key: str, request: str, reply: Reply, row: OccurrenceRow | None) -> None:
    if row is None:
        out.line(f"{key}: {reply.answer} ({reply.detail})", "yellow")
    elif row.decision in _WILL_RUN:
        out.line(f"{key}: {row.decision} ({row.reason})", "green")
        if row.run is RunState.UNDELIVERED:
            out.line(f"but {row.run_detail}", "red")
        out.line(f"see it: purista why {key}@{iso(row.scheduled_at)}")
    else:
        related = f" ({row.related})" if row.related else ""
        out.line(f"{key}: {row.decision} ({row.reason}{related}); --force runs it all the same", "yellow")
    out.line(f"the same again is a duplicate: --request {request}", "dim")
