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
    """Whether it went well, and how it ended. None: it is open, or not among the records.

    What was decided not to run (late, paused, another stands for it) ends well: nothing of it can fail. So does what was
    published to subscribers that nobody counts.
    """
    for row in rows:
        meant = (
            row["request"] == request if kind is CallKind.MANUAL else at is None or from_iso(row["scheduledAt"]) == at
        )
        if row["class"] != kind.value or not meant:
            continue
        decision, run = str(row["decision"]), row["run"]
        if decision in OPEN or run == "open":
            return None
        return (True, decision) if run is None else (run == "finished", str(run))
    return None
