"""What an edit does to the instants: which appear, vanish or move, and what becomes of today. Pure.

One local day is held at a time, so memory does not grow with the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from purista.contract.schedule import Schedule

__all__ = ["DAYS", "Moves", "compare_instants"]

DAYS = 30
EXAMPLES = 5
OFTEN = 24
"""More occurrences a day than this: a run more or less today is no news."""


@dataclass(frozen=True, slots=True)
class Moves:
    """How the occurrences of the coming days differ. Instants are epoch seconds, UTC.

    A local day that loses as many instants as it gains has them moved, in order; else they appear and vanish.
    The examples are the first few of each. ``today`` says in words whether the edit fires again today, or loses a run.
    """

    appear: int = 0
    vanish: int = 0
    move: int = 0
    stay: int = 0
    appearing: tuple[int, ...] = ()
    vanishing: tuple[int, ...] = ()
    moving: tuple[tuple[int, int], ...] = ()
    today: str | None = None

    @property
    def nothing(self) -> bool:
        """The edit touches no instant."""
        return not (self.appear or self.vanish or self.move)


def compare_instants(before: Schedule | None, after: Schedule | None, now: int, *, days: int = DAYS) -> Moves:
    """The instants of ``before`` against those of ``after`` from ``now`` (epoch seconds) on; None is not there at all."""
    either = after or before
    if either is None:
        return Moves()
    zone = ZoneInfo(either.timezone)
    appear = vanish = move = stay = 0
    appearing: list[int] = []
    vanishing: list[int] = []
    moving: list[tuple[int, int]] = []
    for start, end in _days(zone, now + 1, days):
        old, new = _instants(before, start, end), _instants(after, start, end)
        gone, fresh = sorted(old - new), sorted(new - old)
        stay += len(old & new)
        if len(gone) == len(fresh):
            move += len(gone)
            moving += list(zip(gone, fresh, strict=True))[: EXAMPLES - len(moving)]
        else:
            appear += len(fresh)
            vanish += len(gone)
            appearing += fresh[: EXAMPLES - len(appearing)]
            vanishing += gone[: EXAMPLES - len(vanishing)]
    today = None if before is None or after is None else _today(before, after, zone, now)
    return Moves(appear, vanish, move, stay, tuple(appearing), tuple(vanishing), tuple(moving), today)


def _instants(schedule: Schedule | None, start: int, end: int) -> set[int]:
    return set() if schedule is None else set(schedule.recurrence().timestamps(start, end))


def _days(zone: ZoneInfo, start: int, days: int) -> Iterator[tuple[int, int]]:
    """Local days as half open spans of epoch seconds; the first begins at ``start``."""
    day = datetime.fromtimestamp(start, zone).date()
    begin = start
    for number in range(1, days + 1):
        end = int(datetime.combine(day + timedelta(days=number), datetime.min.time(), zone).timestamp())
        if end > begin:  # a skipped calendar day has no instants
            yield begin, end
            begin = end


def _today(before: Schedule, after: Schedule, zone: ZoneInfo, now: int) -> str | None:
    """What the change does to the day it is made on, where a run a day is something to notice."""
    day = datetime.fromtimestamp(now, zone).date()
    begin = int(datetime.combine(day, datetime.min.time(), zone).timestamp())
    end = int(datetime.combine(day + timedelta(days=1), datetime.min.time(), zone).timestamp())
    ran, left = _instants(before, begin, now + 1), sorted(_instants(after, now + 1, end))
    whole = _instants(after, begin, end)
    lost = sorted(_instants(before, now + 1, end) - whole)
    if max(len(whole), len(ran) + len(lost)) > OFTEN:
        return None
    if ran and left and len(ran) + len(left) > len(whole):
        return f"fires again today: it was due at {_clock(max(ran), zone)} and is due at {_clock(left[0], zone)}"
    if lost and len(ran) + len(left) < len(whole):
        missed = min(whole - set(left))
        return f"loses a run today: {_clock(lost[0], zone)} is gone, and {_clock(missed, zone)} has passed"
    return None


def _clock(instant: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(instant, zone):%H:%M %Z}"
