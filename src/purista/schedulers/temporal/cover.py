"""Contract → times in UTC that cover every occurrence. Numbers only, never the user's text, and never Temporal's own zones.

Temporal misses and repeats hours where clocks change east of Greenwich, in a way that depends on when it last looked. UTC has
no such days. So each offset that a zone has gives calendars of its own, for the months in which it is in force; in a month with
a change both are called and the gateway drops one. What the contract wants beside them (a time that a gap moved) is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.zone import transitions, zone_table
from purista.schedulers.temporal.calendar import Calendar, Times, spans

__all__ = ["Uncoverable", "cover"]

HOUR, DAY = 3_600, 86_400
FIRST_YEAR, LAST_YEAR = 2000, 2100
ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
LENGTHS = {month: (28, 29) if month == 2 else (30,) if month in (4, 6, 9, 11) else (31,) for month in ALL_MONTHS}


class Uncoverable(Exception):
    """Temporal has no such times."""


@lru_cache(maxsize=4096)
def cover(rule: Recurrence, since: int, until: int) -> Times:
    """The times that cover the rule in ``[since, until)`` (epoch seconds), and after it while the zone keeps its rules.

    :raises Uncoverable: for years that Temporal does not know.
    """
    expression = rule.expression
    if isinstance(expression, OneShot):
        return Times((_instant(expression.timestamp),))
    if isinstance(expression, Interval):
        # A phase is less than its interval.
        every, offset = expression.every_seconds, expression.offset_seconds % expression.every_seconds
        return Times((), every, offset, rule.start, rule.end)
    found: set[Calendar] = set()
    for offset, months in _offsets(rule.timezone, since, until).items():
        found |= set(_calendars(expression, offset, months))
    times = Times(tuple(sorted(found)), start=rule.start, end=rule.end)
    missing = _missing(rule, times, since, until)
    return Times((*times.calendars, *_repairs(missing)), start=rule.start, end=rule.end)


def _instant(at: int) -> Calendar:
    when = datetime.fromtimestamp(at, UTC)
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise Uncoverable(f"Temporal knows the years {FIRST_YEAR} to {LAST_YEAR}, this is due in {when.year}")
    return Calendar(
        spans([when.minute]), spans([when.hour]), spans([when.day]), spans([when.month]), second=spans([when.second]),
        year=spans([when.year]),
    )  # fmt: skip


def _offsets(zone: str, since: int, until: int) -> dict[int, frozenset[int]]:
    """Each offset that the zone has, and the months of its wall clock in which it is in force."""
    table, changes = zone_table(zone), transitions(zone, since - DAY, until)
    starts = [since - DAY, *(change.at for change in changes)]
    ends = [*(change.at for change in changes), until]
    found: dict[int, frozenset[int]] = {}
    for start, end in zip(starts, ends, strict=True):
        offset = table.offsets[table.segment(start)]
        found[offset] = found.get(offset, frozenset()) | _months(start + offset, end - 1 + offset)
    return found


def _months(first: int, last: int) -> frozenset[int]:
    one, other = datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)
    count = (other.year - one.year) * 12 + other.month - one.month
    return frozenset((one.month + step - 1) % 12 + 1 for step in range(min(count, 11) + 1))


def _calendars(cron: Cron, offset: int, months: frozenset[int]) -> Iterator[Calendar]:
    """What the fields mean while the wall clock is ``offset`` seconds ahead of UTC."""
    wanted = months & frozenset(cron.month.values)
    if not wanted:
        return
    for days, weekdays in _days(cron):
        by_shift = _times(cron, offset)
        if (days, wanted, weekdays) == (ALL_DAYS, ALL_MONTHS, ALL_WEEKDAYS):
            by_shift = {0: set().union(*by_shift.values())}  # every day: which one it is does not matter
        for shift, times in by_shift.items():
            moved = spans((weekday + shift) % 7 for weekday in weekdays)
            for day, month in _dates(days, wanted, shift):
                for hours, minutes, second in _by_hours(times):
                    yield Calendar(spans(minutes), spans(hours), spans(day), spans(month), moved, spans([second]))


def _days(cron: Cron) -> list[tuple[frozenset[int], frozenset[int]]]:
    """Days and weekdays that must both match; where either is enough, two such pairs."""
    days, weekdays = frozenset(cron.day.values), frozenset(value % 7 for value in cron.weekday.values)
    if not cron.day_or_weekday:
        return [(days, weekdays)]
    if days == ALL_DAYS or weekdays == ALL_WEEKDAYS:
        return [(ALL_DAYS, ALL_WEEKDAYS)]
    return [(days, ALL_WEEKDAYS), (ALL_DAYS, weekdays)]


def _times(cron: Cron, offset: int) -> dict[int, set[int]]:
    """By how many days UTC is away, and the seconds of its day."""
    found: dict[int, set[int]] = {}
    for hour in cron.hour.values:
        for minute in cron.minute.values:
            shift, second = divmod(hour * HOUR + minute * 60 - offset, DAY)
            found.setdefault(shift, set()).add(second)
    return found


def _dates(days: frozenset[int], months: frozenset[int], shift: int) -> Iterator[tuple[Iterable[int], Iterable[int]]]:
    """The same days, seen from a calendar that is a day behind, ahead, or level."""
    if shift == 0 or (days, months) == (ALL_DAYS, ALL_MONTHS):
        yield days, months
    elif shift < 0:
        if before := [day - 1 for day in days if day > 1]:
            yield before, months
        if 1 in days:  # the last day of the month before
            for length in ((28, 29), (30,), (31,)):
                if ends := [month for month in ALL_MONTHS if month % 12 + 1 in months and LENGTHS[month] == length]:
                    yield length, ends
    else:
        if after := [day + 1 for day in days if day < 31]:
            yield after, months
        if begins := [month % 12 + 1 for month in months if days.intersection(LENGTHS[month])]:
            yield [1], begins


def _by_hours(seconds: Iterable[int]) -> list[tuple[list[int], tuple[int, ...], int]]:
    """Seconds of a day as few combinations of hours, minutes and a second."""
    hours: dict[tuple[int, int], list[int]] = {}
    for at in sorted(seconds):
        hours.setdefault((at // HOUR, at % 60), []).append(at % HOUR // 60)
    groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for (hour, second), minutes in hours.items():
        groups.setdefault((tuple(minutes), second), []).append(hour)
    return [(found, minutes, second) for (minutes, second), found in groups.items()]


def _missing(rule: Recurrence, times: Times, since: int, until: int) -> set[int]:
    """Occurrences near changes of clocks that the fields alone do not call."""
    found: set[int] = set()
    for change in transitions(rule.timezone, since, until):
        low, high = change.at - abs(change.shift) - HOUR, change.at + abs(change.shift) + HOUR
        due = rule.timestamps(low, high)
        if due:
            found |= set(due).difference(times.instants(low, high))
    return found


def _repairs(instants: Iterable[int]) -> list[Calendar]:
    """Without a year, so they hold for the years to come: those of one month at one time share a calendar, and where it is
    always the same weekday, the days between belong to it.
    """
    groups: dict[tuple[int, int, int, int], set[datetime]] = {}
    for at in instants:
        when = datetime.fromtimestamp(at, UTC)
        groups.setdefault((when.month, when.hour, when.minute, when.second), set()).add(when)
    found = []
    for (month, hour, minute, second), dates in sorted(groups.items()):
        days, weekdays = {date.day for date in dates}, {(date.weekday() + 1) % 7 for date in dates}
        if len(weekdays) == 1 and len(dates) > 1:
            days = set(range(min(days), max(days) + 1))
        found.append(
            Calendar(
                spans([minute]), spans([hour]), spans(days), spans([month]),
                spans(weekdays if len(dates) > 1 else ALL_WEEKDAYS), spans([second]),
            )
        )  # fmt: skip
    return found
