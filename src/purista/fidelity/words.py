"""The report in words: short for a cell of a table, long for a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from purista.fidelity.model import Cell, Report, Rule, Verdict

__all__ = ["in_words", "long_words", "moment", "short_words"]

NAMED = 3
WHY = {
    Rule.GAP: "clocks are set forward there",
    Rule.OVERLAP: "clocks are set back there",
    Rule.SUB_MINUTE: "it is due more often than that scheduler calls",
    Rule.ROUNDING: "it lies between the instants that scheduler knows",
    Rule.HORIZON: "what was compiled ends before it; registering again extends it",
    Rule.FIELDS: "its fields do not say it",
}
_WORDS = {
    Verdict.REFUSED: "refused",
    Verdict.MISSES: "with misses",
    Verdict.LATE: "late",
    Verdict.EXTRA: "exact with extra calls dropped",
    Verdict.EXACT: "exact",
}


def in_words(verdict: Verdict) -> str:
    """What stands after a count of such cells."""
    return _WORDS[verdict]


def moment(at: int) -> str:
    """An instant, in UTC, to the second where it has one."""
    found = datetime.fromtimestamp(at, UTC)
    return f"{found:%Y-%m-%d %H:%M:%S}Z" if found.second else f"{found:%Y-%m-%d %H:%M}Z"


def short_words(report: Report, cell: Cell) -> str:
    """For a table."""
    if cell.verdict is Verdict.EXACT:
        return "exact" if cell.due else "never due"
    if cell.verdict is Verdict.EXTRA:
        return f"exact +{report.a_year(cell.extra)}/y"
    if cell.verdict is Verdict.LATE:
        return f"late {cell.late_s} s"
    return f"misses {cell.missed}" if cell.verdict is Verdict.MISSES else "refused"


def long_words(report: Report, cell: Cell) -> str:
    """For a person who looks at this one cell."""
    if cell.verdict is Verdict.REFUSED:
        return f"refused, {cell.reason}" if cell.reason else "refused"
    parts = []
    if cell.missed:
        parts.append(f"no call in time for {cell.missed} of {cell.due}: {_misses(cell)}")
    if cell.late_s:
        parts.append(f"called up to {cell.late_s} s late")
    if cell.extra:
        parts.append(f"{report.a_year(cell.extra)} extra calls a year find nothing due and are dropped")
    if not (cell.missed or cell.late_s):
        parts.insert(0, f"exact, {cell.due} instants" if cell.due else "never due in this time")
    if cell.repaired:
        shown = ", ".join(moment(at) for at in cell.repaired_at[:NAMED])
        more = ", …" if cell.repaired > NAMED else ""
        parts.append(f"{cell.repaired} instants only because of its further entries ({shown}{more})")
    return "; ".join(parts)


def _misses(cell: Cell) -> str:
    shown = []
    for miss in cell.misses[:NAMED]:
        then = "no later call" if miss.made_up_at is None else f"decided at {moment(miss.made_up_at)}"
        shown.append(f"{moment(miss.at)} ({miss.rule}: {WHY[miss.rule]}; {then})")
    return ", ".join(shown) + (", …" if cell.missed > NAMED else "")
