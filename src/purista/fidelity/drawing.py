"""Drawings as SVG text: calls around a change of clocks, and how many schedules are due in each minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from purista.fidelity.herd import Herd
from purista.fidelity.model import Around

__all__ = ["busiest", "heat_map", "timeline"]

LABEL, WIDTH, LANE, TOP = 84, 640, 22, 26
CELL, EDGE = 10, 34
SHADES = 6


def timeline(around: Around, zone: ZoneInfo) -> str:
    """A lane for the contract and one for each scheduler; the dashed line is where clocks change. Short marks find
    nothing due.
    """
    lanes = [("contract", around.due), *around.calls.items()]
    height = TOP + LANE * len(lanes) + 4
    alt = f"calls around {around.day.date} ({around.day.kind})"
    parts = [f'<svg class="time" viewBox="0 0 {LABEL + WIDTH} {height}" role="img" aria-label="{escape(alt)}">']
    parts += _hours(around, zone, height)
    due = set(around.due)
    for number, (name, instants) in enumerate(lanes):
        middle = TOP + LANE * number + LANE // 2
        parts.append(f'<text x="0" y="{middle + 4}">{escape(name)}</text>')
        parts.append(f'<path class="lane" d="M{LABEL} {middle}h{WIDTH}"/>')
        hits = _ticks(around, [at for at in instants if at in due], middle, 7)
        extra = _ticks(around, [at for at in instants if at not in due], middle, 4)
        parts += [f'<path class="{"due" if number == 0 else "hit"}" d="{hits}"/>'] if hits else []
        parts += [f'<path class="extra" d="{extra}"/>'] if extra else []
        if number:
            missed = _crosses(around, sorted(due.difference(instants)), middle)
            parts += [f'<path class="missed" d="{missed}"/>'] if missed else []
    return "".join([*parts, "</svg>"])


def _x(around: Around, at: int) -> float:
    return round(LABEL + (at - around.start) / (around.end - around.start) * WIDTH, 1)


def _ticks(around: Around, instants: Sequence[int], middle: int, half: int) -> str:
    return "".join(f"M{_x(around, at):g} {middle - half}v{2 * half}" for at in instants)


def _crosses(around: Around, instants: Sequence[int], middle: int) -> str:
    """Where a call at that very instant is missing: it is late, or does not come."""
    return "".join(f"M{_x(around, at) - 4:g} {middle - 4}l8 8m0 -8l-8 8" for at in instants)


def _hours(around: Around, zone: ZoneInfo, height: int) -> Iterator[str]:
    """The wall clock along the top, hour by hour of elapsed time."""
    for at in range(around.start + 1_800, around.end, 3_600):
        shown = datetime.fromtimestamp(at, UTC).astimezone(zone)
        yield f'<text class="hour" x="{_x(around, at):g}" y="12">{shown:%H:%M}</text>'
    yield f'<path class="change" d="M{_x(around, around.day.at):g} 16V{height}"/>'


def heat_map(counts: Sequence[int], most: int, title: str) -> str:
    """Hours down, minutes across; the darker, the more are due. Equal shades are one path."""
    width, height = EDGE + 60 * CELL, 24 * CELL + 16
    parts = [f'<svg class="heat" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">']
    shades: list[list[str]] = [[] for _ in range(SHADES + 1)]
    for minute, count in enumerate(counts):
        shade = 0 if not count else max(1, min(SHADES, round((count / max(1, most)) ** 0.5 * SHADES)))
        x, y = EDGE + minute % 60 * CELL, minute // 60 * CELL
        shades[shade].append(f"M{x} {y}h{CELL - 1}v{CELL - 1}h-{CELL - 1}z")
    parts += [f'<path class="h{shade}" d="{"".join(cells)}"/>' for shade, cells in enumerate(shades) if cells]
    parts += [f'<text x="0" y="{hour * CELL + 9}">{hour:02}h</text>' for hour in range(0, 24, 3)]
    parts += [f'<text x="{EDGE + minute * CELL}" y="{height - 3}">:{minute:02}</text>' for minute in range(0, 60, 10)]
    return "".join([*parts, "</svg>"])


def busiest(found: Herd) -> tuple[int, int]:
    """The most that falls on one minute of the day, before and after."""
    return max(found.before), max(found.after)
