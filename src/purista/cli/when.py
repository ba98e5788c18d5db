"""Times as people write and read them: wall times of a zone, changes of its clocks, durations in words. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from purista.cli.exits import USAGE, Stop
from purista.clock import to_ms
from purista.errors import InvalidTimezone
from purista.recurrence import get_zone, transitions

__all__ = [
    "Asked", "ClockChange", "Kind", "ago", "clock_changes", "clock_effect", "clock_time", "duration", "local", "parse_bound",
    "parse_time", "utc", "zone_of",
]  # fmt: skip

DAY = 86_400
FIRST_YEAR, LAST_YEAR = 1970, 2200  # as far as recurrences reach
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


class Kind(StrEnum):
    """What a change of the clocks does to wall times."""

    GAP = "gap"  # some do not exist
    OVERLAP = "overlap"  # some come twice


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clocks of a zone are put forward or back. ``at`` is seconds since the epoch, UTC."""

    at: int
    before: dt.timedelta
    after: dt.timedelta

    @property
    def kind(self) -> Kind:
        """Gap or overlap."""
        return Kind.GAP if self.after > self.before else Kind.OVERLAP

    @property
    def walls(self) -> tuple[dt.datetime, dt.datetime]:
        """The wall times (naive) between which nothing exists, or everything twice; half open."""
        instant = dt.datetime.fromtimestamp(self.at, dt.UTC).replace(tzinfo=None)
        low, high = sorted((self.before, self.after))
        return instant + low, instant + high

    def sentence(self) -> str:
        """Which day, from when to when."""
        instant = dt.datetime.fromtimestamp(self.at, dt.UTC).replace(tzinfo=None)
        old, new = instant + self.before, instant + self.after
        way = "forward" if self.kind is Kind.GAP else "back"
        return f"clocks go {way} on {old:%a %Y-%m-%d} from {old:%H:%M} to {new:%H:%M}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a written time means: the instants (s, UTC) it can be, and the change it falls into.

    ``instants`` has two where the wall time comes twice, and the one right after the gap where it does not exist.
    """

    instants: tuple[int, ...]
    change: ClockChange | None = None
    wall: dt.datetime | None = None
    milliseconds: int = 0


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name.

    :raises Stop: there is none.
    """
    try:
        return get_zone(name)
    except InvalidTimezone as error:
        raise Stop(USAGE, str(error)) from None


def parse_time(text: str, zone: str) -> Asked:
    """Read ISO 8601: with its offset an instant, without one a wall time in ``zone``.

    :raises Stop: for anything else.
    """
    try:
        moment = dt.datetime.fromisoformat(text)
        if not FIRST_YEAR <= moment.year < LAST_YEAR:
            raise Stop(USAGE, f"expected a time from {FIRST_YEAR} to {LAST_YEAR - 1}, got {text!r}")
        if moment.tzinfo is not None:
            seconds, rest = divmod(to_ms(moment), 1000)
            return Asked((seconds,), milliseconds=rest)
        info = zone_of(zone)
        low, high = sorted(int(moment.replace(tzinfo=info, fold=fold).timestamp()) for fold in (0, 1))
    except (ValueError, OverflowError):
        raise Stop(USAGE, f"expected a time such as 2026-03-29T02:30 or 2026-03-29T00:30Z, got {text!r}") from None
    rest = moment.microsecond // 1000
    change = next(iter(clock_changes(info, low - DAY, high + DAY)), None) if low != high else None
    if change is None:
        return Asked((low,), wall=moment, milliseconds=rest)
    first, last = change.walls
    if not first <= moment < last:
        return Asked((low,), wall=moment, milliseconds=rest)
    return Asked((change.at,) if change.kind is Kind.GAP else (low, high), change, moment, rest)


def parse_bound(text: str | None, option: str) -> int | None:
    """An option's instant in milliseconds; a time without an offset is UTC.

    :raises Stop: for text that is no time.
    """
    if text is None:
        return None
    try:
        asked = parse_time(text, "UTC")
    except Stop as error:
        raise Stop(USAGE, f"{option}: {error}") from None
    return asked.instants[0] * 1000 + asked.milliseconds


def clock_changes(zone: ZoneInfo, start: int, end: int) -> list[ClockChange]:
    """Changes of the zone's offset in [start, end) (seconds), in order."""
    return [
        ClockChange(t.at, dt.timedelta(seconds=t.offset_before), dt.timedelta(seconds=t.offset_after))
        for t in transitions(zone.key, start, end)
    ]


def clock_effect(zone: ZoneInfo, instant: int) -> str:
    """What is special about the wall time of an instant (s); empty for nothing."""
    for change in clock_changes(zone, instant - DAY, instant + DAY):
        first, last = change.walls
        if change.kind is Kind.GAP:
            if instant == change.at:
                return f"right after the gap: {first:%H:%M} to {last:%H:%M} does not exist"
            continue
        wall = dt.datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0)
        if first <= wall < last:
            return f"{'first' if instant < change.at else 'second'} pass: {wall:%H:%M} comes twice"
    return ""


def local(ms: int, zone: ZoneInfo) -> str:
    """With weekday and offset, for people: ``Sun 2026-03-29 03:00:00 +02:00``."""
    moment = dt.datetime.fromtimestamp(ms // 1000, zone)
    text = moment.isoformat(sep=" ")
    return f"{moment:%a} {text[:19]} {text[19:]}"


def clock_time(ms: int, zone: ZoneInfo) -> str:
    """For narrow tables that show the date elsewhere: ``Sun 03:00:00 +02:00``."""
    text = local(ms, zone)
    return f"{text[:3]} {text[15:]}"


def utc(ms: int) -> str:
    """For people: ``2026-03-29 01:00:00Z``, to the second."""
    return f"{dt.datetime.fromtimestamp(ms // 1000, dt.UTC):%Y-%m-%d %H:%M:%SZ}"


def duration(ms: int) -> str:
    """The two largest units: ``1 h 5 min``, ``350 ms``."""
    if ms < 1000:
        return f"{max(0, ms)} ms"
    found: list[str] = []
    for name, size in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            found.append(f"{count} {name}")
        elif found:
            break
        if len(found) == 2:
            break
    return " ".join(found)


def ago(ms: int, now: int) -> str:
    """How long before or after ``now``: ``5 min ago``, ``in 2 h``."""
    return f"{duration(now - ms)} ago" if ms <= now else f"in {duration(ms - now)}"
