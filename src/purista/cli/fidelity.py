"""``purista fidelity``: what each scheduler will really do with what is declared."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from purista.cli.adapters import ADAPTERS, adapter
from purista.cli.exits import CANNOT_CREATE, OK, PROBLEMS, USAGE, Stop
from purista.cli.output import Cell, Output, Row, iso, safe
from purista.contract.schedule import Schedule
from purista.fidelity import Cell as Judged
from purista.fidelity import Report, Verdict, herd, judge_fleet
from purista.fidelity import Row as JudgedRow
from purista.fidelity.words import in_words, long_words, moment, short_words
from purista.schedulers.base import Dialect

__all__ = ["Wish", "cell_document", "dialects_of", "fidelity", "judge"]

STYLES = {
    Verdict.REFUSED: "bold red", Verdict.MISSES: "red", Verdict.LATE: "yellow", Verdict.EXTRA: "cyan", Verdict.EXACT: "green",
}  # fmt: skip
ONE_SCREEN, REASONS = 16, 6
YEAR = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: which schedulers, how many years, in which form. Forms exclude each other."""

    schedulers: tuple[str, ...] = ()
    years: int = 2
    host_zone: str = "UTC"
    html: Path | None = None
    markdown: bool = False
    sarif: bool = False
    all_rows: bool = False


def dialects_of(names: Sequence[str], now: int, host_zone: str) -> Mapping[str, Dialect]:
    """A dialect of each scheduler that is named, or of all there are.

    :raises Stop: there is no such scheduler.
    """
    return {name: adapter(name).dialect(now, host_zone) for name in names or ADAPTERS}


def judge(schedules: Sequence[Schedule], wish: Wish, now: int, *, around: bool = False) -> Report:
    """The report from ``now`` (ms) on."""
    start = now // 1000 // 60 * 60
    dialects = dialects_of(wish.schedulers, start, wish.host_zone)
    end = start + wish.years * YEAR
    return judge_fleet(schedules, dialects, start, end, around=around, processes=min(4, os.cpu_count() or 1))


def fidelity(schedules: Sequence[Schedule], out: Output, wish: Wish, *, now: int) -> int:
    """Print the report; 1 when a scheduler misses or refuses anything.

    :raises Stop: forms that exclude each other, a scheduler that does not exist, a file that cannot be written.
    """
    if sum((out.as_json and not wish.sarif, wish.html is not None, wish.markdown, wish.sarif)) > 1:
        raise Stop(USAGE, "expected one of --json, --html, --markdown and --sarif, got several; leave out all but one")
    with out.progress("comparing"):
        report = judge(schedules, wish, now, around=wish.html is not None)
    if wish.sarif:
        from purista.cli.fidelity_sarif import document  # noqa: PLC0415 - only this form pays for it

        out.document(document(report))
    elif out.as_json:
        out.document(_document(report))
    elif wish.markdown:
        sys.stdout.write(_markdown(report))
    elif wish.html is not None:
        _write(report, schedules, wish.html)
        out.line(f"{len(report.rows)} schedules written to {wish.html}")
    else:
        _screen(report, out, all_rows=wish.all_rows)
    return PROBLEMS if report.failed else OK


def _write(report: Report, schedules: Sequence[Schedule], path: Path) -> None:
    from purista.fidelity.page import page  # noqa: PLC0415 - only this form pays for it

    try:
        path.write_text(page(report, herd(schedules, report.start)), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected a file that can be written, got {path}: {error.strerror}") from None


def _screen(report: Report, out: Output, *, all_rows: bool) -> None:
    if not report.rows:
        out.line("no schedules are declared")
        return
    shown = report.rows if all_rows else report.rows[:ONE_SCREEN]
    rows: list[Row] = [
        [row.key, *(Cell(short_words(report, one), STYLES[one.verdict]) for one in row.cells)] for row in shown
    ]
    out.table(["schedule", *report.schedulers], rows)
    if len(report.rows) > len(shown):
        out.line(f"and {len(report.rows) - len(shown)} more, none of them worse: --all shows them", "dim")
    out.line()
    reasons = list(_reasons(report))
    for key, one in reasons if all_rows else reasons[:REASONS]:
        out.line(f"{key} on {one.scheduler}: {long_words(report, one)}", STYLES[one.verdict])
    if len(reasons) > REASONS and not all_rows:
        out.line(f"and {len(reasons) - REASONS} more reasons: --all shows them", "dim")
    for name in report.schedulers:
        out.line(f"{name} after downtime: {report.after_downtime[name]}", "dim")
    for name in report.schedulers:
        out.line(f"{name} on overlap: {report.overlap[name]}", "dim")
    out.line(_summary(report), "red" if report.failed else "green")


def _reasons(report: Report) -> Iterator[tuple[str, Judged]]:
    """What needs a sentence: cells that are neither exact nor merely called too often, worst first."""
    found = [(row.key, one) for row in report.rows for one in row.cells]
    found = [(key, one) for key, one in found if one.verdict not in (Verdict.EXACT, Verdict.EXTRA)]
    yield from sorted(found, key=lambda pair: (pair[1].verdict.rank, -pair[1].missed, -pair[1].late_s))


def _summary(report: Report) -> str:
    counts = Counter(one.verdict for row in report.rows for one in row.cells)
    named = ", ".join(f"{counts[verdict]} {in_words(verdict)}" for verdict in Verdict if counts[verdict])
    span = f"{moment(report.start)[:10]} to {moment(report.end)[:10]}"
    return f"{len(report.rows)} schedules on {len(report.schedulers)} schedulers, {span}: {named}"


def _markdown(report: Report) -> str:
    def cell(text: str) -> str:
        shown = safe(text).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
        return shown.replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[")

    lines = ["| schedule | " + " | ".join(report.schedulers) + " |", "|---" * (len(report.schedulers) + 1) + "|"]
    lines += [
        "| " + " | ".join([cell(row.key), *(cell(short_words(report, one)) for one in row.cells)]) + " |"
        for row in report.rows
    ]
    lines += ["", cell(_summary(report)), ""]
    for key, one in _reasons(report):
        lines.append(f"- {cell(key)} on {one.scheduler}: {cell(long_words(report, one))}")
    return "\n".join(lines).rstrip() + "\n"


def _document(report: Report) -> dict[str, Any]:
    return {
        "ok": not report.failed, "from": iso(report.start * 1000), "to": iso(report.end * 1000),
        "schedulers": {
            name: {
                "ownCallsPerYear": report.own[name], "afterDowntime": report.after_downtime[name],
                "overlap": report.overlap[name],
            } for name in report.schedulers
        },
        "schedules": [_row_document(report, row) for row in report.rows],
    }  # fmt: skip


def _row_document(report: Report, row: JudgedRow) -> dict[str, Any]:
    return {
        "key": row.key, "timezone": row.timezone, "sentence": row.sentence, "worst": str(row.worst.verdict),
        "schedulers": {one.scheduler: cell_document(report, one) for one in row.cells},
    }  # fmt: skip


def cell_document(report: Report, one: Judged) -> dict[str, Any]:
    """One cell, as it is in ``--json``."""
    return {
        "verdict": str(one.verdict), "due": one.due, "entries": one.entries, "extraCalls": one.extra,
        "extraCallsPerYear": report.a_year(one.extra), "lateSeconds": one.late_s, "missed": one.missed,
        "misses": [
            {
                "at": iso(miss.at * 1000), "rule": str(miss.rule),
                "madeUpAt": None if miss.made_up_at is None else iso(miss.made_up_at * 1000),
            } for miss in one.misses
        ],
        "repaired": one.repaired, "repairedAt": [iso(at * 1000) for at in one.repaired_at],
        "reason": one.reason or None, "notes": list(one.notes),
    }  # fmt: skip
