"""What happened in a world, in order: faults, calls, decisions and work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from purista.ledgers.base import Decision, Run, RunState
from purista.simulation.journal import Journal

__all__ = ["Line", "timeline"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``at`` is true time, ``wall`` the host's clock (ms); ``due`` the occurrence's instant, if it has one."""

    at: int
    wall: int
    what: str
    key: str = ""
    due: int | None = None
    detail: str = ""


def timeline(journal: Journal, runs: Sequence[Run]) -> list[Line]:
    """Everything, in true time."""
    lines = [Line(e.at, e.wall, e.what, e.key, None, e.detail) for e in journal.events]
    for work in journal.work:
        lines.append(Line(work.begin, work.wall, "begins", work.key, work.scheduled_at, f"in {work.process}"))
        if work.end is not None:
            took, wall = f"after {(work.end - work.begin) / 1000:g} s", work.wall + work.end - work.begin
            lines.append(Line(work.end, wall, work.outcome, work.key, work.scheduled_at, f"{took} in {work.process}"))
    lines += _decisions(journal, runs)
    return sorted(lines, key=lambda line: (line.at, _rank(line.what)))


def _rank(what: str) -> int:
    """Within one instant: what is called, then what is decided about it, then what comes of that."""
    if what.startswith(("called", "call lost", "clock")):
        return 0
    return {"begins": 2, "process died": 4}.get(what, 3 if what.startswith("run ") else 1 if what in _DECISIONS else 2)


_DECISIONS = set(Decision)


def _decisions(journal: Journal, runs: Sequence[Run]) -> Iterator[Line]:
    """The ledger knows the host's clock only; when that was, the jumps tell."""
    offsets = [(0, 0)] + [(e.at, e.wall - e.at) for e in journal.events if e.what == "clock jumped"]
    spans = [(at, end, offset) for (at, offset), (end, _) in zip(offsets, [*offsets[1:], (2**62, 0)], strict=True)]

    def true(wall: int) -> int:
        return next((wall - offset for at, end, offset in spans if at <= wall - offset <= end), wall)

    for run in runs:
        row = run.row
        count = f" ({row.count} at once)" if row.count > 1 else ""
        yield Line(
            true(row.decided_at), row.decided_at, str(row.decision), row.key, row.scheduled_at, row.reason + count
        )
        if row.run not in (None, RunState.OPEN) and row.run_ended_at is not None:
            at, detail = row.run_ended_at, row.run_detail or ""
            yield Line(true(at), at, f"run {row.run}", row.key, row.scheduled_at, detail)
