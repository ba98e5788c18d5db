"""When systemd elapses a line: its own search, step by step, where clocks change; plain counting elsewhere.

systemd asks the C library for the instant of a local time. One that comes twice is taken with the offset that the library saw
last, so which pass is meant depends on where the search began; one that does not exist is moved forward or back, and the search
goes on from there. Source: systemd's ``calendarspec`` and glibc's ``mktime``; held by ``systemd-analyze`` in the tests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from purista.recurrence.zone import LAST, ZoneTable, transitions, zone_table
from purista.schedulers.systemd.calendar import Calendar

__all__ = ["Stuck", "elapses", "next_elapse", "timer"]

DAY = 86_400
LAST_YEAR = 2199
TRIES = 1000
STRIDE, FAR = 601_200, 268_828_200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stuck(Exception):
    """systemd gives up ("Resource deadlock avoided"): the line elapses no more until its timer calls for another reason."""


def elapses(calendar: Calendar, start: int, end: int) -> tuple[list[int], int | None]:
    """The instants in ``[start, end)`` (epoch seconds), each searched for from the one before, the first from ``start``; and
    the instant after which systemd's search is stuck, if it is.
    """
    table, end = zone_table(calendar.zone), min(end, LAST)
    found: list[int] = []
    at = start - 1
    for change in transitions(calendar.zone, start - 2 * DAY, end + 2 * DAY):
        found += _counted(calendar, table, at + 1, min(change.at - DAY, end))
        at = found[-1] if found else at
        while at < min(change.at + DAY, end):
            try:
                following = next_elapse(calendar, table, at)
            except Stuck:
                return found, at
            if following is None:
                return found, None
            at = following
            if at < end:
                found.append(at)
    found += _counted(calendar, table, at + 1, end)
    return found, None


def timer(lines: Sequence[Calendar], start: int, end: int) -> list[int]:
    """When a timer with these lines elapses: a line that is stuck goes on when another one has called."""
    found: set[int] = set()
    stuck: list[tuple[Calendar, int]] = []
    for line in lines:
        instants, at = elapses(line, start, end)
        found.update(instants)
        stuck += [] if at is None else [(line, at)]
    while stuck:
        line, at = stuck.pop()
        woken = min((other for other in found if other > at), default=None)
        if woken is not None:
            instants, at_ = elapses(line, woken + 1, end)
            found.update(instants)
            stuck += [] if at_ is None else [(line, at_)]
    return sorted(found)


def _counted(calendar: Calendar, table: ZoneTable, start: int, end: int) -> Iterator[int]:
    """Where clocks stand still: local times less the offset."""
    if end <= start:
        return
    offset = table.offsets[table.segment(start)]
    low, high = start + offset, end + offset
    times = calendar.times.of_day()
    for midnight in range(low // DAY * DAY, high, DAY):
        day = _EPOCH + timedelta(seconds=midnight)
        if calendar.on(day):
            inside = times[bisect_left(times, low - midnight) : bisect_left(times, high - midnight)]
            yield from (midnight + second - offset for second in inside)


def next_elapse(calendar: Calendar, table: ZoneTable, base: int) -> int | None:
    """The elapse after ``base`` as systemd finds it; None when there is none any more.

    :raises Stuck: systemd goes round in circles and gives up.
    """
    return _Search(calendar, table, base).find()


class _Search:
    """systemd's ``find_next``: ``at`` are year, month, day, hour, minute and second, in bounds or not."""

    def __init__(self, calendar: Calendar, table: ZoneTable, base: int) -> None:
        self._calendar, self._clock = calendar, _Library(table)
        self._later = True  # only what comes after the second that the search begins with
        self.at = self._first = _fields(self._clock.shown(base))
        self._summer: bool | None = self._clock.summer(base)  # what is asked of the library; None: whichever it is
        times, years = calendar.times, calendar.years
        self._wanted = [
            list(range(years[0], years[1] + 1)) if years else None, sorted(calendar.months), sorted(calendar.days),
            sorted(times.hours), sorted(times.minutes), sorted(times.seconds),
        ]  # fmt: skip

    def find(self) -> int | None:
        """The instant."""
        stuck = False
        for _ in range(TRIES):
            instant = self._clock.instant(_local(self.at), summer=self._summer)
            self.at = _fields(self._clock.shown(instant))
            self._summer = self._clock.summer(instant) if stuck else None
            if not self._match(0) or self._fits() <= 0:
                return None
            if not all(self._settle(unit) for unit in range(1, 6)):
                continue
            if self.at > self._first:
                return self._clock.instant(_local(self.at), summer=self._summer)
            stuck = True
            self.at[3] += 1
        raise Stuck

    def _settle(self, unit: int) -> bool:
        """Whether this part matches as it stands; if not, the search is moved and begins again."""
        if unit == 3 and self._weekday() not in self._calendar.weekdays:
            self._raise(2)
            return False
        fits = self._fits() if self._match(unit) else -1
        if fits < 0:
            self._raise(unit - 1)
        return fits > 0

    def _match(self, unit: int) -> bool:
        """Move this part up to the next value that is wanted; what is below it begins anew."""
        wanted, now = self._wanted[unit], self.at[unit] + (1 if unit == 5 and self._later else 0)
        if wanted is None:
            return True
        index = bisect_left(wanted, now)
        if index == len(wanted):
            return False
        if unit == 5:
            self._later = False
        if wanted[index] != self.at[unit]:
            self.at[unit] = wanted[index]
            self._reset(unit + 1)
        return True

    def _raise(self, unit: int) -> None:
        self.at[unit] += 1
        self._reset(unit + 1)

    def _reset(self, first: int) -> None:
        for unit in range(first, 6):
            self.at[unit] = 1 if unit < 3 else 0
        self._later = False

    def _fits(self) -> int:
        """1: this local time exists. 0: it was moved forward to one that does. -1: it would go back."""
        if self.at[0] > LAST_YEAR:
            return -1
        instant = self._clock.instant(_local(self.at), summer=self._summer)
        moved = _fields(self._clock.shown(instant))
        unit = next((unit for unit in range(6) if moved[unit] != self.at[unit]), None)
        if unit is None:
            return 1
        if moved[unit] < self.at[unit]:
            return -1
        if unit < 5:
            moved[unit + 1] = 1 if unit < 2 else 0
        self.at, self._summer = moved, self._clock.summer(instant)
        return 0

    def _weekday(self) -> int:
        instant = self._clock.instant(_local(self.at), summer=self._summer)
        return (_EPOCH + timedelta(seconds=self._clock.shown(instant))).weekday()


class _Library:
    """glibc's ``mktime``, which begins with the offset that it saw last: at first the host's, taken to be that of UTC. It only
    matters where a zone sets its clocks back for good, without summer time; lines in UTC cover that either way.
    """

    def __init__(self, table: ZoneTable) -> None:
        self._table = table
        self._seen = 0

    def shown(self, instant: int) -> int:
        """The local time at an instant, in seconds as if it were UTC."""
        return instant + self._table.offsets[self._table.segment(instant)]

    def summer(self, instant: int) -> bool:
        """Whether the zone calls this summer time (in Dublin and Casablanca that is the earlier one)."""
        return bool(datetime.fromtimestamp(instant, self._table.zone).dst())

    def instant(self, local: int, *, summer: bool | None) -> int:
        """Guess, correct until it fits or goes round in a circle; then look for the kind of time that was asked for."""
        at = one = two = local - self._seen
        before = False
        while (better := at + local - self.shown(at)) != at:
            now = self.summer(at)
            if at == one and at != two and (before <= now if summer is None else summer != now):
                break  # this local time does not exist
            one, two, at, before = two, at, better, now
        else:
            if summer is not None and self.summer(at) != summer:
                at = self._neighbour(at, local, summer=summer)
        self._seen = local - at
        return at

    def _neighbour(self, at: int, local: int, *, summer: bool) -> int:
        for distance in range(STRIDE, FAR, STRIDE):
            for other in (at - distance, at + distance):
                if self.summer(other) == summer:
                    return other + local - self.shown(other)
        return at


def _fields(local: int) -> list[int]:
    return list((_EPOCH + timedelta(seconds=local)).timetuple()[:6])


def _local(at: list[int]) -> int:
    """Seconds as if it were UTC; parts out of bounds carry over."""
    year, month, day, hour, minute, second = at
    carry, month = divmod(month - 1, 12)
    first = datetime(year + carry, month + 1, 1, tzinfo=UTC)
    return int((first - _EPOCH).total_seconds()) + (day - 1) * DAY + hour * 3600 + minute * 60 + second
