"""The report as one page: nothing is fetched, no script runs, every text is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from purista.fidelity.drawing import busiest, heat_map, timeline
from purista.fidelity.herd import Herd
from purista.fidelity.model import Cell, Report, Row, Verdict
from purista.fidelity.words import in_words, long_words, moment, short_words
from purista.recurrence import get_zone

__all__ = ["page"]

CLASSES = {verdict: "extra-calls" if verdict is Verdict.EXTRA else str(verdict) for verdict in Verdict}
OPENED = 3
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Report, found: Herd) -> str:
    """The whole page."""
    style = files("purista.fidelity").joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Fidelity</title>',
        f"<style>{style}</style></head><body>",
        *_head(report),
        *_table(report),
        *_schedulers(report),
        *_heat(found),
        *_changes(report),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _text(text: object) -> str:
    """Escaped, and without anything that could turn text around."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))
    return escape(shown)


def _head(report: Report) -> Iterator[str]:
    counts = Counter(cell.verdict for row in report.rows for cell in row.cells)
    named = " · ".join(
        f'<span class="{CLASSES[verdict]}">{counts[verdict]} {in_words(verdict)}</span>'
        for verdict in Verdict
        if counts[verdict]
    )
    yield "<h1>What each scheduler will really do</h1>"
    yield (
        f'<p class="dim">{len(report.rows)} schedules on {len(report.schedulers)} schedulers, '
        f"{moment(report.start)} to {moment(report.end)}</p><p>{named}</p>"
    )


def _table(report: Report) -> Iterator[str]:
    yield '<h2>Worst first</h2><div class="wide"><table><thead><tr><th>schedule</th>'
    yield "".join(f"<th>{_text(name)}</th>" for name in report.schedulers) + "</tr></thead><tbody>"
    for row in report.rows:
        cells = "".join(_cell(report, cell) for cell in row.cells)
        key = _text(row.key).replace("/", "/<wbr>")
        yield f'<tr><th title="{_text(row.sentence)}">{key}</th>{cells}</tr>'
    yield "</tbody></table></div>"
    yield (
        '<p class="dim">“exact +365/y”: every instant has its call; 365 calls a year more find nothing due and are '
        "dropped by the gateway.</p>"
    )
    reasons = [
        f'<li class="{CLASSES[cell.verdict]}">{_text(f"{row.key} on {cell.scheduler}: {long_words(report, cell)}")}</li>'
        for row in report.rows
        for cell in row.cells
        if cell.verdict in (Verdict.REFUSED, Verdict.MISSES, Verdict.LATE)
    ]
    if reasons:
        yield f"<h2>Why</h2><ul>{''.join(reasons)}</ul>"


def _cell(report: Report, cell: Cell) -> str:
    words = _text(long_words(report, cell))
    return f'<td class="{CLASSES[cell.verdict]}" title="{words}">{_text(short_words(report, cell))}</td>'


def _schedulers(report: Report) -> Iterator[str]:
    yield "<h2>After downtime, and on overlap</h2><ul>"
    for name in report.schedulers:
        own = f" Its own entries call {report.own[name]:,} times a year." if report.own[name] else ""
        yield (
            f"<li><b>{_text(name)}</b>. After downtime: {_text(report.after_downtime[name])}. On overlap: "
            f"{_text(report.overlap[name])}.{own}</li>"
        )
    yield "</ul>"


def _heat(found: Herd) -> Iterator[str]:
    before, after = busiest(found)
    yield f"<h2>The herd</h2><p>Due in each minute of the day (UTC), in {found.days} days.</p><div class='maps'>"
    for counts, title in (
        (found.before, f"As declared: at most {before} in one minute of the day"),
        (found.after, f"With a jitter window of {found.window_s // 60} min, or the schedule's own: at most {after}"),
    ):
        yield f"<div><h3>{_text(title)}</h3>{heat_map(counts, before, title)}</div>"
    yield "</div>"


def _changes(report: Report) -> Iterator[str]:
    """Schedules that clocks touch; those that are called at the same instants share their drawings."""
    shared: dict[tuple[str, str], list[Row]] = {}
    for row in report.rows:
        if row.around:
            shared.setdefault((row.sentence, row.timezone), []).append(row)
    if not shared:
        return
    yield "<h2>Around changes of clocks</h2>"
    yield (
        '<p class="key"><span><b>|</b> due</span><span class="exact"><b>|</b> called</span>'
        '<span class="extra-calls"><b>|</b> called, nothing due</span><span class="misses"><b>×</b> no call then</span></p>'
    )
    for number, rows in enumerate(shared.values()):
        yield f"<details{' open' if number < OPENED else ''}><summary>{_text(', '.join(row.key for row in rows))}</summary>"
        yield f'<p class="dim">{_text(rows[0].sentence)}</p>'
        for one in rows[0].around:
            drawn = timeline(one, get_zone(rows[0].timezone))
            yield f'<h3>{one.day.date}: {_text(one.day.effect)}</h3><div class="scroll">{drawn}</div>'
        yield "</details>"
