"""What becomes of claims when the bridge has answered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from purista.gateway.compose import change_of
from purista.gateway.slots import exclusive
from purista.ledgers.base import Change, Decision, LedgerView, Part, Run, RunRef

__all__ = ["Mark", "claimed_view", "confirm", "published"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What the bridge said of one claim's message. ``fence`` is the one under which it was claimed."""

    ref: RunRef
    fence: int
    published: bool


def claimed_view(change: Change, view: LedgerView) -> LedgerView:
    """What ``view`` became by ``change``, which was committed: nobody needs to read what he has written."""
    lineage = replace(
        view.lineage, key=change.key, version=change.expected + 1, fence=change.fence, decided_until=change.decided_until,
        pause=change.pause, wake_at=change.wake_at,
    )  # fmt: skip
    parts: dict[str, list[Part]] = {}
    for part in change.parts:
        parts.setdefault(part.run, []).append(part)
    written = [Run(row, tuple(parts.get(row.occurrence_id, ()))) for row in change.rows if row.open]
    touched = {row.occurrence_id for row in change.rows}
    rest = [run for run in view.open if run.row.occurrence_id not in touched]
    return replace(view, lineage=lineage, open=(*rest, *written))


def confirm(view: LedgerView, marks: Sequence[Mark], now: int) -> Change | None:
    """Turn claims of one lineage into publications, or let the next caller have them. An old fence changes nothing."""
    known = {run.row.occurrence_id: run for run in view.open}
    runs: list[Run] = []
    for mark in marks:
        run = known.get(mark.ref.occurrence_id)
        if run is None or run.row.fence != mark.fence:
            continue
        if run.row.decision is Decision.CLAIMED:  # else a worker was faster than this confirmation
            given_back = Run(replace(run.row, lease_until=now), run.parts)
            runs.append(published(view, run) if mark.published else given_back)
    return change_of(view, runs, now=now) if runs else None


def published(view: LedgerView, run: Run) -> Run:
    """A claim whose message is certainly out. Of what was decided otherwise nothing changes."""
    row = run.row
    if row.decision is not Decision.CLAIMED:
        return run
    still_open = 0 if row.run is None else 2 if row.open == 2 and exclusive(view) else 1
    return Run(replace(row, decision=Decision.PUBLISHED, lease_until=None, open=still_open), run.parts)
