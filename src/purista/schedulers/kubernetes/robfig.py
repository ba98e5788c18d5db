"""When the controller will make a Job: ``Next`` of robfig/cron v3, the library that reads ``spec.schedule``, followed step by
step where clocks change, because its search has ways of its own there.

Source: ``spec.go`` of github.com/robfig/cron v3.0.1, and Go's ``time.Date``. Instants are epoch seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from purista.errors import RegistrationError
from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import ZoneTable, transitions, zone_table
from purista.schedulers.ranges import ranges

__all__ = ["Spec", "firings", "goes_back", "parse_spec"]

DAY, HOUR, MINUTE = 86_400, 3_600, 60
BESIDE = 2 * DAY
"""Further from a change of clocks than this, its search finds what the fields say."""
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spec:
    """Five fields as the library keeps them. ``either``: neither day nor weekday has its star flag, so one of them suffices."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def plain(self, zone: str) -> Recurrence:
        """The same rule in our own words: true where clocks stand still. Which field has the star says whether both days must
        match, so a day that has none is written out.
        """
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        whole = [len(found) == high - low + 1 for found, (low, high) in zip(fields, BOUNDS, strict=True)]
        if self.either:
            whole[2] = whole[4] = False
        texts = ["*" if all_ else ranges(found) for all_, found in zip(whole, fields, strict=True)]
        return Recurrence(Cron(" ".join(texts)), timezone=zone)

    def on(self, day: datetime) -> bool:
        """Whether it fires on a local day of a month that matches."""
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either else by_day and by_weekday


def parse_spec(text: str) -> Spec:
    """Read ``spec.schedule`` as the library does: numbers only, Sunday is 0, a step above 1 takes the star flag away.

    :raises RegistrationError: for what the API server would refuse, or what we never write.
    """
    fields = text.split(" ")
    if len(fields) != 5:
        raise RegistrationError(f"schedule {text[:100]!r}: expected five fields, got {len(fields)}")
    try:
        read = [_field(part, *bounds) for part, bounds in zip(fields, BOUNDS, strict=True)]
    except ValueError as error:
        raise RegistrationError(f"schedule {text[:100]!r}: {error}") from None
    (minutes, _), (hours, _), (days, day_star), (months, _), (weekdays, weekday_star) = read
    return Spec(minutes, hours, days, months, weekdays, not (day_star or weekday_star))


_ITEM = re.compile(r"(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,4}))?", re.ASCII)


def _field(text: str, low: int, high: int) -> tuple[frozenset[int], bool]:
    found: set[int] = set()
    star = False
    for item in text.split(","):
        read = _ITEM.fullmatch(item)
        step = 0 if read is None else int(read[4] or 1)
        if read is None or not step:
            raise ValueError(f"expected numbers, ranges and steps, got {item!r}")
        first = int(read[2] or low)
        last = int(read[3]) if read[3] else high if read[1] or read[4] else first
        star = star or bool(read[1] and step == 1)
        if not low <= first <= last <= high:
            raise ValueError(f"expected {low} to {high}, got {item!r}")
        found.update(range(first, last + 1, step))
    return frozenset(found), star


def firings(text: str, zone: str, start: int, end: int) -> list[int]:
    """The nominal instants of Jobs in ``[start, end)``, for a CronJob that has existed for long."""
    spec, table = parse_spec(text), zone_table(zone)
    plain = spec.plain(zone)
    found: list[int] = []
    at = start
    for change in transitions(zone, start - 2 * BESIDE, end + BESIDE):
        low, high = change.at - BESIDE, change.at + BESIDE
        if low > at:
            found += plain.timestamps(at, min(low, end))
        at = max(at, low)
        if at < min(high, end):
            followed, stuck = _followed(spec, table, plain, at, min(high, end))
            found += followed
            if stuck:
                return found  # the controller asks what follows the last Job, and is told that very Job, for good
            at = high
    if at < end:
        found += plain.timestamps(at, end)
    return found


def goes_back(text: str, zone: str, start: int, end: int) -> bool:
    """Whether its search goes back in time somewhere in ``[start, end)``, and a CronJob with it stands still from then on.

    It cuts to the full hour, and takes that of the first pass, which is before where it began when clocks are set back to
    something that is no full hour (Pacific/Chatham). Where a whole day is left out it finds no way around it.
    """
    spec, table = parse_spec(text), zone_table(zone)
    odd = [
        one
        for one in transitions(zone, start, end)
        if one.shift >= DAY or (one.shift < 0 and (one.at + one.offset_after) % HOUR)
    ]
    if not odd:
        return False
    plain = spec.plain(zone)
    return any(_followed(spec, table, plain, one.at - BESIDE, one.at + BESIDE)[1] for one in odd)


def _followed(spec: Spec, table: ZoneTable, plain: Recurrence, start: int, end: int) -> tuple[list[int], bool]:
    """From the last one before: the controller asks for what follows the last Job. And whether that goes back in time."""
    before = plain.previous_timestamp(start - BESIDE)
    last = start - BESIDE if before is None else before
    search = _Search(spec, table, last, end)
    found: list[int] = []
    while (following := search.next()) is not None:
        if following <= last:
            return found, True
        last = following
        if following >= start:
            found.append(following)
    return found, search.lost


class _Search:
    """``SpecSchedule.Next``: ``at`` moves on by months, days, hours and minutes until all of them fit."""

    def __init__(self, spec: Spec, table: ZoneTable, after: int, end: int) -> None:
        self._spec, self._table, self._end = spec, table, end
        self._at, self._added = after, False
        self.lost = False

    def next(self) -> int | None:
        """What follows; None from the end on."""
        self._at, self._added = self._at + 1, False
        while self._at < self._end:
            if self._months() and self._days() and self._hours() and self._minutes():
                return self._at if self._at < self._end else None
        return None

    @property
    def _local(self) -> datetime:
        """The wall clock, as if it were UTC."""
        return _EPOCH + timedelta(seconds=self._wall())

    def _wall(self) -> int:
        return self._at + self._table.offsets[self._table.segment(self._at)]

    def _months(self) -> bool:
        while self._local.month not in self._spec.months and self._at < self._end:
            self._cut("month")
            here = self._local
            year, month = divmod(here.year * 12 + here.month, 12)
            following = here.replace(year=year, month=month + 1, day=1) + timedelta(days=here.day - 1)
            self._at = _date(self._table, following)
        return True

    def _days(self) -> bool:
        """False: a new month has begun."""
        while not self._spec.on(self._local) and self._at < self._end:
            self._cut("day")
            before = self._at
            self._at = _date(self._table, self._local + timedelta(days=1))
            hour = self._local.hour
            if hour:  # midnight does not exist on that day
                self._at += (24 - hour if hour > 12 else -hour) * HOUR
            if self._at <= before:  # nor does the day: it would look for it for ever
                self.lost, self._at = True, self._end
            if self._local.day == 1:
                return False
        return True

    def _hours(self) -> bool:
        """False: a new day has begun."""
        while self._wall() // HOUR % 24 not in self._spec.hours and self._at < self._end:
            self._cut("hour")
            self._at += HOUR
            if self._wall() // HOUR % 24 == 0:
                return False
        return True

    def _minutes(self) -> bool:
        """False: a new hour has begun. Seconds are 0 in a spec of five fields."""
        while (minute := self._wall() // MINUTE % 60) not in self._spec.minutes:
            self._truncate()
            self._at += self._minutes_on(minute) * MINUTE
            if self._wall() // MINUTE % 60 == 0:
                return False
        if second := self._wall() % MINUTE:
            self._added, self._at = True, self._at + MINUTE - second
            return False
        return True

    def _minutes_on(self, minute: int) -> int:
        """How many minutes the library goes through one by one until one fits or the hour ends; 1 where clocks change."""
        following = min((fits for fits in self._spec.minutes if fits > minute), default=60) - minute
        _, end, number = self._table.look_up(self._at)
        calm = self._at + following * MINUTE < end and self._table.offsets[number] % MINUTE == 0
        return following if calm else 1

    def _cut(self, to: str) -> None:
        """Go back to where the month, day or hour begins, once."""
        if not self._added:
            local = self._local
            day, hour = (1 if to == "month" else local.day), (local.hour if to == "hour" else 0)
            self._at = _date(self._table, datetime(local.year, local.month, day, hour, tzinfo=UTC))
            self._added = True

    def _truncate(self) -> None:
        if not self._added:
            self._added, self._at = True, self._at - self._at % MINUTE


def _date(table: ZoneTable, local: datetime) -> int:
    """Go's ``time.Date``: the offset that holds when the wall time is taken for UTC, corrected once."""
    seconds = int((local - _EPOCH).total_seconds())
    start, end, number = table.look_up(seconds)
    utc = seconds - table.offsets[number]
    if not start <= utc < end:
        utc = seconds - table.offsets[table.segment(utc)]
    return utc
