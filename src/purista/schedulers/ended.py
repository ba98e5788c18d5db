"""How the run of a call ended, by the gateway's records as JSON: for schedulers whose own run stays open as long. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from purista.clock import from_iso, to_iso
from purista.schedulers.base import CallKind

__all__ = ["ended_in", "page_of"]

PAGE = 100
OPEN = frozenset({"held", "claimed"})
"""Decisions that are not the last word: what waits for its turn, and what is being published."""


def page_of(at: int | None) -> str:
    """The query for the records among which a call's is: those of its instant (ms), else the newest."""
    return f"limit={PAGE}" if at is None else f"limit={PAGE}&since={to_iso(at)}&until={to_iso(at + 1)}"


def ended_in(
    rows: Iterable[Mapping[str, Any]], kind: CallKind, *, at: int | None, request: str = ""
) -> tuple[bool, str] | None:
    """Whether it went well, and how it ended. None: it is open.

    What was decided not to run (late, paused, another stands for it) ends well: nothing of it can fail. So does what was
    published to subscribers that nobody counts, and what has no record any more: decisions are written before they are
    answered, so there is nothing to wait for.
    """
    meant = [row for row in rows if _covers(row, kind, at, request)]
    # A slot that its own run had filled before a backfill asked for it has no replay.
    own = [row for row in meant if row["class"] == kind.value] or meant
    if not own:
        return True, "not recorded"
    decision, run = str(own[0]["decision"]), own[0]["run"]
    if decision in OPEN or run == "open":
        return None
    return (True, decision) if run is None else (run == "finished", str(run))


def _covers(row: Mapping[str, Any], kind: CallKind, at: int | None, request: str) -> bool:
    """A row may stand for a stretch of equal decisions."""
    if kind is CallKind.MANUAL:
        return bool(row["class"] == kind.value and row["request"] == request)
    wanted = {kind.value} if kind is not CallKind.REPLAY else {kind.value, CallKind.SCHEDULED.value}
    if row["class"] not in wanted:
        return False
    return at is None or from_iso(row["scheduledAt"]) <= at <= from_iso(
        row.get("lastScheduledAt") or row["scheduledAt"]
    )
