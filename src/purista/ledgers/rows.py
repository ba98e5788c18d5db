"""Values ↔ rows, as every SQL ledger has them. Column lists stand next to the functions that read and write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from purista.contract.entry import from_entry, to_entry
from purista.contract.schedule import TargetKind
from purista.ledgers.base import Contract, Decision, Lineage, OccurrenceClass, OccurrenceRow, Part, Pause, Run, RunState

__all__ = [
    "CONTRACT_COLUMNS", "OCCURRENCE_COLUMNS", "PART_COLUMNS", "contract_from_row", "contract_to_row", "event_of",
    "occurrence_from_row", "occurrence_to_row", "part_from_row", "part_to_row", "pause_from_text", "pause_to_text",
    "runs_by_lineage",
]  # fmt: skip

CONTRACT_COLUMNS = "lineage, seq, key, effective_from, digest, revision, lateness, entry"
OCCURRENCE_COLUMNS = (
    "lineage, scheduled_at, class, request, occurrence_id, key, last_at, count, decision, reason, related, digest, fence,"
    " attempt, decided_at, source, lease_until, deadline, idempotency_key, payload, roots, run, run_ended_at,"
    " run_detail, open"
)
PART_COLUMNS = (
    "run, part, lineage, address, state, outcome, fence, permit_until, worker, begun_at, ended_at, begins, detail"
)


def occurrence_to_row(lineage: str, row: OccurrenceRow) -> tuple[Any, ...]:
    """In the order of ``OCCURRENCE_COLUMNS``. Plain texts: sqlite3 looks for an adapter for each value that is not."""
    run = row.run
    return (
        lineage, row.scheduled_at, row.occurrence_class.value, row.request, row.occurrence_id, row.key,
        row.last_at or row.scheduled_at, row.count, row.decision.value, row.reason, row.related, row.digest, row.fence,
        row.attempt, row.decided_at, row.source, row.lease_until, row.deadline, row.idempotency_key, row.payload,
        json.dumps(row.roots) if row.roots else None, None if run is None else run.value, row.run_ended_at,
        row.run_detail, row.open,
    )  # fmt: skip


def occurrence_from_row(row: Sequence[Any]) -> OccurrenceRow:
    """From the order of ``OCCURRENCE_COLUMNS``."""
    return OccurrenceRow(
        scheduled_at=row[1], occurrence_class=OccurrenceClass(row[2]), request=row[3], occurrence_id=row[4], key=row[5],
        last_at=row[6], count=row[7], decision=Decision(row[8]), reason=row[9], related=row[10], digest=row[11],
        fence=row[12], attempt=row[13], decided_at=row[14], source=row[15], lease_until=row[16], deadline=row[17],
        idempotency_key=row[18], payload=row[19],
        roots=tuple(json.loads(row[20])) if row[20] else (), run=None if row[21] is None else RunState(row[21]),
        run_ended_at=row[22], run_detail=row[23], open=row[24],
    )  # fmt: skip


def part_to_row(lineage: str, part: Part) -> tuple[Any, ...]:
    """In the order of ``PART_COLUMNS``."""
    return (
        part.run, part.part, lineage, part.address, part.state, part.outcome, part.fence, part.permit_until, part.worker,
        part.begun_at, part.ended_at, part.begins, part.detail,
    )  # fmt: skip


def part_from_row(row: tuple[Any, ...]) -> Part:
    """From the order of ``PART_COLUMNS``."""
    return Part(
        run=row[0], part=row[1], address=row[3], state=row[4], outcome=row[5], fence=row[6], permit_until=row[7],
        worker=row[8], begun_at=row[9], ended_at=row[10], begins=row[11], detail=row[12],
    )  # fmt: skip


def contract_to_row(lineage: str, contract: Contract) -> tuple[Any, ...]:
    """In the order of ``CONTRACT_COLUMNS``; a tombstone has no entry."""
    c = contract
    entry = None if c.schedule is None else json.dumps(to_entry(c.schedule), ensure_ascii=False)
    return lineage, c.seq, c.key, c.effective_from, c.digest, c.revision, c.lateness, entry


def contract_from_row(row: Sequence[Any]) -> Contract:
    """From the order of ``CONTRACT_COLUMNS``."""
    _, seq, key, since, digest, revision, lateness, entry = row
    return Contract(
        seq, key, since, digest, revision, lateness, None if entry is None else from_entry(json.loads(entry))
    )


def event_of(lineage: Lineage) -> str | None:
    """The event that a lineage's newest contract is published as; None for queues, commands and tombstones."""
    schedule = lineage.contracts[-1].schedule if lineage.contracts else None
    return schedule.target.name if schedule is not None and schedule.target.kind is TargetKind.EVENT else None


def runs_by_lineage(rows: Iterable[Sequence[Any]], parts: Mapping[str, Sequence[Part]]) -> dict[str, list[Run]]:
    """Occurrences (in the order of ``OCCURRENCE_COLUMNS``) with their parts, in the order of their instants."""
    found: dict[str, list[Run]] = {}
    for row in sorted(rows, key=lambda r: (r[1], r[4])):
        found.setdefault(row[0], []).append(Run.of(occurrence_from_row(row), parts.get(row[4], ())))
    return found


def pause_to_text(pause: Pause | None) -> str | None:
    """JSON of a pause."""
    if pause is None:
        return None
    return json.dumps({"by": pause.by, "reason": pause.reason, "since": pause.since, "until": pause.until})


def pause_from_text(text: str | None) -> Pause | None:
    """A pause from its JSON."""
    return None if text is None else Pause(**json.loads(text))
