"""Cron in a zone: local times → instants, as Debian cron does it.

A job with fixed times runs once for each of its local times: right after the gap for those that a gap swallows, in the first
pass for those that come twice. A wildcard job follows elapsed time: it runs whenever the wall clock, as it stands, matches.
Both hold for gaps and overlaps of any length (Debian's own handling stops at three hours).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import repeat

from purista.recurrence.cron import Cron
from purista.recurrence.cron_walk import labels_between, next_label, previous_label
from purista.recurrence.zone import FIRST, LAST, ZoneTable

__all__ = ["instants_between", "is_sparse", "next_instant", "previous_instant"]

_SPARSE = 48  # occurrences in a year


def next_instant(cron: Cron, table: ZoneTable, after: int) -> int | None:
    """The first occurrence after ``after`` (epoch seconds), None when there is none before 2200."""
    if not FIRST <= after < LAST:
        if after >= LAST:
            return None
        after = FIRST - 1
    begin, end, number = table.hint
    if not begin <= after < end:
        begin, end, number = table.look_up(after)
    offset = table.offsets[number]
    local = after + 1 + offset
    if not cron.is_wildcard and number and local < table.passed[number - 1]:
        local = table.passed[number - 1]  # a repetition: these local times are over
    label = next_label(cron, local)
    if label is None:
        return None
    instant = label - offset
    if instant >= end:
        if cron.is_wildcard:
            return _next_wildcard(cron, table, table.starts[number + 1], number + 1)
        instant = table.first_pass(label)
    return instant if instant < LAST else None


def _next_wildcard(cron: Cron, table: ZoneTable, start: int, number: int) -> int | None:
    """The first match of an elapsed-time job from the beginning of segment ``number`` on."""
    while True:
        label = next_label(cron, start + table.offsets[number])
        if label is None:
            return None
        instant = label - table.offsets[number]
        number += 1
        if number >= len(table.starts) or instant < table.starts[number]:
            return instant if instant < LAST else None
        start = table.starts[number]


def previous_instant(cron: Cron, table: ZoneTable, before: int) -> int | None:
    """The last occurrence before ``before`` (epoch seconds), None when there is none since 1970."""
    last = min(before, LAST) - 1
    number = table.segment(last)
    while last >= FIRST:
        begin = table.starts[number]
        offset = table.offsets[number]
        label = previous_label(cron, last + offset)
        if label is not None and cron.is_wildcard:
            if label - offset >= begin:
                return label - offset if label - offset >= FIRST else None
        elif label is not None:
            found = _fixed_in_segment(table, number, label)
            if found is not None:
                return found if found >= FIRST else None
        last, number = begin - 1, number - 1
    return None


def _fixed_in_segment(table: ZoneTable, number: int, label: int) -> int | None:
    """The instant of a fixed job's label when it belongs to this segment; None when it was over before."""
    passed = table.passed[number - 1] if number else -(1 << 60)
    if label < passed:
        return None
    return max(label - table.offsets[number], table.starts[number])


def instants_between(cron: Cron, table: ZoneTable, start: int, end: int) -> list[int]:
    """All occurrences in ``[start, end)`` (epoch seconds), in order."""
    start, end = max(start, FIRST), min(end, LAST)
    if end <= start:
        return []
    first, last = table.segment(start), table.segment(end - 1)
    if first == last:
        return _segment(cron, table, first, start, end)
    if is_sparse(cron):
        return _sparse(cron, table, start, end)
    found: list[int] = []
    for number in range(first, last + 1):
        begin = max(start, table.starts[number])
        finish = min(end, table.starts[number + 1]) if number + 1 < len(table.starts) else end
        found += _segment(cron, table, number, begin, finish)
    return found


def _segment(cron: Cron, table: ZoneTable, number: int, start: int, end: int) -> list[int]:
    offset = table.offsets[number]
    local, until = start + offset, end + offset
    if cron.is_wildcard or not number:
        return (
            [label - offset for label in labels_between(cron, local, until)]
            if offset
            else labels_between(cron, local, until)
        )
    passed = table.passed[number - 1]
    instants = labels_between(cron, max(local, passed), until)
    if offset:
        instants = [label - offset for label in instants]
    opening = table.starts[number]
    if start == opening and passed < local and (not instants or instants[0] != opening):
        skipped = next_label(cron, passed)
        if skipped is not None and skipped < local:
            instants.insert(0, opening)
    return instants


def is_sparse(cron: Cron) -> bool:
    """Whether occurrences are so few that mapping them one by one is cheaper than walking the zone's segments."""
    return not cron.is_wildcard and cron.days_in_year * len(cron.seconds) <= _SPARSE


def _sparse(cron: Cron, table: ZoneTable, start: int, end: int) -> list[int]:
    offsets, starts, shown = table.offsets, table.starts, table.shown
    labels = labels_between(cron, start + table.low, end + table.high)
    numbers = map(bisect_right, repeat(table.passed), labels)  # ZoneTable.first_pass of them all, without the calls
    found = [
        label - offsets[number] if label >= shown[number] else starts[number]
        for label, number in zip(labels, numbers, strict=True)
    ]
    if found and (found[0] < start or found[-1] >= end):
        found = found[bisect_left(found, start) : bisect_left(found, end)]
    if len(cron.seconds) > 1 or cron.days_in_year > 1:
        found = list(dict.fromkeys(found))  # local times that a gap throws together are one occurrence
    return found
