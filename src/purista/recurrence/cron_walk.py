"""Cron in local time: which times of which days match. Pure arithmetic on local seconds and day numbers.

A *local time* is counted in seconds as if the wall clock were UTC; a *day number* counts days from 1970-01-01. What a zone
makes of them is in ``cron_zoned``.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date

from purista.recurrence.cron import Cron
from purista.recurrence.cron_days import (
    FIRST_YEAR,
    LAST_YEAR,
    days_between,
    days_of,
    length_of,
    month_days,
    next_year_of,
    next_year_with_days,
    previous_year_with_days,
    year_of,
)

__all__ = ["labels_between", "next_label", "previous_label"]

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()
_ANY_DAY, _ANY_MONTH = (1 << 32) - 2, (1 << 13) - 2
_from_ordinal = date.fromordinal


def next_label(cron: Cron, local: int) -> int | None:
    """The first matching local time at or after ``local``; None when there is none up to 2201."""
    number, rest = divmod(local, DAY)
    year = cron.year
    if year is None:  # the first question is answered by masks alone: most rules are asked once
        cron.remember((0, 0, (), 0))
        return _by_masks(cron, number, rest)
    day = number - year[0]
    if not 0 <= day < year[1]:
        year = year_of(cron, number)
        cron.remember(year)
        day = number - year[0]
    begin, length, following, _ = year
    found = following[day]
    if found == day:
        if rest <= cron.first:
            return number * DAY + cron.first
        if rest <= cron.last:
            seconds = cron.seconds
            return number * DAY + seconds[bisect_left(seconds, rest)]
        found = following[day + 1]
    if found < length:
        return (begin + found) * DAY + cron.first
    later = next_year_of(cron, year)
    if later is None:
        return None
    cron.remember(later)
    return (later[0] + later[2][0]) * DAY + cron.first


def _by_masks(cron: Cron, number: int, rest: int) -> int | None:
    """The same without tables: from matching month to matching month."""
    if cron.weekdays == 127 and cron.days_mask == _ANY_DAY and cron.months == _ANY_MONTH:
        if rest <= cron.last:
            return number * DAY + (cron.first if rest <= cron.first else _next_time(cron, rest))
        return (number + 1) * DAY + cron.first
    day = _from_ordinal(number + EPOCH)
    year, month, dom = day.year, day.month, day.day
    if cron.months >> month & 1:
        days = month_days(days_of(cron), (number - dom + 5) % 7, length_of(year, month)) >> dom
        if days & 1 and rest <= cron.last:
            return number * DAY + (cron.first if rest <= cron.first else _next_time(cron, rest))
        days &= -2
        if days:
            return (number + (days & -days).bit_length() - 1) * DAY + cron.first
    found = _next_day(cron, year, month)
    return None if found is None else found * DAY + cron.first


def previous_label(cron: Cron, local: int) -> int | None:
    """The last matching local time at or before ``local``; None when there is none since 1969."""
    number, rest = divmod(local, DAY)
    day = _from_ordinal(number + EPOCH)
    year, month, dom = day.year, day.month, day.day
    if cron.months >> month & 1:
        days = month_days(days_of(cron), (number - dom + 5) % 7, length_of(year, month)) & ((2 << dom) - 1)
        if days >> dom & 1:
            time = _previous_time(cron, rest)
            if time is not None:
                return number * DAY + time
            days &= (1 << dom) - 1
        if days:
            return (number - dom + days.bit_length() - 1) * DAY + cron.last
    found = _previous_day(cron, year, month)
    return None if found is None else found * DAY + cron.last


def _next_time(cron: Cron, rest: int) -> int:
    """The first matching time of day at or after ``rest``, which is not after the last one."""
    hour, second = divmod(rest, 3600)
    minute = (second + 59) // 60
    hours = cron.hours >> hour
    if hours & 1:
        minutes = cron.minutes >> minute
        if minutes:
            return hour * 3600 + (minute + (minutes & -minutes).bit_length() - 1) * 60
    hours &= -2
    return (hour + (hours & -hours).bit_length() - 1) * 3600 + cron.first % 3600


def _previous_time(cron: Cron, rest: int) -> int | None:
    hour, second = divmod(rest, 3600)
    hours = cron.hours & ((2 << hour) - 1)
    if hours >> hour & 1:
        minutes = cron.minutes & ((2 << second // 60) - 1)
        if minutes:
            return hour * 3600 + (minutes.bit_length() - 1) * 60
        hours &= (1 << hour) - 1
    if not hours:
        return None
    return (hours.bit_length() - 1) * 3600 + (cron.minutes.bit_length() - 1) * 60


def _next_day(cron: Cron, year: int, month: int) -> int | None:
    """The first matching day of a month after this one: from matching month to matching month, past years without any."""
    days, first_year = days_of(cron), year
    while year <= LAST_YEAR:
        later = cron.months >> (month + 1)
        if later:
            month += (later & -later).bit_length()
        else:
            due = year + 1 if year == first_year else next_year_with_days(cron, year + 1)
            if due is None:
                break
            year, month = due, (cron.months & -cron.months).bit_length() - 1
        first = date(year, month, 1).toordinal()
        matching = month_days(days, first % 7, length_of(year, month))
        if matching:
            return first - EPOCH + (matching & -matching).bit_length() - 2
    return None


def _previous_day(cron: Cron, year: int, month: int) -> int | None:
    days, last_year = days_of(cron), year
    while year >= FIRST_YEAR:
        earlier = cron.months & ((1 << month) - 1)
        if earlier:
            month = earlier.bit_length() - 1
        else:
            due = year - 1 if year == last_year else previous_year_with_days(cron, year - 1)
            if due is None:
                break
            year, month = due, cron.months.bit_length() - 1
        first = date(year, month, 1).toordinal()
        matching = month_days(days, first % 7, length_of(year, month))
        if matching:
            return first - EPOCH + matching.bit_length() - 2
    return None


def labels_between(cron: Cron, start: int, end: int) -> list[int]:
    """The matching local times in ``[start, end)``."""
    if end <= start:
        return []
    first = start // DAY
    last, finish = divmod(end, DAY)
    seconds = cron.seconds
    days = days_between(cron, first, last + (1 if finish else 0))
    if not days:
        return []
    if len(seconds) == 1:
        only = seconds[0]
        labels = [day * DAY + only for day in days]
    else:
        labels = [base + second for base in [day * DAY for day in days] for second in seconds]
    if labels and (labels[0] < start or labels[-1] >= end):
        labels = labels[bisect_left(labels, start) : bisect_left(labels, end)]
    return labels
