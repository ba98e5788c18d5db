"""An idempotency key is held by the one occurrence that was published with it; later ones coalesce into it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from purista.ledgers.base import (
    Change,
    Decision,
    Ledger,
    LedgerView,
    OccurrenceClass,
    OccurrenceRow,
    Query,
    RunState,
)

__all__ = ["respect"]

PAGE = 100


async def respect(ledger: Ledger, view: LedgerView, change: Change) -> Change:
    """The change without what a published occurrence of the same key stands for. Requests neither take nor test a key."""
    held: dict[str, str] = {}
    # What this change withdraws, or asks to give way, stands for nothing: its work would be done by nobody.
    given_up = {row.occurrence_id for row in change.rows if not _stands(row)}
    rows: list[OccurrenceRow] = []
    for row in change.rows:
        key = row.idempotency_key
        if key is None or not _stands(row) or row.occurrence_class is not OccurrenceClass.SCHEDULED:
            rows.append(row)
            continue
        holder = held.get(key) or await _holder(ledger, view, row, key, given_up)
        if holder is None:
            held[key] = row.occurrence_id
            rows.append(row)
        else:
            rows.append(_coalesced(row, key, holder))
    gone = {row.occurrence_id for row in rows if row.decision is Decision.COALESCED}
    return replace(
        change,
        rows=tuple(rows),
        parts=tuple(p for p in change.parts if p.run not in gone),
        outbox=tuple(m for m in change.outbox if m.occurrence_id not in gone),
    )


def _stands(row: OccurrenceRow) -> bool:
    starts = row.decision in (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)
    return starts and row.run is not RunState.SUPERSEDED


async def _holder(ledger: Ledger, view: LedgerView, row: OccurrenceRow, key: str, given_up: Set[str]) -> str | None:
    query = Query(key=view.lineage.key, idempotency_key=key, occurrence_class=row.occurrence_class, limit=PAGE)
    while True:
        page = await ledger.history(query)
        for run in page.rows:
            other = run.row
            if other.occurrence_id in given_up or other.run is RunState.SUPERSEDED:
                continue
            if other.occurrence_id != row.occurrence_id and other.decision in (Decision.PUBLISHED, Decision.CLAIMED):
                return other.occurrence_id
        if page.next is None:
            return None
        query = replace(query, before=page.next)


def _coalesced(row: OccurrenceRow, key: str, holder: str) -> OccurrenceRow:
    """Without the key: only what was published holds it, and looking for the holder stays one step."""
    reason = f"idempotency key {key!r} was published before"
    return replace(
        row, decision=Decision.COALESCED, reason=reason, related=holder, run=None, open=0, deadline=None,
        lease_until=None, run_ended_at=None, run_detail=None, idempotency_key=None,
    )  # fmt: skip
