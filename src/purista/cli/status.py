"""``purista status``: every registered schedule on one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from purista.cli.desk import heading
from purista.cli.exits import OK
from purista.cli.history import DECISION_STYLES, RUN_STYLES
from purista.cli.output import Cell, Output, Row, iso
from purista.cli.when import ago, duration, local, utc, zone_of
from purista.gateway.recover import gaps
from purista.ledgers.base import Contract, Ledger, Lineage, Pause, Query, Run

__all__ = ["status"]


@dataclass(frozen=True, slots=True)
class _Line:
    lineage: Lineage
    contract: Contract
    last: Run | None
    following: int | None
    lag_ms: int
    pause: Pause | None


async def status(ledger: Ledger, out: Output) -> int:
    """Last and next occurrence of each schedule, who paused it, how far behind it is."""
    now = ledger.clock.now()
    with out.progress("looking"):
        lines = await _lines(ledger, now)
    if out.as_json:
        out.document({
            "now": iso(now), "ledger": ledger.ledger_id, "environment": ledger.environment,
            "schedules": [_document(line) for line in lines],
        })  # fmt: skip
        return OK
    heading(ledger, out)
    if not lines:
        out.line("no schedules are registered yet; start the service, or write purista apply cron")
        return OK
    out.table(["schedule", "last", "decision", "run", "next", "behind", "paused"], [_row(line, now) for line in lines])
    return OK


async def _lines(ledger: Ledger, now: int) -> list[_Line]:
    lag = {gap.key: gap.lag_ms async for gap in gaps(ledger, now)}
    found: dict[str, _Line] = {}
    for _, lineages in await ledger.registered():
        for lineage in lineages:
            contract = lineage.contracts[-1]
            if contract.schedule is None or lineage.key in found:
                continue
            page = await ledger.history(Query(key=lineage.key, limit=1))
            following = contract.schedule.recurrence().next_timestamp(now // 1000)
            found[lineage.key] = _Line(
                lineage, contract, page.rows[0] if page.rows else None, None if following is None else following * 1000,
                lag.get(lineage.key, 0), _lasting(lineage.pause, now),
            )  # fmt: skip
    return [found[key] for key in sorted(found)]


def _lasting(pause: Pause | None, now: int) -> Pause | None:
    return None if pause is None or (pause.until is not None and pause.until <= now) else pause


def _row(line: _Line, now: int) -> Row:
    row = None if line.last is None else line.last.row
    zone = zone_of(line.contract.schedule.timezone if line.contract.schedule is not None else "UTC")
    late = line.lag_ms > line.contract.lateness and line.pause is None
    return [
        line.lineage.key,
        "never" if row is None else ago(row.last_at or row.scheduled_at, now),
        Cell(
            "" if row is None else str(row.decision), "" if row is None else DECISION_STYLES.get(row.decision, "yellow")
        ),
        Cell("", "") if row is None or row.run is None else Cell(str(row.run), RUN_STYLES.get(row.run, "red")),
        "none" if line.following is None else local(line.following, zone),
        Cell(duration(line.lag_ms) if line.lag_ms else "", "red" if late else "dim"),
        Cell(_words(line.pause), "yellow"),
    ]


def _words(pause: Pause | None) -> str:
    if pause is None:
        return ""
    until = "" if pause.until is None else f" until {utc(pause.until)}"
    return f"by {pause.by}{until}: {pause.reason}"


def _document(line: _Line) -> dict[str, Any]:
    row, pause = None if line.last is None else line.last.row, line.pause
    return {
        "key": line.lineage.key,
        "timezone": None if line.contract.schedule is None else line.contract.schedule.timezone,
        "next": iso(line.following),
        "last": None
        if row is None
        else {
            "scheduledAt": iso(row.last_at or row.scheduled_at), "class": str(row.occurrence_class),
            "decision": str(row.decision), "run": None if row.run is None else str(row.run),
        },
        "behindMs": line.lag_ms,
        "paused": None
        if pause is None
        else {"by": pause.by, "reason": pause.reason, "since": iso(pause.since), "until": iso(pause.until)},
        "revision": line.contract.revision,
    }  # fmt: skip
