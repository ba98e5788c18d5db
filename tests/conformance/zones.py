"""Where zones change, as ``zoneinfo`` shows it from outside: nothing of ``purista.recurrence`` is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

STEP = 6 * 3_600
"""No zone has ever changed twice within so few seconds."""
BESIDE = 2 * 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    at: int
    before: int
    after: int

    @property
    def shift(self) -> int:
        return self.after - self.before

    @property
    def low(self) -> datetime:
        """The first local time that is skipped or repeated."""
        return local(self.at + min(self.before, self.after))

    @property
    def high(self) -> datetime:
        """The first local time after those that are skipped or repeated."""
        return local(self.at + max(self.before, self.after))

    def words(self, zone: str) -> str:
        shown, becomes = local(self.at + self.before), local(self.at + self.after)
        dated = f"{becomes:%H:%M}" if shown.date() == becomes.date() else f"{becomes:%Y-%m-%d %H:%M}"
        return f"{zone} {shown:%Y-%m-%d}: {shown:%H:%M} becomes {dated} at {iso(self.at)}."


def local(seconds: int) -> datetime:
    """Local seconds as a wall clock shows them."""
    return (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)


def iso(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds(text: str) -> int:
    """Of ``2026-03-29 01:00``, in UTC."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@cache
def offset(zone: str, instant: int) -> int:
    found = datetime.fromtimestamp(instant, ZoneInfo(zone)).utcoffset()
    assert found is not None
    return int(found.total_seconds())


@cache
def changes(zone: str, first: int, last: int) -> tuple[Change, ...]:
    """Those after ``first`` and before ``last``."""
    found = []
    for start in range(first, last, STEP):
        end = min(start + STEP, last - 1)
        before, after = offset(zone, start), offset(zone, end)
        if before != after:
            low, high = start, end
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            found.append(Change(high, before, after))
    return tuple(found)


def relied_on(zone: str, start: int, end: int) -> dict[str, object]:
    """What a case with that window relies on."""
    found = changes(zone, start - BESIDE, end + BESIDE)
    return {
        "offset": offset(zone, start - BESIDE),
        "transitions": [{"at": iso(one.at), "before": one.before, "after": one.after} for one in found],
    }
