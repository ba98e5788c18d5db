"""``purista check --tzdata OLD NEW``: what an update of the tz database does to the app's schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from purista.app import App
from purista.cli.exits import OK, PROBLEMS, USAGE, Stop
from purista.cli.find import schedules_of
from purista.cli.output import Cell, Output, Row, iso
from purista.cli.when import local
from purista.contract.schedule import Schedule
from purista.errors import InvalidTimezone
from purista.recurrence.edition import Edition, days_that_differ
from purista.recurrence.zone import ZoneTable

__all__ = ["check_tzdata"]

DAY = 86_400
EXAMPLES = 3


@dataclass(slots=True)
class _Affected:
    """A date that loses as many instants as it gains has them moved, in order; else they vanish and appear."""

    schedule: Schedule
    tables: tuple[ZoneTable | None, ZoneTable | None]
    moving: list[tuple[int, int]]
    vanishing: list[int]
    appearing: list[int]

    @property
    def missing(self) -> str:
        """Which edition does not have the zone, if one does not."""
        return next((name for name, table in zip(("OLD", "NEW"), self.tables, strict=True) if table is None), "")


def check_tzdata(app: App, out: Output, old: Path, new: Path, *, now: int, days: int) -> int:
    """Print which schedules an update from ``old`` to ``new`` affects from ``now`` (ms) on; 1 when there are some.

    :raises Stop: one of the folders has no zones.
    """
    editions = [_edition(path) for path in (old, new)]
    schedules = schedules_of(app)
    start = now // 1000
    affected = []
    with out.counted("comparing", len(schedules)) as step:
        for schedule in schedules:
            one = _affected(schedule, editions, start, start + days * DAY)
            if one is not None:
                affected.append(one)
            step(schedule.key)
    if out.as_json:
        out.document(_document(editions, len(schedules), affected, days))
    else:
        _show(out, editions, len(schedules), affected, days)
    return PROBLEMS if affected else OK


def _edition(path: Path) -> Edition:
    try:
        return Edition(path)
    except InvalidTimezone as error:
        raise Stop(USAGE, f"--tzdata: {error}") from None


def _affected(schedule: Schedule, editions: Sequence[Edition], start: int, end: int) -> _Affected | None:
    old, new = (edition.table(schedule.timezone) for edition in editions)
    found = _Affected(schedule, (old, new), [], [], [])
    if old is None or new is None:
        return found if old is not new else None
    for gone, fresh in days_that_differ(schedule.recurrence(), old, new, start, end):
        if len(gone) == len(fresh):
            found.moving += zip(gone, fresh, strict=True)
        else:
            found.vanishing += gone
            found.appearing += fresh
    return found if found.moving or found.vanishing or found.appearing else None


def _show(out: Output, editions: Sequence[Edition], total: int, affected: Sequence[_Affected], days: int) -> None:
    rows: list[Row] = [
        [one.schedule.key, one.schedule.timezone, Cell(_sum(one), "red" if one.missing else "yellow")]
        for one in affected
    ]
    out.table(["schedule", "zone", f"in the next {days} days"], rows)
    for one in affected:
        for line in _examples(one):
            out.line(f"{one.schedule.key}: {line}")
    named = " → ".join(f"{edition.version or 'unknown version'} ({edition.folder})" for edition in editions)
    words = f"{len(affected)} of {total} schedule{'' if total == 1 else 's'} affected"
    out.line(f"{named}: {words}", "yellow" if affected else "green")
    if affected:
        out.line(
            "update scheduler hosts, gateways and workers together, then apply again: entries are made by zone data"
        )


def _sum(one: _Affected) -> str:
    if one.missing:
        return f"{one.missing} has no such zone"
    counts = [(len(one.moving), "move"), (len(one.vanishing), "vanish"), (len(one.appearing), "appear")]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _examples(one: _Affected) -> list[str]:
    """The first few, each as the edition it belongs to shows it."""
    old, new = one.tables
    if old is None or new is None:
        return []
    lines = [f"moves   {local(a * 1000, old.zone)} → {local(b * 1000, new.zone)}" for a, b in one.moving[:EXAMPLES]]
    lines += [f"vanish  {local(at * 1000, old.zone)}" for at in one.vanishing[:EXAMPLES]]
    return lines + [f"appear  {local(at * 1000, new.zone)}" for at in one.appearing[:EXAMPLES]]


def _document(editions: Sequence[Edition], total: int, affected: Sequence[_Affected], days: int) -> dict[str, Any]:
    old, new = ({"folder": str(edition.folder), "version": edition.version} for edition in editions)
    return {
        "ok": not affected, "old": old, "new": new, "days": days, "schedules": total,
        "affected": [
            {
                "key": one.schedule.key, "timezone": one.schedule.timezone, "missingIn": one.missing or None,
                "moving": [{"from": iso(a * 1000), "to": iso(b * 1000)} for a, b in one.moving],
                "vanishing": [iso(at * 1000) for at in one.vanishing],
                "appearing": [iso(at * 1000) for at in one.appearing],
            }
            for one in affected
        ],
    }  # fmt: skip
