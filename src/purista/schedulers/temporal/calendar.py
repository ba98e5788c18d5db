"""A schedule's times as Temporal keeps them: calendars and intervals in UTC. When they fire is read from the same values.

Nothing but the standard library: the worker reads it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["Calendar", "Times", "spans"]

DAY = 86_400
Span = tuple[int, int]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def spans(numbers: Iterable[int]) -> tuple[Span, ...]:
    """Numbers as ranges with both ends."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return tuple((low, high) for low, high in found)


@dataclass(frozen=True, slots=True, order=True)
class Calendar:
    """Every field must match, in UTC. Weekdays count from Sunday, 0; no year means every year."""

    minute: tuple[Span, ...]
    hour: tuple[Span, ...]
    day: tuple[Span, ...] = ((1, 31),)
    month: tuple[Span, ...] = ((1, 12),)
    weekday: tuple[Span, ...] = ((0, 6),)
    second: tuple[Span, ...] = ((0, 0),)
    year: tuple[Span, ...] = ()

    def seconds(self) -> list[int]:
        """Of a day on which it fires."""
        return [
            hour * 3600 + minute * 60 + second
            for hour in _numbers(self.hour) for minute in _numbers(self.minute) for second in _numbers(self.second)
        ]  # fmt: skip

    def on(self, date: datetime) -> bool:
        """Whether it fires on that day."""
        return (
            _in(date.month, self.month)
            and _in(date.day, self.day)
            and _in((date.weekday() + 1) % 7, self.weekday)
            and (not self.year or _in(date.year, self.year))
        )

    def document(self) -> dict[str, list[list[int]]]:
        """As JSON has it."""
        return {name: [list(span) for span in getattr(self, name)] for name in self.__slots__}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Calendar:
        """What :meth:`document` wrote."""
        return cls(**{name: tuple((low, high) for low, high in document[name]) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Times:
    """The union of calendars and of one interval (``every``, ``offset`` seconds), from ``start`` to ``end`` with both ends
    (epoch seconds).
    """

    calendars: tuple[Calendar, ...] = ()
    every: int | None = None
    offset: int = 0
    start: int | None = None
    end: int | None = None

    def instants(self, start: int, end: int) -> Sequence[int]:
        """The nominal instants (epoch seconds, half open), in order, before jitter."""
        if self.start is not None:
            start = max(start, self.start)
        if self.end is not None:
            end = min(end, self.end + 1)
        found: set[int] = set()
        if self.every is not None:
            found.update(range(start + (self.offset - start) % self.every, end, self.every))
        for calendar in self.calendars:
            seconds = calendar.seconds()
            for midnight in range(start // DAY * DAY, end, DAY):
                if calendar.on(_EPOCH + timedelta(seconds=midnight)):
                    found.update(midnight + second for second in seconds if start <= midnight + second < end)
        return sorted(found)

    def a_day(self) -> int:
        """How often it fires on a busy day."""
        return sum(len(calendar.seconds()) for calendar in self.calendars) + (
            -(-DAY // self.every) if self.every else 0
        )

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "calendars": [calendar.document() for calendar in self.calendars], "every": self.every, "offset": self.offset,
            "start": self.start, "end": self.end,
        }  # fmt: skip

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Times:
        """What :meth:`document` wrote."""
        calendars = tuple(Calendar.read(one) for one in document["calendars"])
        return cls(calendars, document["every"], document["offset"], document["start"], document["end"])


def _numbers(found: Iterable[Span]) -> list[int]:
    return [number for low, high in found for number in range(low, high + 1)]


def _in(number: int, found: Iterable[Span]) -> bool:
    return any(low <= number <= high for low, high in found)
