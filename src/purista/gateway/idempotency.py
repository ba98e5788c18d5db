"""An idempotency key is held by the one occurrence that was published with it; later ones coalesce into it."""

from __future__ import annotations

from dataclasses import replace

from purista.ledgers.base import (
    Change,
    Decision,
    Ledger,
    LedgerView,
    OccurrenceClass,
    OccurrenceRow,
    Query,
)

__all__ = ["respect"]

PAGE = 100


async def respect(ledger: Ledger, view: LedgerView, change: Change) -> Change:
    """The change without what a published occurrence of the same key stands for. Requests neither take nor test a key."""
    held: dict[str, str] = {}
    rows: list[OccurrenceRow] = []
    for row in change.rows:
        key = row.idempotency_key
        tests = row.decision in (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)
        if key is None or not tests or row.occurrence_class is not OccurrenceClass.SCHEDULED:
            rows.append(row)
            continue
        holder = held.get(key) or await _holder(ledger, view, row, key)
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


async def _holder(ledger: Ledger, view: LedgerView, row: OccurrenceRow, key: str) -> str | None:
    query = Query(key=view.lineage.key, idempotency_key=key, occurrence_class=row.occurrence_class, limit=PAGE)
    while True:
        page = await ledger.history(query)
        for run in page.rows:
            if run.row.occurrence_id != row.occurrence_id and run.row.decision in (
                Decision.PUBLISHED,
                Decision.CLAIMED,
            ):
                return run.row.occurrence_id
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
