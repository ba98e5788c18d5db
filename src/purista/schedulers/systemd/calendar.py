"""One ``OnCalendar=`` line: the part of systemd's grammar that we write, as a value; its text, and a strict reader of it.

``[weekdays] years-months-days hours:minutes:seconds zone``. The text is systemd's own normal form, which a test holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from purista.errors import RegistrationError

__all__ = ["Calendar", "Times", "parse_calendar", "times_of"]

Values = frozenset[int]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
YEARS, MONTHS, DAYS = (1970, 2199), (1, 12), (1, 31)
HOURS, SIXTY = (0, 23), (0, 59)
_LINE = re.compile(
    r"(?:(?P<weekdays>[A-Z][A-Za-z,.]+) )?(?P<years>[^- ]+)-(?P<months>[^- ]+)-(?P<days>[^- ]+) "
    r"(?P<hours>[^: ]+):(?P<minutes>[^: ]+):(?P<seconds>[^: ]+) (?P<zone>[A-Za-z0-9_+/-]+)"
)
_SPAN = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4})(?:/(\d{1,2}))?)?")


@dataclass(frozen=True, slots=True)
class Times:
    """Times of a day: every hour with every minute with every second."""

    hours: Values
    minutes: Values
    seconds: Values = frozenset({0})

    def of_day(self) -> list[int]:
        """Seconds since midnight, in order."""
        return [
            hour * 3600 + minute * 60 + second
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
            for second in sorted(self.seconds)
        ]

    def within(self, low: int, high: int) -> bool:
        """Whether some time may lie between two seconds of a day: minutes decide, so it may say so in vain."""
        minutes = range(low // 60, high // 60 + 1)
        return any(minute // 60 in self.hours and minute % 60 in self.minutes for minute in minutes)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A line. Weekdays count from Monday, 0; ``years`` is None for every year. All parts must match."""

    times: Times
    zone: str
    months: Values = frozenset(range(1, 13))
    days: Values = frozenset(range(1, 32))
    weekdays: Values = frozenset(range(7))
    years: tuple[int, int] | None = None

    def on(self, day: date) -> bool:
        """Whether it can elapse on a local day."""
        return (
            day.day in self.days
            and day.month in self.months
            and day.weekday() in self.weekdays
            and (self.years is None or self.years[0] <= day.year <= self.years[1])
        )

    def text(self) -> str:
        """What stands behind ``OnCalendar=``."""
        weekdays = "" if len(self.weekdays) == 7 else _weekdays(self.weekdays) + " "
        years = "*" if self.years is None else _list(range(self.years[0], self.years[1] + 1), YEARS, 4)
        date = f"{years}-{_list(self.months, MONTHS)}-{_list(self.days, DAYS)}"
        times = self.times
        clock = f"{_list(times.hours, HOURS)}:{_list(times.minutes, SIXTY)}:{_list(times.seconds, SIXTY)}"
        return f"{weekdays}{date} {clock} {self.zone}"


def times_of(seconds_of_day: Iterable[int]) -> list[Times]:
    """Any times of a day, as few values of :class:`Times` as hours with different minutes."""
    by_minute: dict[int, set[int]] = {}
    for second in seconds_of_day:
        by_minute.setdefault(second // 60, set()).add(second % 60)
    by_hour: dict[int, dict[Values, set[int]]] = {}
    for minute, seconds in by_minute.items():
        by_hour.setdefault(minute // 60, {}).setdefault(frozenset(seconds), set()).add(minute % 60)
    hours: dict[tuple[Values, Values], set[int]] = {}
    for hour, groups in by_hour.items():
        for seconds_, minutes in groups.items():
            hours.setdefault((frozenset(minutes), seconds_), set()).add(hour)
    found = [Times(frozenset(at), minutes, seconds_) for (minutes, seconds_), at in hours.items()]
    return sorted(found, key=Times.of_day)


def parse_calendar(text: str) -> Calendar:
    """Read a line of ours.

    :raises RegistrationError: for anything that we would not have written.
    """
    found = _LINE.fullmatch(text)
    if found is None:
        raise RegistrationError(
            f"OnCalendar={text[:200]}: expected a line of ours, such as *-*-* 02:30:00 Europe/Berlin"
        )
    part = found.groupdict()
    try:
        years = None if part["years"] == "*" else _values(part["years"], YEARS)
        calendar = Calendar(
            Times(_values(part["hours"], HOURS), _values(part["minutes"], SIXTY), _values(part["seconds"], SIXTY)),
            part["zone"], _values(part["months"], MONTHS), _values(part["days"], DAYS), _read_weekdays(part["weekdays"]),
            None if years is None else (min(years), max(years)),
        )  # fmt: skip
    except ValueError as error:
        raise RegistrationError(f"OnCalendar={text[:200]}: {error}") from None
    if calendar.text() != text:
        raise RegistrationError(f"OnCalendar={text[:200]}: expected {calendar.text()[:200]}")
    return calendar


def _list(values: Iterable[int], bounds: tuple[int, int], width: int = 2) -> str:
    """Numbers as ``*``, as ``00..45/15``, or as a list with ``..`` for three and more in a row.

    ``00/15`` is never written: systemd takes it to have no end, and its search may go round in circles where clocks change.
    """
    low, high = bounds
    numbers = sorted(values)
    if len(numbers) == high - low + 1:
        return "*"
    step = numbers[1] - numbers[0] if len(numbers) > 2 else 0
    if step > 1 and numbers == list(range(numbers[0], numbers[-1] + 1, step)):
        return f"{numbers[0]:0{width}}..{numbers[-1]:0{width}}/{step}"
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ",".join(
        f"{span[0]:0{width}}..{span[-1]:0{width}}" if len(span) > 2 else f"{number:0{width}}"
        for span in spans
        for number in (span if len(span) < 3 else span[:1])
    )


def _values(text: str, bounds: tuple[int, int]) -> Values:
    low, high = bounds
    if text == "*":
        return frozenset(range(low, high + 1))
    found: set[int] = set()
    for item in text.split(","):
        span = _SPAN.fullmatch(item)
        if span is None:
            raise ValueError(f"expected numbers, got {item!r}")
        first = int(span[1])
        last, step = int(span[2] or first), int(span[3] or 1)
        if not low <= first <= last <= high or not step:
            raise ValueError(f"expected {low} to {high}, got {item!r}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _weekdays(values: Values) -> str:
    """systemd's order begins with Monday, and three in a row are a range."""
    spans: list[list[int]] = []
    for day in sorted(values):
        if spans and day == spans[-1][-1] + 1:
            spans[-1].append(day)
        else:
            spans.append([day])
    parts = []
    for span in spans:
        names = [WEEKDAYS[day] for day in span]
        parts += [f"{names[0]}..{names[-1]}"] if len(names) > 2 else names
    return ",".join(parts)


def _read_weekdays(text: str | None) -> Values:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for item in text.split(","):
        first, _, last = item.partition("..")
        found.update(range(WEEKDAYS.index(first), WEEKDAYS.index(last or first) + 1))
    return frozenset(found)
