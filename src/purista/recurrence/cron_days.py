"""The days of a cron rule, year by year. Pure arithmetic; a *day number* counts days from 1970-01-01.

Years differ only in the weekday of 1 January and in their length: there are fourteen *kinds*. What a rule matches in each kind
is worked out once and shared by all rules with equal days; all caches are bounded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from functools import lru_cache
from itertools import pairwise

from purista.recurrence.cron import Cron

__all__ = [
    "FIRST_YEAR", "LAST_YEAR", "Days", "Year", "days_between", "days_of", "length_of", "month_days", "next_year_of",
    "next_year_with_days", "previous_year_with_days", "year_of",
]  # fmt: skip

Days = tuple[int, int, int, bool]
"""Months, days of month and weekdays as bit masks, and whether either of the latter two may match."""
EPOCH = date(1970, 1, 1).toordinal()
Year = tuple[int, int, tuple[int, ...], int]
"""The number of a year's 1 January, its length, for each of its days the next one that matches, and how many years after 1968.

The next one is the day itself if it matches, and the length where there is none any more, also after the last day.
"""
FIRST_YEAR, LAST_YEAR = 1968, 2201
"""Local times of instants from 1970 to 2200 lie well inside."""
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_from_ordinal = date.fromordinal


@lru_cache(maxsize=1)
def _years() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Day numbers of each 1 January from 1968 on, and the years' kinds: twice the weekday, one more for a leap year."""
    begins = tuple(date(year, 1, 1).toordinal() - EPOCH for year in range(FIRST_YEAR, LAST_YEAR + 2))
    kinds = ((begin + 4) % 7 * 2 + (after - begin == 366) for begin, after in pairwise(begins))
    return begins, tuple(kinds)


def days_of(cron: Cron) -> Days:
    """What decides on the days of a rule."""
    return cron.months, cron.days_mask, cron.weekdays, cron.either


def month_days(days: Days, first_weekday: int, length: int) -> int:
    """The matching days of a month, were it one of the rule's, as a bit mask: bit 1 is the 1st.

    ``first_weekday`` is that of the 1st, 0 for Sunday; ``length`` the month's number of days.
    """
    _, by_day, week, either = days
    inside = (2 << length) - 2
    if week == 127:
        return inside if either else by_day & inside
    turned = (week >> first_weekday | week << 7 - first_weekday) & 127
    by_weekday = (turned | turned << 7 | turned << 14 | turned << 21 | turned << 28) << 1
    return (by_day | by_weekday if either else by_day & by_weekday) & inside


def length_of(year: int, month: int) -> int:
    """The number of days of a month."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _LENGTHS[month]


def year_of(cron: Cron, number: int) -> Year:
    """The year that holds a day."""
    return _year(days_of(cron), _from_ordinal(number + EPOCH).year - FIRST_YEAR)


def next_year_of(cron: Cron, after: Year) -> Year | None:
    """The next year in which a day matches; None when there is none up to 2201. Years without are not looked into."""
    days, kinds = days_of(cron), _years()[1]
    due = _kinds_due(days)
    for index in range(after[3] + 1, len(kinds)):
        if due >> kinds[index] & 1:
            return _year(days, index)
    return None


def _year(days: Days, index: int) -> Year:
    begins, kinds = _years()
    begin = begins[index]
    return begin, begins[index + 1] - begin, _following(days, kinds[index]), index


def next_year_with_days(cron: Cron, year: int) -> int | None:
    """The first year from ``year`` on in which a day matches; None when there is none up to 2201."""
    kinds, due = _years()[1], _kinds_due(days_of(cron))
    return next((y for y in range(year, LAST_YEAR + 1) if due >> kinds[y - FIRST_YEAR] & 1), None)


def previous_year_with_days(cron: Cron, year: int) -> int | None:
    """The last year up to ``year`` in which a day matches; None when there is none since 1968."""
    kinds, due = _years()[1], _kinds_due(days_of(cron))
    return next((y for y in range(year, FIRST_YEAR - 1, -1) if due >> kinds[y - FIRST_YEAR] & 1), None)


def days_between(cron: Cron, first: int, last: int) -> list[int]:
    """The matching day numbers in ``[first, last)``."""
    days = days_of(cron)
    begins, kinds = _years()
    low, high = bisect_right(begins, first) - 1, bisect_left(begins, last)
    if high - low > 14:
        shapes = _shapes(days)
        years = zip(begins[low:high], kinds[low:high], strict=True)
        found = [begin + day for begin, kind in years for day in shapes[kind]]
    else:
        found = []
        for index in range(low, high):
            begin, shape = begins[index], _shape(days, kinds[index])
            found += [
                begin + day for day in shape[bisect_left(shape, first - begin) : bisect_left(shape, last - begin)]
            ]
    if found and (found[0] < first or found[-1] >= last):
        return found[bisect_left(found, first) : bisect_left(found, last)]
    return found


@lru_cache(maxsize=4096)
def _shape(days: Days, kind: int) -> tuple[int, ...]:
    """The matching days of a kind of year, counted from 0 on 1 January."""
    found: list[int] = []
    begin, leap = 0, kind & 1
    for month in range(1, 13):
        length = 29 if month == 2 and leap else _LENGTHS[month]
        if days[0] >> month & 1:
            mask = month_days(days, (kind // 2 + begin) % 7, length)
            while mask:
                low = mask & -mask
                found.append(begin + low.bit_length() - 2)
                mask ^= low
        begin += length
    return tuple(found)


@lru_cache(maxsize=512)
def _shapes(days: Days) -> tuple[tuple[int, ...], ...]:
    return tuple(_shape(days, kind) for kind in range(14))


@lru_cache(maxsize=1024)
def _following(days: Days, kind: int) -> tuple[int, ...]:
    following: list[int] = []
    for day in _shape(days, kind):
        following += [day] * (day + 1 - len(following))
    length = 365 + (kind & 1)
    return (*following, *[length] * (length + 1 - len(following)))


@lru_cache(maxsize=1024)
def _kinds_due(days: Days) -> int:
    """The kinds of year in which a day matches, as a bit mask: no walk through years without."""
    due = 0
    for kind in range(14):
        begin = kind // 2
        for month in range(1, 13):
            length = 29 if month == 2 and kind & 1 else _LENGTHS[month]
            if days[0] >> month & 1 and month_days(days, begin % 7, length):
                due |= 1 << kind
                break
            begin += length
    return due
