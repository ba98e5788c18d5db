"""One schedule's due instants against one scheduler's calls: sorted lists, window by window, so that memory stays flat."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge

from purista.fidelity.model import Cell, Miss, Rule, Verdict
from purista.recurrence import Cron, Interval, Recurrence, transitions
from purista.schedulers.base import Dialect, Entry

__all__ = ["IN_TIME", "Tally", "merged", "predictions", "windows"]

MINUTE, DAY = 60, 86_400
IN_TIME = MINUTE
"""A call less than this many seconds after an instant is late; later ones have missed it."""
TAIL = 2 * DAY
"""How far after a window the call that makes up for a miss is looked for."""
SHOWN = 50
DENSE_WINDOW = 28 * DAY
DENSE = 3_600


def windows(rule: Recurrence, start: int, end: int) -> list[tuple[int, int]]:
    """The span in pieces: one where little is due, months where much is."""
    step = DENSE_WINDOW if _dense(rule) else end - start
    return [(low, min(low + step, end)) for low in range(start, end, max(1, step))]


def _dense(rule: Recurrence) -> bool:
    expression = rule.expression
    if isinstance(expression, Interval):
        return expression.every_seconds < DENSE
    return isinstance(expression, Cron) and len(expression.seconds) > DAY // DENSE


def predictions(dialect: Dialect, entries: Sequence[Entry], start: int, end: int) -> list[Sequence[int]]:
    """Each entry's calls in ``[start, end)``."""
    return [dialect.predict(entry, start, end) for entry in entries]


def merged(found: Sequence[Sequence[int]]) -> Sequence[int]:
    """Every instant at which somebody calls, in order, each once."""
    some = [calls for calls in found if calls]
    return some[0] if len(some) == 1 else list(dict.fromkeys(merge(*some)))


@dataclass(slots=True)
class Tally:
    """What is counted while the windows go by."""

    rule: Recurrence
    due: int = 0
    extra: int = 0
    late_s: int = 0
    missed: int = 0
    misses: list[Miss] = field(default_factory=list)
    repaired: int = 0
    repaired_at: list[int] = field(default_factory=list)

    def compare(self, due: Sequence[int], calls: Sequence[int], end: int) -> None:
        """Take in a window that ends at ``end``; ``calls`` reach beyond it, so that its last instants are judged fairly."""
        self.due += len(due)
        inside = calls[: bisect_left(calls, end)]
        if list(inside) == list(due):
            return
        answered, here = set(), set(calls)
        for at in due:
            if at in here:
                answered.add(at)
                continue
            number = bisect_left(calls, at)
            following = calls[number] if number < len(calls) else None
            if following is not None and following - at < IN_TIME:
                self.late_s = max(self.late_s, following - at)
                answered.add(following)
            else:
                self._miss(at, following)
        self.extra += len(inside) - bisect_left(sorted(answered), end)

    def repair(self, due: Sequence[int], found: Sequence[Sequence[int]]) -> None:
        """Which due instants the main entry alone (the one that answers most) has no call for, and another has."""
        wanted = set(due)
        answered = [wanted.intersection(calls) for calls in found]
        only = set().union(*answered) - max(answered, key=len)
        self.repaired += len(only)
        self.repaired_at += sorted(only)[: SHOWN - len(self.repaired_at)]

    def cell(self, scheduler: str, entries: int, notes: tuple[str, ...]) -> Cell:
        """The verdict."""
        if self.missed:
            verdict = Verdict.MISSES
        elif self.late_s:
            verdict = Verdict.LATE
        else:
            verdict = Verdict.EXTRA if self.extra else Verdict.EXACT
        return Cell(
            scheduler, verdict, self.due, entries, self.extra, self.late_s, self.missed, tuple(self.misses),
            self.repaired if entries > 1 else None, tuple(self.repaired_at), notes=notes,
        )  # fmt: skip

    def _miss(self, at: int, following: int | None) -> None:
        self.missed += 1
        if len(self.misses) < SHOWN:
            self.misses.append(Miss(at, _why(self.rule, at, following), following))


def _why(rule: Recurrence, at: int, following: int | None) -> Rule:
    """The rule behind a miss: the nearest cause that explains it."""
    for change in transitions(rule.timezone, at - DAY, at + DAY):
        if abs(at - change.at) <= abs(change.shift) + MINUTE:
            return Rule.GAP if change.shift > 0 else Rule.OVERLAP
    if isinstance(rule.expression, Interval) and rule.expression.every_seconds < MINUTE:
        return Rule.SUB_MINUTE
    if at % MINUTE:
        return Rule.ROUNDING
    return Rule.HORIZON if following is None else Rule.FIELDS
