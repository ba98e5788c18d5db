"""A whole fleet: equal rules are judged once, many in several processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from purista.contract.schedule import Schedule
from purista.fidelity.judge import TAIL, Tally, merged, predictions, windows
from purista.fidelity.model import Around, Cell, Report, Row, Verdict
from purista.recurrence import Recurrence
from purista.schedulers.base import Compiled, Dialect, Entry, Finding, Owner, Severity
from purista.schedulers.support import Feature

__all__ = ["judge_fleet"]

OWNER = Owner("fidelity", "production", "fidelity")
HOURS = 3_600
BESIDE = 3 * HOURS
"""How much is shown on either side of a change of clocks."""
YEAR = 366 * 86_400
BATCH = 100
"""Rules judged together: what is kept in memory at a time, and what a process is given."""
MANY = 400
"""Fewer rules than this are not worth starting processes for."""

Meaning = tuple[Recurrence, int | None, bool]
Group = list[Schedule]


def judge_fleet(
    schedules: Sequence[Schedule],
    dialects: Mapping[str, Dialect],
    start: int,
    end: int,
    *,
    around: bool = False,
    processes: int = 1,
) -> Report:
    """Compile, predict and compare. ``around`` also keeps what happens around changes of clocks, for drawing it."""
    groups = _by_meaning(schedules)
    batches = [groups[number : number + BATCH] for number in range(0, len(groups), BATCH)]
    rows: list[Row] = []
    if processes > 1 and len(groups) >= MANY:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            tasks = [pool.submit(_judge_batch, batch, dialects, start, end, around=around) for batch in batches]
            for task in tasks:
                rows += task.result()
    else:
        for batch in batches:
            rows += _judge_batch(batch, dialects, start, end, around=around)
    rows.sort(key=lambda row: (row.worst.verdict.rank, -row.worst.missed, -row.worst.late_s, -row.worst.extra, row.key))
    return Report(
        start, end, tuple(dialects), tuple(rows), _own(schedules, dialects, start),
        {name: dialect.support[Feature.DOWNTIME].note for name, dialect in dialects.items()},
        {name: dialect.support[Feature.CONCURRENCY].note for name, dialect in dialects.items()},
    )  # fmt: skip


def _by_meaning(schedules: Iterable[Schedule]) -> list[Group]:
    """Those with equal rules and jitter together: a scheduler is called for them at the same instants."""
    groups: dict[Meaning, Group] = defaultdict(list)
    for schedule in schedules:
        groups[schedule.recurrence(), schedule.jitter_window_ms, schedule.enabled_by_default].append(schedule)
    return list(groups.values())


def _own(schedules: Sequence[Schedule], dialects: Mapping[str, Dialect], start: int) -> dict[str, int]:
    """Calls a year of entries that ask for no schedule."""
    found = {}
    for name, dialect in dialects.items():
        entries = [entry for entry in dialect.compile(OWNER, schedules[:1]).entries if entry.sweep]
        found[name] = sum(len(dialect.predict(entry, start, start + YEAR)) for entry in entries)
    return found


def _judge_batch(
    groups: Sequence[Group], dialects: Mapping[str, Dialect], start: int, end: int, *, around: bool
) -> list[Row]:
    members = [schedule for group in groups for schedule in group]
    compiled = {name: dialect.compile(OWNER, members) for name, dialect in dialects.items()}
    parts = {name: _Parts(one) for name, one in compiled.items()}
    return [row for group in groups for row in _rows(group, dialects, parts, start, end, around=around)]


class _Parts:
    """What a dialect made, by key."""

    def __init__(self, compiled: Compiled) -> None:
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.findings: dict[str, list[Finding]] = defaultdict(list)
        for entry in compiled.entries:
            for key in entry.keys:
                self.entries[key].append(entry)
        for finding in compiled.findings:
            self.findings[finding.key].append(finding)

    def refusal(self, key: str) -> Finding | None:
        """Why there is no entry for it; a refusal without a key is meant for all."""
        said = (*self.findings.get(key, ()), *self.findings.get("", ()))
        return next((finding for finding in said if finding.severity is Severity.REFUSED), None)


def _rows(
    group: Group, dialects: Mapping[str, Dialect], parts: Mapping[str, _Parts], start: int, end: int, *, around: bool
) -> Iterator[Row]:
    """The group's rows: the first that is not refused is judged, the others are given its verdict."""
    rule = group[0].recurrence()
    entries: dict[str, list[Entry]] = {}
    for name, part in parts.items():
        carried = next((one.key for one in group if not part.refusal(one.key)), None)
        if carried is not None:
            entries[name] = part.entries.get(carried, [])
    tallies = _tallies(rule, dialects, entries, start, end)
    drawn = tuple(_around(rule, dialects, entries, start, end)) if around else ()
    sentence = rule.explain().sentence
    for schedule in group:
        cells = [_cell(name, schedule.key, parts[name], tallies.get(name), entries.get(name, [])) for name in dialects]
        yield Row(schedule.key, schedule.timezone, sentence, tuple(cells), drawn)


def _cell(name: str, key: str, part: _Parts, tally: Tally | None, entries: Sequence[Entry]) -> Cell:
    refusal = part.refusal(key)
    if refusal is not None or tally is None:
        return Cell(name, Verdict.REFUSED, reason=f"{refusal.code}: {refusal.message}" if refusal else "")
    notes = tuple(f"{finding.code}: {finding.message}" for finding in part.findings.get(key, ()))
    return tally.cell(name, len(entries), notes)


def _tallies(
    rule: Recurrence, dialects: Mapping[str, Dialect], entries: Mapping[str, Sequence[Entry]], start: int, end: int
) -> dict[str, Tally]:
    tallies = {name: Tally(rule) for name in entries}
    for low, high in windows(rule, start, end):
        due = rule.timestamps(low, high)
        for name, tally in tallies.items():
            found = predictions(dialects[name], entries[name], low, high + TAIL)
            tally.compare(due, merged(found), high)
            if len(found) > 1:
                tally.repair(due, found)
    return tallies


def _around(
    rule: Recurrence, dialects: Mapping[str, Dialect], entries: Mapping[str, Sequence[Entry]], start: int, end: int
) -> Iterator[Around]:
    for day in rule.special_days(start, end):
        low, high = day.at - BESIDE, day.at + BESIDE
        calls = {name: tuple(merged(predictions(dialects[name], own, low, high))) for name, own in entries.items()}
        yield Around(day, low, high, tuple(rule.timestamps(low, high)), calls)
