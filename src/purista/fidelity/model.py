"""The report: for each schedule and scheduler one verdict, and what it rests on. Instants are epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from purista.recurrence import SpecialDay

__all__ = ["Around", "Cell", "Miss", "Report", "Row", "Rule", "Verdict"]


class Verdict(StrEnum):
    """From worst to best."""

    REFUSED = "refused"
    MISSES = "misses"
    LATE = "late"
    EXTRA = "extra"
    EXACT = "exact"

    @property
    def rank(self) -> int:
        """0 is worst."""
        return list(Verdict).index(self)


class Rule(StrEnum):
    """Why a scheduler has no call for an instant."""

    GAP = "gap"  # clocks are set forward there
    OVERLAP = "overlap"  # clocks are set back there
    SUB_MINUTE = "sub-minute"  # due more often than it can call
    ROUNDING = "rounding"  # it lies between the instants that it knows
    HORIZON = "horizon"  # what was compiled ends before
    FIELDS = "fields"  # its fields do not say it


@dataclass(frozen=True, slots=True)
class Miss:
    """A due instant without a call in time. ``made_up_at``: the next call, at which the gateway decides it; None: none seen."""

    at: int
    rule: Rule
    made_up_at: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One schedule on one scheduler.

    ``late_s`` is the greatest distance to the call that decides an instant; ``extra`` counts calls that find nothing due.
    ``misses`` has the first of ``missed``. ``repaired``: due instants that only entries beside the main one bring (None: one
    entry does it all, and what it would be without repair cannot be told from outside).
    """

    scheduler: str
    verdict: Verdict
    due: int = 0
    entries: int = 0
    extra: int = 0
    late_s: int = 0
    missed: int = 0
    misses: tuple[Miss, ...] = ()
    repaired: int | None = None
    repaired_at: tuple[int, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What happens around a change of clocks that meets the schedule: due instants, and each scheduler's calls."""

    day: SpecialDay
    start: int
    end: int
    due: Sequence[int]
    calls: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Row:
    """One schedule on every scheduler."""

    key: str
    timezone: str
    sentence: str
    cells: tuple[Cell, ...]
    around: tuple[Around, ...] = ()

    @property
    def worst(self) -> Cell:
        """The cell that most needs looking at."""
        return min(self.cells, key=lambda cell: (cell.verdict.rank, -cell.missed, -cell.late_s, -cell.extra))


@dataclass(frozen=True, slots=True)
class Report:
    """Every schedule on every scheduler in ``[start, end)``, worst first. ``own`` are calls a year of entries that belong to no
    schedule; ``after_downtime`` and ``overlap`` are what the adapters state.
    """

    start: int
    end: int
    schedulers: tuple[str, ...]
    rows: tuple[Row, ...]
    own: Mapping[str, int] = field(default_factory=dict)
    after_downtime: Mapping[str, str] = field(default_factory=dict)
    overlap: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether anything is missed or refused."""
        return any(cell.verdict in (Verdict.REFUSED, Verdict.MISSES) for row in self.rows for cell in row.cells)

    def a_year(self, count: int) -> int:
        """A count of the span as so many a year."""
        return round(count * 365.25 * 86_400 / max(1, self.end - self.start))
