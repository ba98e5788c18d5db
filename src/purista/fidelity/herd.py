"""How many schedules are due in each minute of the day (UTC): the herd at :00, and what spreading it would change."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from purista.contract.schedule import Schedule
from purista.recurrence import Recurrence

__all__ = ["Herd", "herd"]

DAY, MINUTE = 86_400, 60
MINUTES = DAY // MINUTE
DAYS = 28
WINDOW_S = 900


@dataclass(frozen=True, slots=True)
class Herd:
    """Occurrences by minute of the day, added up over four weeks: as declared, and spread over ``window_s`` seconds (or the
    schedule's own jitter window) by a hash of the key.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    window_s: int = WINDOW_S
    days: int = DAYS


def herd(schedules: Sequence[Schedule], start: int) -> Herd:
    """Count four weeks from ``start`` (epoch seconds)."""
    before, after = [0] * MINUTES, [0] * MINUTES
    by_rule: dict[Recurrence, list[Schedule]] = defaultdict(list)
    for schedule in schedules:
        by_rule[schedule.recurrence()].append(schedule)
    for rule, members in by_rule.items():
        counts: dict[int, int] = defaultdict(int)
        due = rule.timestamps(start, start + DAYS * DAY)
        apart = min((later - sooner for sooner, later in pairwise(due)), default=DAY)
        for at in due:
            counts[at % DAY // MINUTE] += 1
        shifts = [_shift(schedule, apart) for schedule in members]
        for minute, count in counts.items():
            before[minute] += count * len(members)
            for shift in shifts:
                after[(minute + shift) % MINUTES] += count
    return Herd(tuple(before), tuple(after))


def _shift(schedule: Schedule, apart: int) -> int:
    """By how many minutes it would be called later: never so late that it meets its next occurrence."""
    own = schedule.jitter_window_ms
    window = min(own // 1000 if own else WINDOW_S, apart)
    number = int.from_bytes(hashlib.sha256(schedule.key.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return number % max(1, window) // MINUTE
