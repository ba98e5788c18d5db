"""Occurrences and runs as JSON: one shape for the command line and the HTTP gateway. Pure."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from purista.clock import to_iso
from purista.ledgers.base import Part, Run

__all__ = ["run_document", "span"]


def span(run: Run) -> tuple[int | None, int | None]:
    """When the first part began and the run ended (ms)."""
    return min((p.begun_at for p in run.parts if p.begun_at is not None), default=None), run.row.run_ended_at


def run_document(run: Run, zone: ZoneInfo | None = None) -> dict[str, Any]:
    """An occurrence and its run as JSON."""
    row = run.row
    begun, ended = span(run)
    return {
        "key": row.key,
        "occurrenceId": row.occurrence_id,
        "class": str(row.occurrence_class),
        "request": row.request or None,
        "scheduledAt": _iso(row.scheduled_at),
        "timezone": None if zone is None else zone.key,
        "lastScheduledAt": _iso(row.last_at or row.scheduled_at),
        "count": row.count,
        "decision": str(row.decision),
        "reason": row.reason,
        "decidedAt": _iso(row.decided_at),
        "source": row.source or None,
        "relatedOccurrenceId": row.related,
        "attempts": row.attempt,
        "run": None if row.run is None else str(row.run),
        "runDetail": row.run_detail,
        "runEndedAt": _iso(row.run_ended_at),
        "durationMs": None if begun is None or ended is None else ended - begun,
        "parts": [_part_document(part) for part in run.parts],
    }


def _part_document(part: Part) -> dict[str, Any]:
    return {
        "id": part.part,
        "address": part.address,
        "state": part.state,
        "outcome": None if part.outcome is None else str(part.outcome),
        "worker": part.worker,
        "begunAt": _iso(part.begun_at),
        "endedAt": _iso(part.ended_at),
        "begins": part.begins,
        "permitUntil": _iso(part.permit_until),
        "detail": part.detail,
    }


def _iso(ms: int | None) -> str | None:
    return None if ms is None else to_iso(ms)
