"""The rule at the end of a zone's data, for the years after its last recorded transition (POSIX ``TZ``, RFC 9636 3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

__all__ = ["expand"]

EPOCH = date(1970, 1, 1).toordinal()


def expand(rule: str, after: int, until: int) -> Iterator[tuple[int, int]]:
    """``(instant, offset from then on)`` of every change after ``after`` up to ``until`` (epoch seconds).

    A zone without daylight saving yields nothing: its offset is that of the last recorded transition.
    """
    names, _, dates = rule.partition(",")
    if not dates:
        return
    standard, saving = _offsets(names)
    begins, ends = dates.split(",")
    first, last = date.fromordinal(EPOCH + max(after, 0) // 86400).year, date.fromordinal(EPOCH + until // 86400).year
    for year in range(first, last + 1):
        changes = ((_instant(begins, year) - standard, saving), (_instant(ends, year) - saving, standard))
        for at, offset in sorted(changes):
            if after < at < until:
                yield at, offset


def _offsets(text: str) -> tuple[int, int]:
    """Seconds east of UTC, standard and saving, of ``CET-1CEST`` or ``<-03>3<-02>``."""
    rest = _skip_name(text)
    digits = 0
    while digits < len(rest) and rest[digits] in "+-:0123456789":
        digits += 1
    standard = -_clock(rest[:digits])
    rest = _skip_name(rest[digits:])
    return standard, -_clock(rest) if rest else standard + 3600


def _skip_name(text: str) -> str:
    if text.startswith("<"):
        return text[text.index(">") + 1 :]
    letters = 0
    while letters < len(text) and text[letters].isalpha():
        letters += 1
    return text[letters:]


def _clock(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    hours, minutes, seconds = ([int(part) for part in text.lstrip("+-").split(":")] + [0, 0])[:3]
    return sign * (hours * 3600 + minutes * 60 + seconds)


def _instant(rule: str, year: int) -> int:
    """Local seconds since the epoch of ``M3.5.0/2``, ``J60`` or ``59`` in a year."""
    day, _, time = rule.partition("/")
    seconds = _clock(time) if time else 7200
    if day.startswith("M"):
        month, week, weekday = (int(part) for part in day[1:].split("."))
        first = date(year, month, 1).toordinal()
        ordinal = first + (weekday - first) % 7 + (week - 1) * 7
        following = date(year + month // 12, month % 12 + 1, 1).toordinal()
        if ordinal >= following:
            ordinal -= 7
    elif day.startswith("J"):
        number = int(day[1:])
        leap = date(year, 12, 31).timetuple().tm_yday == 366
        ordinal = date(year, 1, 1).toordinal() + number - 1 + (leap and number >= 60)
    else:
        ordinal = date(year, 1, 1).toordinal() + int(day)
    return (ordinal - EPOCH) * 86400 + seconds
