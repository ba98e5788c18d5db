"""Contract → five-field lines in the host's zone that cover every occurrence. Numbers only, never the user's text.

Where host and schedule share a zone the contract's own fields are exact: the reference *is* Debian cron there. Elsewhere each
local time is moved by every difference of offsets that occurs within the horizon; ends of gaps get lines of their own, and
times that the host's clock shows twice become wildcard lines, because cron runs fixed ones in the first pass only. That fires
more often than the contract asks, never less often; the gateway drops what is not due.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from math import gcd

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.recurrence.zone import transitions, zone_table
from purista.schedulers.minutes import late_by
from purista.schedulers.ranges import ranges

__all__ = ["Uncoverable", "cover", "late_by", "same_clock"]

DAY_MINUTES = 1440
DAY = 86_400
EVERY = ("*", "*", "*")
LENGTHS = {month: (30,) if month in (4, 6, 9, 11) else (28, 29) if month == 2 else (31,) for month in range(1, 13)}


class Uncoverable(Exception):
    """cron cannot call this often enough, or not to the minute."""


def cover(rule: Recurrence, host_zone: str, now: int, until: int) -> list[str]:
    """The five-field texts whose calls, in ``host_zone``, cover the rule in ``[now, until)`` (epoch seconds).

    :raises Uncoverable: for distances below a minute, and offsets that are no whole minutes.
    """
    expression = rule.expression
    now, until = max(now, rule.start or now), min(until, rule.end or until)
    if isinstance(expression, OneShot):
        return [] if expression.timestamp < now - DAY else [_instant(expression.timestamp, host_zone)]
    if isinstance(expression, Interval):
        lines = _moved({EVERY: _grid(expression)}, "UTC", host_zone, now, until)
    elif same_clock(rule.timezone, host_zone, now, until):
        return [expression.normalised()]
    else:
        times = {s // 60 for s in expression.seconds}
        lines = _moved_cron(expression, times, rule.timezone, host_zone, now, until)
        if not expression.is_wildcard:
            _add_gap_ends(lines, rule, host_zone, now, until)
    twice = _shown_twice(host_zone, now, until)
    return sorted(text for days, minutes in lines.items() for text in _texts(minutes, days, twice))


@lru_cache(maxsize=1024)
def same_clock(zone: str, host: str, now: int, until: int) -> bool:
    """Whether clocks in both zones show the same within the horizon, whatever the zones are called."""
    if zone == host:
        return True
    changes = [transitions(name, now - DAY, until) for name in (zone, host)]
    return changes[0] == changes[1] and _differences(zone, host, now, until) == {0}


def _grid(interval: Interval) -> set[int]:
    """Minutes of a UTC day at which some occurrence may lie: the days repeat after the common divisor with a day."""
    if interval.every_seconds < 60:
        raise Uncoverable(
            f"cron calls once a minute at most, this is due every {interval.every_seconds} s; write an interval of a minute or "
            "more, or use a scheduler that knows seconds (systemd, Temporal)"
        )
    step = gcd(interval.every_seconds, DAY)
    return {-(-second // 60) % DAY_MINUTES for second in range(interval.offset_seconds % step, DAY, step)}


Days = tuple[str, str, str]


@lru_cache(maxsize=1024)
def _differences(zone: str, host: str, now: int, until: int) -> frozenset[int]:
    """Minutes to add to a local time of ``zone`` for the host's local time, within the horizon."""
    table, there = zone_table(zone), zone_table(host)
    instants = {now, *(t.at for name in (zone, host) for t in transitions(name, now - DAY, until))}
    found = {there.offsets[there.segment(t)] - table.offsets[table.segment(t)] for t in instants}
    if any(seconds % 60 for seconds in found):
        raise Uncoverable(f"{zone} and {host} differ by fractions of a minute; write another zone")
    return frozenset(seconds // 60 for seconds in found)


def _moved(times: dict[Days, set[int]], zone: str, host: str, now: int, until: int) -> dict[Days, set[int]]:
    lines: dict[Days, set[int]] = {}
    for days, minutes in times.items():
        for difference in _differences(zone, host, now, until):
            lines.setdefault(days, set()).update((minute + difference) % DAY_MINUTES for minute in minutes)
    return lines


def _moved_cron(cron: Cron, times: set[int], zone: str, host: str, now: int, until: int) -> dict[Days, set[int]]:
    lines: dict[Days, set[int]] = {}
    for difference in _differences(zone, host, now, until):
        for minute in times:
            carry, moved = divmod(minute + difference, DAY_MINUTES)
            for days in _days(cron, carry):
                lines.setdefault(days, set()).add(moved)
    return lines


@lru_cache(maxsize=256)
def _days(cron: Cron, carry: int) -> tuple[Days, ...]:
    """Day, month and weekday fields for local times that the host sees ``carry`` days later: -2 to 2, zones lie 26 h apart."""
    if not carry:
        return ((cron.day.text(), cron.month.text(), cron.weekday.text()),)
    day_matters, weekday_matters = len(cron.day.values) < 31, len(cron.weekday.values) < 7
    if cron.either and not (day_matters and weekday_matters):
        day_matters = weekday_matters = False  # either, and one of them is every day
    either = day_matters and weekday_matters and cron.either
    weekday = "*"
    if weekday_matters and (either or not day_matters):
        # Day *and* weekday: the day alone covers; restricting both would mean either.
        weekday = _list({(value + carry) % 7 for value in cron.weekday.values}, 0, 6, star=not either)
    months = {*cron.month.values, *(_month(month, carry) for month in cron.month.values)}
    if not day_matters:
        return (("*", _list(months, 1, 12), weekday),)
    by_days: dict[frozenset[int], set[int]] = {}
    moved = _moved_days(cron, carry)
    for month in months:
        if moved.get(month) or either:
            by_days.setdefault(frozenset(moved.get(month, ())), set()).add(month)
    # A leading star would turn "either" into "both"; no day at all leaves the weekday.
    return tuple(
        (_list(days, 1, 31, star=not either) or "*", _list(inside, 1, 12), weekday) for days, inside in by_days.items()
    )


def _moved_days(cron: Cron, carry: int) -> dict[int, set[int]]:
    """Month → days on which the host sees the contract's days, in leap years and others."""
    moved: dict[int, set[int]] = {}
    for month in cron.month.values:
        for length in LENGTHS[month]:
            for day in (day + carry for day in cron.day.values if day <= length):
                if day > length:
                    moved.setdefault(_month(month, 1), set()).add(day - length)
                elif day > 0:
                    moved.setdefault(month, set()).add(day)
                else:
                    before = _month(month, -1)
                    moved.setdefault(before, set()).update(last + day for last in LENGTHS[before])
    return moved


def _month(month: int, carry: int) -> int:
    """The month after, or the one before."""
    return (month - 1 + (1 if carry > 0 else -1)) % 12 + 1


def _add_gap_ends(lines: dict[Days, set[int]], rule: Recurrence, host: str, now: int, until: int) -> None:
    """Times that a gap swallows are due right after it: an instant of its own in the host's time."""
    table = zone_table(host)
    ends: dict[tuple[int, int], set[int]] = {}
    for special in rule.special_days(now - DAY, until):
        if special.kind == "gap":
            local = datetime.fromtimestamp(special.at + table.offsets[table.segment(special.at)], UTC)
            ends.setdefault((local.month, local.hour * 60 + local.minute), set()).add(local.day)
    for (month, minute), days in ends.items():
        lines.setdefault((_list(days, 1, 31), str(month), "*"), set()).add(minute)


def _instant(timestamp: int, host: str) -> str:
    """The minute at or after an instant, every year: cron has no years."""
    table = zone_table(host)
    whole = -(-timestamp // 60) * 60
    local = datetime.fromtimestamp(whole + table.offsets[table.segment(whole)], UTC)
    twice = _shown_twice(host, whole - DAY, whole + DAY)
    return _text({local.minute}, {local.hour}, (str(local.day), str(local.month), "*"), twice)


@lru_cache(maxsize=1024)
def _shown_twice(host: str, now: int, until: int) -> frozenset[int]:
    """Minutes of a day that the host's clock shows twice when it is set back."""
    found: set[int] = set()
    for change in transitions(host, now - DAY, until):
        if change.shift < 0:
            low = change.at + change.offset_after
            found.update(second // 60 % DAY_MINUTES for second in range(low, low - change.shift, 60))
    return frozenset(found)


def _texts(minutes: set[int], days: Days, twice: frozenset[int]) -> list[str]:
    """As few lines as hours with different minutes; those that are shown twice in lines of their own."""
    by_minutes: dict[frozenset[int], set[int]] = {}
    for hour in range(24):
        inside = frozenset(minute - hour * 60 for minute in minutes if minute // 60 == hour)
        if inside:
            by_minutes.setdefault(inside, set()).add(hour)
    found = []
    for inside, hours in by_minutes.items():
        apart = {hour for hour in hours if any(hour * 60 + minute in twice for minute in inside)}
        if "*" in (_list(inside, 0, 59)[0], _list(hours, 0, 23)[0]):
            apart = set()
        found += [_text(inside, some, days, twice) for some in (hours - apart, apart) if some]
    return found


def _text(inside: Iterable[int], hours: Iterable[int], days: Days, twice: frozenset[int]) -> str:
    """A fixed time is called for in the first pass only, but made up for after the host slept; so a star only where it must be.

    A leading star makes it a wildcard job, which follows elapsed time; hours 0 and 23 are extra calls.
    """
    minute_text, hour_text = _list(inside, 0, 59), _list(hours, 0, 23)
    again = any(hour * 60 + minute in twice for hour in hours for minute in inside)
    if again and "*" not in (minute_text[0], hour_text[0]):
        hour_text = f"*/23,{hour_text}"
    return f"{minute_text} {hour_text} {days[0]} {days[1]} {days[2]}"


def _list(values: Iterable[int], low: int, high: int, *, star: bool = True) -> str:
    """Numbers as ``*``, ``*/5`` or a list of ranges; ``star`` says whether the text may begin with one."""
    numbers = sorted(values)
    if star and len(numbers) == high - low + 1:
        return "*"
    if star and len(numbers) > 2:
        step = numbers[1] - numbers[0]
        if step > 1 and numbers == list(range(low, high + 1, step)):
            return f"*/{step}"
    return ranges(numbers)
