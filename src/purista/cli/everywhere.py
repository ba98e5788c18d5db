"""For ``purista explain KEY``: one schedule on every scheduler, and its next special days there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from purista.cli.fidelity import STYLES, Wish, cell_document, judge
from purista.cli.output import iso
from purista.contract.schedule import Schedule
from purista.fidelity import Around, Report
from purista.fidelity.words import long_words

__all__ = ["Everywhere"]

DAYS = 2


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A report about one schedule."""

    report: Report

    @classmethod
    def of(cls, schedule: Schedule, now: int) -> Everywhere:
        """Judge it from ``now`` (ms) on, for the years that the report covers by default."""
        return cls(judge([schedule], Wish(), now, around=True))

    def lines(self) -> Iterator[tuple[str, str]]:
        """Lines of text with their styles."""
        (row,) = self.report.rows
        for cell in row.cells:
            yield f"on {cell.scheduler}: {long_words(self.report, cell)}", STYLES[cell.verdict]
        for around in row.around[:DAYS]:
            told = ", ".join(f"{name} {_count(around, name)}" for name in around.calls)
            yield f"around {around.day.date} ({around.day.kind}, 3 h on either side): {told}", "yellow"

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        (row,) = self.report.rows
        return {
            "from": iso(self.report.start * 1000), "to": iso(self.report.end * 1000),
            "schedulers": {cell.scheduler: cell_document(self.report, cell) for cell in row.cells},
            "specialDays": [
                {
                    "date": str(around.day.date), "due": [iso(at * 1000) for at in around.due],
                    "calls": {name: [iso(at * 1000) for at in calls] for name, calls in around.calls.items()},
                } for around in row.around[:DAYS]
            ],
        }  # fmt: skip


def _count(around: Around, name: str) -> str:
    calls = set(around.calls[name])
    due = set(around.due)
    extra = len(calls - due)
    return f"{len(due & calls)} of {len(due)} called" + (f" and {extra} extra" if extra else "")
