"""Zones as tables of offsets: which offset from UTC holds when, exactly, for every zone of the tz database.

``zoneinfo`` converts instants but does not say where its transitions are, so the same TZif data (RFC 9636) is read here.
Instants are epoch seconds, UTC; the tables reach from 1970 to 2200.
"""

from __future__ import annotations

import re
import struct
import zoneinfo
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from zoneinfo import ZoneInfo

from purista.errors import InvalidTimezone
from purista.recurrence.posix import expand

__all__ = [
    "FIRST",
    "LAST",
    "Transition",
    "ZoneTable",
    "get_zone",
    "table_of",
    "transitions",
    "transitions_in",
    "zone_table",
]

FIRST, LAST = 0, 7_258_118_400  # 1970-01-01, 2200-01-01
_ABBREVIATIONS = {
    "z": ("UTC",), "bst": ("Europe/London",), "cest": ("CET", "Europe/Berlin"), "eest": ("EET", "Europe/Athens"),
    "msk": ("Europe/Moscow",), "ist": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"), "jst": ("Asia/Tokyo",),
    "kst": ("Asia/Seoul",), "sgt": ("Asia/Singapore",), "aest": ("Australia/Sydney",), "nzst": ("Pacific/Auckland",),
    **dict.fromkeys(("et", "edt"), ("America/New_York",)), **dict.fromkeys(("ct", "cst", "cdt"), ("America/Chicago",)),
    **dict.fromkeys(("mt", "mdt"), ("America/Denver",)), **dict.fromkeys(("pt", "pst", "pdt"), ("America/Los_Angeles",)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Transition:
    """The offset from UTC changes ``at`` an instant (epoch seconds). A rise is a gap in local time, a fall an overlap."""

    at: int
    offset_before: int
    offset_after: int

    @property
    def shift(self) -> int:
        """By how many seconds clocks are set forward (or, negative, back)."""
        return self.offset_after - self.offset_before


class ZoneTable:
    """Segments of constant offset. Segment ``k`` lasts from ``starts[k]`` up to ``starts[k + 1]``.

    ``passed[k]`` is the latest local time (seconds, as if it were UTC) that was reached up to the end of segment ``k``:
    local times below ``passed[k - 1]`` are a repetition in segment ``k``. ``shown[k]`` is the local time at which segment ``k``
    begins; those from ``passed[k - 1]`` up to it are in a gap. ``low`` and ``high`` are the extreme offsets, ``origin`` is what
    local times are counted from.
    """

    __slots__ = ("_calm", "calm", "high", "hint", "low", "offsets", "origin", "passed", "shown", "starts", "zone")

    def __init__(self, starts: list[int], offsets: list[int], zone: ZoneInfo) -> None:
        self.starts, self.offsets, self.zone = starts, offsets, zone
        self.origin = datetime(1970, 1, 1, tzinfo=zone)
        self.low, self.high = min(offsets), max(offsets)
        self.shown = [start + offset for start, offset in zip(starts, offsets, strict=True)]
        ends = [*starts[1:], 1 << 60]
        self.passed = list(accumulate((e + o for e, o in zip(ends, offsets, strict=True)), max))
        upcoming = [*accumulate(reversed(self.shown[1:]), min, initial=1 << 60)][::-1]
        self._calm = list(zip(
            (FIRST + offsets[0], *map(max, self.shown[1:], self.passed)),
            map(min, upcoming, (e + o for e, o in zip(ends, offsets, strict=True)), (LAST + o for o in offsets)),
            offsets,
            strict=True,
        ))  # fmt: skip
        self.hint = (0, -1, 0)  # start, end and number of the segment used last: a guess, never trusted
        # Some local times that are shown exactly once: from, up to, their offset. A guess as well.
        self.calm = self._calm[-1]

    def segment(self, instant: int) -> int:
        """The number of the segment that holds ``instant``."""
        start, end, number = self.hint
        return number if start <= instant < end else self.look_up(instant)[2]

    def look_up(self, instant: int) -> tuple[int, int, int]:
        """Start, end and number of the segment that holds ``instant``; kept as the guess for the next question.

        The answer is what is returned: another thread may have written another guess by then.
        """
        number = max(0, bisect_right(self.starts, instant) - 1)
        following = number + 1
        end = self.starts[following] if following < len(self.starts) else 1 << 60
        self.hint = found = (self.starts[number], end, number)
        return found

    def calm_at(self, local: int) -> tuple[int, int, int]:
        """The local times around ``local`` that are shown exactly once, from, up to, and their offset.

        It is not among them itself when it comes twice or not at all. Kept as the guess for the next question.
        """
        self.calm = found = self._calm[bisect_right(self.passed, local)]
        return found

    def first_pass(self, local: int) -> int:
        """The instant at which a clock on the wall first shows ``local``, or passes it where it is in a gap."""
        number = bisect_right(self.passed, local)
        return max(local - self.offsets[number], self.starts[number])


def get_zone(name: str) -> ZoneInfo:
    """The zone of this name.

    :raises InvalidTimezone: for anything that is no name of the tz database, with the nearest names.
    """
    if type(name) is not str:
        raise _no_text(name)
    return _zone(name)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _unknown(name) from None


def _no_text(name: object) -> InvalidTimezone:
    key = name.key if isinstance(name, ZoneInfo) else None
    return InvalidTimezone(
        f"expected a zone name such as 'Europe/Berlin', got {name!r:.80}; write {key or 'Europe/Berlin'!r}"
    )


def _unknown(name: str) -> InvalidTimezone:
    found = _near(name)
    if found:
        meant = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"
        fix = f"did you mean {meant}?"
        if meant.startswith("Etc/GMT"):
            fix += f" ({'ahead of' if meant[7] == '-' else 'behind'} UTC: these names count westward)"
    else:
        fix = "write one such as Europe/Berlin, America/New_York or UTC"
    return InvalidTimezone(
        f"unknown time zone {name[:60]!r}: expected a name of the tz database; {fix}", name=name, suggestions=found
    )


def _near(name: str) -> tuple[str, ...]:
    """Up to three zones that may have been meant: by spelling, by city, by abbreviation, by offset."""
    import difflib  # noqa: PLC0415 - only mistakes pay for it

    known = zoneinfo.available_timezones()
    folded = {zone.casefold(): zone for zone in sorted(known)}
    text = name[:60].strip(" \t\n\0").replace(" ", "_").casefold()
    if text in folded:
        return (folded[text],)
    if text in _ABBREVIATIONS:
        return tuple(zone for zone in _ABBREVIATIONS[text] if zone in known)
    offset = re.fullmatch(r"(?:utc|gmt)?([+-])0?(\d{1,2})(?::?00)?", text)
    if offset:  # POSIX counts west of Greenwich: UTC+1 is Etc/GMT-1
        zone = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{offset[2]}"
        return (zone,) if zone in known else ()
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(known, reverse=True) if zone[0].isupper()}
    near = [cities[city] for city in difflib.get_close_matches(text.rpartition("/")[2], cities, 3, 0.75)]
    near += [folded[zone] for zone in difflib.get_close_matches(text, folded, 3, 0.8)]
    return tuple(dict.fromkeys(near))[:3]


def zone_table(name: str) -> ZoneTable:
    """The table of a zone.

    :raises InvalidTimezone: for anything that is no name of the tz database.
    """
    if type(name) is not str:
        raise _no_text(name)
    return _table(name)


@lru_cache(maxsize=1024)
def _table(name: str) -> ZoneTable:
    zone = _zone(name)  # refuses what is no name, before it can become a path
    return table_of(_data(name), zone)


def table_of(data: bytes, zone: ZoneInfo) -> ZoneTable:
    """The table that TZif data comes to, wherever it is from. ``zone`` is the same data as ``zoneinfo`` reads it."""
    times, offsets, footer = _read(data)
    if footer:
        last = times[-1] if times else FIRST
        for at, offset in expand(footer, last, LAST):
            times.append(at)
            offsets.append(offset)
    starts, kept = [-(1 << 60)], [offsets[0]]
    for at, offset in zip(times, offsets[1:], strict=True):
        if at <= FIRST:
            kept[0] = offset
        elif offset != kept[-1] and at < LAST:
            starts.append(at)
            kept.append(offset)
    return ZoneTable(starts, kept, zone)


def transitions(name: str, start: int, end: int) -> list[Transition]:
    """Where the offset changes in ``[start, end)`` (epoch seconds)."""
    return transitions_in(zone_table(name), start, end)


def transitions_in(table: ZoneTable, start: int, end: int) -> list[Transition]:
    """:func:`transitions` of a table."""
    starts, offsets = table.starts, table.offsets
    low, high = bisect_left(starts, start, 1), bisect_left(starts, end, 1)
    return [Transition(starts[k], offsets[k - 1], offsets[k]) for k in range(low, high)]


def _data(name: str) -> bytes:
    """The TZif file of a zone: from the system where ``zoneinfo`` finds it, else from the ``tzdata`` package."""
    for folder in zoneinfo.TZPATH:
        path = Path(folder, *name.split("/"))
        if path.is_file():
            return path.read_bytes()
    from importlib.resources import files  # noqa: PLC0415 - only systems without zone data

    return files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()


def _read(data: bytes) -> tuple[list[int], list[int], str]:
    """Transition times, the offsets before the first and after each, and the footer's rule (RFC 9636, section 3)."""
    head = ">4s c 15x 6l"
    size = struct.calcsize(head)
    magic, version, *counts = struct.unpack_from(head, data)
    if magic != b"TZif":
        raise InvalidTimezone("expected TZif data, got something else; repair the system's tz database")
    position, width = size, 4
    if version >= b"2":
        utc, std, leap, times, types, chars = counts
        position += times * 5 + types * 6 + chars + leap * 8 + std + utc
        _, _, *counts = struct.unpack_from(head, data, position)
        position, width = position + size, 8
    utc, std, leap, times, types, chars = counts
    at = list(struct.unpack_from(f">{times}{'q' if width == 8 else 'l'}", data, position))
    position += times * width
    indices = data[position : position + times]
    position += times
    kinds = [struct.unpack_from(">l", data, position + number * 6)[0] for number in range(types)]
    position += types * 6 + chars + leap * (width + 4) + std + utc
    footer = data[position:].strip(b"\n").decode("ascii") if width == 8 else ""
    return at, [kinds[0], *(kinds[index] for index in indices)], footer
