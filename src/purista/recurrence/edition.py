"""A tz database in a folder of its own: what zones were, or will be, by another edition than this process goes by.

Nothing here changes what the process goes by: a table belongs to whoever asked for it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from purista.errors import InvalidTimezone
from purista.recurrence.cron import Cron
from purista.recurrence.cron_zoned import instants_between
from purista.recurrence.recurrence import Recurrence
from purista.recurrence.zone import FIRST, LAST, ZoneTable, get_zone, table_of

__all__ = ["Edition", "days_that_differ", "timestamps_by"]

DAY = 86_400

_VERSIONS = ("+VERSION", "version", "tzdata.zi")
"""Files in which a database says which edition it is; distributions leave out one or the other."""
_INSIDE = ("", "zoneinfo", "usr/share/zoneinfo")
"""Where zones may be below the folder that is named: an unpacked package is as good as the folder itself."""


class Edition:
    """The compiled zones (TZif files) of a folder, such as ``/usr/share/zoneinfo`` or an unpacked ``tzdata`` package.

    :raises InvalidTimezone: there are none.
    """

    __slots__ = ("_tables", "folder", "version")

    def __init__(self, folder: Path) -> None:
        inside = (folder / part for part in _INSIDE)
        found = next((path for path in inside if _is_zone(path / "UTC") or _is_zone(path / "Etc/UTC")), None)
        if found is None:
            raise InvalidTimezone(
                f"expected a folder of compiled zones, found no UTC in {folder}; write one such as /usr/share/zoneinfo"
            )
        self.folder = found
        self.version = _version(found)
        self._tables: dict[str, ZoneTable | None] = {}

    def table(self, name: str) -> ZoneTable | None:
        """The zone's offsets by this edition; None when it has no such zone.

        :raises InvalidTimezone: this process knows no such name either, or its file cannot be read.
        """
        if name not in self._tables:
            get_zone(name)  # refuses what is no name, before it can become a path
            path = self.folder.joinpath(*name.split("/"))
            self._tables[name] = _load(path, name) if path.is_file() else None
        return self._tables[name]


def timestamps_by(rule: Recurrence, table: ZoneTable, start: int, end: int) -> Sequence[int]:
    """All occurrences in ``[start, end)`` (epoch seconds) if ``table`` were the rule's zone."""
    if not isinstance(rule.expression, Cron):
        return rule.timestamps(start, end)  # the same in every zone
    low = start if rule.start is None else max(start, rule.start)
    high = end if rule.end is None else min(end, rule.end)
    return instants_between(rule.expression, table, max(low, FIRST), min(high, LAST))


def days_that_differ(
    rule: Recurrence, old: ZoneTable, new: ZoneTable, start: int, end: int
) -> Iterator[tuple[list[int], list[int]]]:
    """The occurrences in ``[start, end)`` (epoch seconds) that only ``old`` has and those that only ``new`` has, for each date
    on which there are any. A date is what either edition calls so; one of them is held at a time.
    """
    if not isinstance(rule.expression, Cron):
        return
    done = -1
    for low, high in _spans(old, new, start, end):
        first = (low + min(old.low, new.low)) // DAY - 1
        last = (high + max(old.high, new.high)) // DAY + 1
        for day in range(max(first, done + 1), last + 1):
            gone = [at for at in _only_in(rule, old, new, day) if start <= at < end]
            fresh = [at for at in _only_in(rule, new, old, day) if start <= at < end]
            if gone or fresh:
                yield gone, fresh
        done = max(done, last)


def _only_in(rule: Recurrence, one: ZoneTable, other: ZoneTable, day: int) -> list[int]:
    """The date's occurrences by ``one`` that are none by ``other``, on whichever date."""
    found = timestamps_by(rule, one, one.first_pass(day * DAY), one.first_pass((day + 1) * DAY))
    known = set(timestamps_by(rule, other, found[0], found[-1] + 1)) if found else set()
    return [at for at in found if at not in known]


def _spans(old: ZoneTable, new: ZoneTable, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the offsets differ."""
    inside = (at for table in (old, new) for at in table.starts if start < at < end)
    edges = [start, *sorted(set(inside)), end]
    for low, high in pairwise(edges):
        if old.offsets[old.segment(low)] != new.offsets[new.segment(low)]:
            yield low, high


def _load(path: Path, name: str) -> ZoneTable:
    data = path.read_bytes()
    try:
        return table_of(data, ZoneInfo.from_file(BytesIO(data), key=name))
    except (InvalidTimezone, ValueError, IndexError, EOFError, struct.error) as error:
        raise InvalidTimezone(f"expected the zone {name} in {path}, got something else: {error}") from error


def _is_zone(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"TZif"


def _version(folder: Path) -> str | None:
    for path in (folder / name for name in _VERSIONS):
        if path.is_file():
            with path.open(encoding="ascii", errors="replace") as file:
                return file.readline().strip().removeprefix("# version ").strip() or None
    return None
