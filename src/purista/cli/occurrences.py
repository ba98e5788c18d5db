"""``purista next`` and ``purista explain``: what a recurrence yields, also around changes of the clocks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from purista.cli.exits import USAGE, Stop
from purista.cli.output import Cell, Output, Row, iso
from purista.cli.when import ClockChange, Kind, clock_changes, clock_effect, local, utc, zone_of
from purista.cli.words import policies
from purista.clock import to_datetime
from purista.contract.schedule import Schedule
from purista.errors import DeclarationError
from purista.recurrence import Cron, Recurrence

if TYPE_CHECKING:
    from purista.cli.everywhere import Everywhere

__all__ = ["Rule", "ad_hoc", "explain", "of_schedules", "show_around", "show_next"]

TWO_YEARS = 2 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence with its name, its zone, and its contract if it has one."""

    key: str
    recurrence: Recurrence
    zone: ZoneInfo
    schedule: Schedule | None = None


def of_schedules(schedules: Sequence[Schedule]) -> list[Rule]:
    """The rules of contracts."""
    return [Rule(s.key, s.recurrence(), zone_of(s.timezone), s) for s in schedules]


def ad_hoc(expression: str, timezone: str) -> Rule:
    """A cron expression from the command line.

    :raises Stop: it cannot be read.
    """
    zone = zone_of(timezone)
    try:
        return Rule(expression, Recurrence(Cron(expression), timezone=timezone), zone)
    except DeclarationError as error:
        raise Stop(USAGE, f"--cron: {error}") from None


def show_next(rules: Sequence[Rule], out: Output, *, start: int, count: int) -> None:
    """The next ``count`` occurrences after ``start`` (ms) of each rule."""
    found = [(rule, list(itertools.islice(_after(rule.recurrence, start // 1000), count))) for rule in rules]
    if out.as_json:
        documents = [{**_name(rule), "occurrences": [_document(rule, t) for t in times]} for rule, times in found]
        out.document({"from": iso(start), "schedules": documents})
        return
    several = len(found) > 1
    rows: list[Row] = []
    for rule, times in found:
        cells = [_cells(rule, t) for t in times] or [[Cell("never again", "dim"), Cell(""), Cell("")]]
        rows += [[*([rule.key] if several else []), *row] for row in cells]
    if not several and found:
        out.line(f"{found[0][0].key} ({found[0][0].zone.key})", "bold")
    out.table([*(["schedule"] if several else []), "local", "utc", "note"], rows)
    if not found:
        out.line("no schedules are declared")


def show_around(rules: Sequence[Rule], out: Output, *, start: int, count: int) -> None:
    """Occurrences before and after the next change of the clocks in each direction, as each rule's zone has them."""
    each = max(1, -(-count // 2))
    found = [(rule, [(c, _around(rule.recurrence, c.at, each)) for c in _next_changes(rule, start)]) for rule in rules]
    if out.as_json:
        out.document({"from": iso(start), "schedules": [_around_document(rule, changes) for rule, changes in found]})
        return
    for index, (rule, changes) in enumerate(found):
        if index:
            out.line()
        out.line(f"{rule.key} ({rule.zone.key})", "bold")
        if not changes:
            out.line(f"the clocks of {rule.zone.key} do not change in the next two years")
        for change, times in changes:
            out.line(f"{change.sentence()} ({utc(change.at * 1000)})", "yellow")
            for effect in _effects(rule, change):
                out.line(effect, "yellow")
            out.table(["local", "utc", "note"], [_cells(rule, t) for t in times])


def _around_document(rule: Rule, changes: Sequence[tuple[ClockChange, list[int]]]) -> dict[str, Any]:
    return {
        **_name(rule),
        "changes": [
            {
                "at": iso(change.at * 1000),
                "kind": str(change.kind),
                "offsetBeforeSeconds": int(change.before.total_seconds()),
                "offsetAfterSeconds": int(change.after.total_seconds()),
                "effect": next(_effects(rule, change), None),
                "occurrences": [_document(rule, t) for t in times],
            }
            for change, times in changes
        ],
    }


def _effects(rule: Rule, change: ClockChange) -> Iterator[str]:
    return (day.effect for day in rule.recurrence.special_days(change.at, change.at + 1))


def _next_changes(rule: Rule, start: int) -> list[ClockChange]:
    """The first gap and the first overlap within two years, in order."""
    first: dict[Kind, ClockChange] = {}
    for change in clock_changes(rule.zone, start // 1000, start // 1000 + TWO_YEARS):
        first.setdefault(change.kind, change)
        if len(first) == 2:
            break
    return sorted(first.values(), key=lambda change: change.at)


def _around(recurrence: Recurrence, at: int, each: int) -> list[int]:
    before: list[int] = []
    instant: int | None = at
    while instant is not None and len(before) < each:
        instant = recurrence.previous_timestamp(instant)
        before += [] if instant is None else [instant]
    return [*reversed(before), *itertools.islice(_after(recurrence, at - 1), each)]


def _after(recurrence: Recurrence, instant: int) -> Iterator[int]:
    following = recurrence.next_timestamp(instant)
    while following is not None:
        yield following
        following = recurrence.next_timestamp(following)


def _everywhere(schedule: Schedule, now: int) -> Everywhere:
    from purista.cli.everywhere import Everywhere  # noqa: PLC0415 - only who asks for one schedule pays for it

    return Everywhere.of(schedule, now)


def _name(rule: Rule) -> dict[str, Any]:
    return {"key": rule.key, "timezone": rule.zone.key}


def _document(rule: Rule, instant: int) -> dict[str, Any]:
    wall = to_datetime(instant * 1000).astimezone(rule.zone).isoformat()
    note = clock_effect(rule.zone, instant)
    return {"scheduledAt": iso(instant * 1000), "local": wall, "note": note or None}


def _cells(rule: Rule, instant: int) -> list[Cell]:
    note = clock_effect(rule.zone, instant)
    return [Cell(local(instant * 1000, rule.zone)), Cell(utc(instant * 1000), "dim"), Cell(note, "yellow")]


def explain(rules: Sequence[Rule], out: Output, *, now: int, everywhere: bool = False) -> None:
    """Each rule in a sentence, its policies in plain words, the days on which the clocks touch it. ``everywhere``: also what
    each scheduler does with it.
    """
    if out.as_json:
        out.document({"at": iso(now), "schedules": [_explained(rule, now, everywhere=everywhere) for rule in rules]})
        return
    for index, rule in enumerate(rules):
        if index:
            out.line()
        _show_explained(rule, out, now, everywhere=everywhere)
    if not rules:
        out.line("no schedules are declared")


def _explained(rule: Rule, now: int, *, everywhere: bool) -> dict[str, Any]:
    explained = rule.recurrence.explain(to_datetime(now))
    words = [] if rule.schedule is None else policies(rule.schedule)
    days = [(str(day.date), str(day.kind), day.effect) for day in explained.special_days]
    return {
        **_name(rule),
        "description": rule.schedule and rule.schedule.description,
        "sentence": explained.sentence,
        "policies": [{"topic": topic, "sentence": sentence} for topic, sentence in words],
        "specialDays": [{"date": date, "kind": kind, "effect": effect} for date, kind, effect in days],
        **({"fidelity": _everywhere(rule.schedule, now).document()} if everywhere and rule.schedule else {}),
    }


def _show_explained(rule: Rule, out: Output, now: int, *, everywhere: bool) -> None:
    explained = rule.recurrence.explain(to_datetime(now))
    out.line(rule.key, "bold")
    if rule.schedule is not None and rule.schedule.description:
        out.line(f"  {rule.schedule.description}", "dim")
    out.line(f"  {explained.sentence}")
    for topic, sentence in [] if rule.schedule is None else policies(rule.schedule):
        out.line(f"  {topic}: {sentence}")
    for day in explained.special_days:
        out.line(f"  {day.date}: {day.effect}", "yellow")
    for line, style in _everywhere(rule.schedule, now).lines() if everywhere and rule.schedule else ():
        out.line(f"  {line}", style)
