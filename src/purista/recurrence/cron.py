"""Cron expressions: five fields with Debian cron's meaning, as bit masks."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NoReturn

from purista.errors import InvalidExpression
from purista.recurrence.fields import WORDS, CronField, parse_field, parse_mask

__all__ = ["Cron"]

_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_LENGTHS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS = WORDS
_UP_TO_29 = (1 << 30) - 2  # every month has such a day, February now and then
_WRAPPED = "write the five fields alone; years are start= and end=, and ? is *"
_LIKE_CRON = re.compile(
    r"[0-9*?][0-9*/,\-?a-z#~]*|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat|l|h)\b.*",
    re.IGNORECASE,
)


class Cron:
    """A cron expression. Frozen; equal when the text is.

    Minute, hour, day of month, month, weekday; names in any case, lists, ranges, steps, 0 and 7 are Sunday, ``@hourly`` to
    ``@yearly``. Day and weekday both restricted (neither starts with ``*``) means either may match, else both must. A job
    whose minute or hour starts with ``*`` is a wildcard job: it follows elapsed time through clock changes.

    Source: Debian's ``crontab(5)`` and its behaviour (3.0pl1-162), less what it accepts and never fires.

    :raises InvalidExpression: naming the field, the text, the position and what to write instead.
    """

    __slots__ = (
        "_offsets", "_texts", "days_mask", "either", "first", "hours", "is_wildcard", "last", "minutes", "months", "value",
        "weekdays", "year",
    )  # fmt: skip

    _offsets: tuple[int, ...] | None
    _texts: tuple[str, str, str, str, str]
    value: str
    minutes: int
    hours: int
    months: int
    weekdays: int
    days_mask: int
    either: bool
    is_wildcard: bool
    first: int
    last: int
    year: tuple[int, int, tuple[int, ...], int] | None

    def __init__(self, value: str) -> None:
        if type(value) is not str:
            raise InvalidExpression(f"expected cron text such as '0 2 1 * *', got {value!r:.80}")
        given, value = value, value.strip(" \t")
        texts = minute, hour, day, month, weekday = _split(given, value)
        put = object.__setattr__
        put(self, "value", value)
        put(self, "_texts", texts)
        try:
            minutes = _MINUTES.get(minute) or parse_mask(minute, 0, 0)
            hours = _HOURS.get(hour) or parse_mask(hour, 1, 0)
            put(self, "days_mask", _DAYS.get(day) or parse_mask(day, 2, 0))
            put(self, "months", _MONTHS.get(month) or parse_mask(month, 3, 0))
            put(self, "weekdays", _WEEKDAYS.get(weekday) or parse_mask(weekday, 4, 0))
        except InvalidExpression:
            for index, position in enumerate(_positions(given)):
                parse_mask(texts[index], index, position)  # raises again, and now says where
            raise
        put(self, "minutes", minutes)
        put(self, "hours", hours)
        put(self, "either", day[0] != "*" and weekday[0] != "*")
        put(self, "is_wildcard", minute[0] == "*" or hour[0] == "*")
        # The first and the last matching second of a day.
        put(self, "first", ((hours & -hours).bit_length() - 1) * 3600 + ((minutes & -minutes).bit_length() - 1) * 60)
        put(self, "last", (hours.bit_length() - 1) * 3600 + (minutes.bit_length() - 1) * 60)
        put(self, "_offsets", None)
        put(self, "year", None)
        if not (self.either or self.days_mask & _UP_TO_29):
            self._refuse_impossible(given)

    def remember(self, year: tuple[int, int, tuple[int, ...], int]) -> None:
        """Keep the year that was looked at last. It changes no answer, and threads may overwrite each other's."""
        object.__setattr__(self, "year", year)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"Cron is frozen; make a new one instead of changing {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Cron is frozen; {name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"Cron({self.value!r})"

    def __str__(self) -> str:
        return self.value

    def __reduce__(self) -> tuple[type[Cron], tuple[str]]:
        return Cron, (self.value,)

    @property
    def minute(self) -> CronField:
        """The minute field as written."""
        return self._field(0)

    @property
    def hour(self) -> CronField:
        """The hour field as written."""
        return self._field(1)

    @property
    def day(self) -> CronField:
        """The day-of-month field as written."""
        return self._field(2)

    @property
    def month(self) -> CronField:
        """The month field as written."""
        return self._field(3)

    @property
    def weekday(self) -> CronField:
        """The day-of-week field as written; values 0 to 6 from Sunday."""
        return self._field(4)

    @property
    def day_or_weekday(self) -> bool:
        """Whether day and weekday are both restricted, so that either may match."""
        return self.either

    @property
    def seconds(self) -> tuple[int, ...]:
        """The matching times of a day, in seconds after midnight."""
        offsets: tuple[int, ...] | None = self._offsets
        if offsets is None:
            offsets = _seconds(self.hours, self.minutes)
            object.__setattr__(self, "_offsets", offsets)
        return offsets

    @property
    def days_in_year(self) -> int:
        """About how many days of a year match, rather too many: enough to choose a way, not a promise."""
        months = self.months.bit_count()
        weekdays = 31 if self.weekdays == 127 else self.weekdays.bit_count() * 5
        days = self.days_mask.bit_count()
        return months * (min(31, days + weekdays) if self.either else min(days, weekdays))

    def normalised(self) -> str:
        """The same expression with numbers only and single blanks: equal meaning for every cron."""
        return " ".join(self._field(index).text() for index in range(5))

    def _field(self, index: int) -> CronField:
        return parse_field(self._texts[index], index)

    def _refuse_impossible(self, given: str) -> None:
        """Dates that no month has."""
        longest = max(_LENGTHS[m] for m in range(1, 13) if self.months >> m & 1)
        lowest = (self.days_mask & -self.days_mask).bit_length() - 1
        if lowest > longest:
            day, position = self._texts[2], _positions(given)[2]
            fix = f"write a day up to {longest}, or another month"
            raise InvalidExpression(
                f"day {day!r} at position {position}: no such day in {_month_names(self.months)}, so {self.value!r} would "
                f"never fire; {fix}",
                field="day", text=day, position=position, fix=fix,
            )  # fmt: skip


@lru_cache(maxsize=256)
def _seconds(hours: int, minutes: int) -> tuple[int, ...]:
    """Shared by rules with equal times: every minute of a day is 1,440 numbers."""
    every = [60 * m for m in range(60) if minutes >> m & 1]
    return tuple(3600 * h + m for h in range(24) if hours >> h & 1 for m in every)


def _positions(given: str) -> list[int]:
    return [word.start() for word in re.finditer(r"[^ \t]+", given)]


def _split(given: str, text: str) -> tuple[str, str, str, str, str]:
    if text[:1] == "@":
        return _macro(given, text)
    plain = text.replace("\t", " ")
    if not (plain.isascii() and plain.isprintable()):
        raise _foreign_character(given)
    parts = plain.split()
    if len(parts) != 5 or "=" in parts[0]:
        raise _wrong_count(given, text, parts)
    return parts[0], parts[1], parts[2], parts[3], parts[4]


def _foreign_character(given: str) -> InvalidExpression:
    at, char = next((i, c) for i, c in enumerate(given) if not (c == "\t" or (c.isascii() and c.isprintable())))
    if char in "\r\n":
        what, fix = "expected one line", "remove the line break"
    elif char.isspace():
        what, fix = "expected blanks or tabs between fields", "write a plain blank"
    elif char.isdigit():
        what, fix = "expected the digits 0 to 9", f"write {int(char) if char.isdecimal() else 'a plain digit'}"
    elif char in "‐‑‒–—−":
        what, fix = "expected a plain hyphen", "write -"
    else:
        what, fix = "expected plain ASCII text", "write names in English: jan to dec, sun to sat"
    return InvalidExpression(f"position {at}: {what}, got {char!r}; {fix}", text=char, position=at, fix=fix)


def _macro(given: str, text: str) -> tuple[str, str, str, str, str]:
    known = _MACROS.get(text.lower())
    if known is not None:
        minute, hour, day, month, weekday = known.split(" ")
        return minute, hour, day, month, weekday
    position = given.index("@")
    what = "unknown"
    if text.lower().startswith("@every"):
        what, fix = "distances are no cron", f"write {_interval(text)}"
    elif text.lower() == "@reboot":
        what, fix = "the start of a machine is no instant", "do the work where the service starts"
    else:
        fix = f"write one of {', '.join(_MACROS)}, or five fields"
    message = f"macro {text[:40]!r} at position {position}: {what}; {fix}"
    raise InvalidExpression(message, text=text, position=position, fix=fix)


def _interval(text: str) -> str:
    """``@every 1h30m`` and ``rate(5 minutes)`` as they are written here."""
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    found = [f"{units[unit]}={int(count)}" for count, unit in re.findall(r"([0-9]{1,6}) ?([dhms])", text.lower())]
    return f"Interval(timedelta({', '.join(found) or 'minutes=5'}))"


def _wrong_count(given: str, text: str, parts: list[str]) -> InvalidExpression:
    fix = (_instead_of_fewer(text, parts) if len(parts) < 5 or "=" in parts[0] else _instead_of_more(text, parts))[:200]
    got = f"got {len(parts)} in {text[:60]!r}"
    message = f"expected 5 fields (minute hour day month weekday), {got}; {fix}"
    return InvalidExpression(message, text=text, position=len(given) - len(given.lstrip(" \t")), fix=fix)


def _instead_of_fewer(text: str, parts: list[str]) -> str:
    """What to write instead of less than five fields, or of a zone in front of them."""
    if not parts:
        return "write five fields: minute hour day month weekday"
    if "=" in parts[0]:
        return "write the zone as timezone="
    if text.startswith("rate("):
        return f"write {_interval(text)}"
    if text.startswith("cron("):
        return _WRAPPED
    if len(parts) == 1 and f"@{text.lower()}" in _MACROS:
        return f"write @{text.lower()}"
    if _like_cron(parts):
        return f"write {' '.join([*parts, *['*'] * (5 - len(parts))])} if the rest is every day"
    return "write minute hour day month weekday"


def _instead_of_more(text: str, parts: list[str]) -> str:
    """What to write instead of more than five fields: a command, seconds, a year."""
    if text.startswith("cron("):
        return _WRAPPED
    if not _like_cron(parts):
        return f"write {_five(parts)} only: commands and users are no part of it"
    if len(parts[-1]) == 4 and parts[-1].isdigit():
        return "leave the year out (and seconds): write start= and end=, or OneShot('2026-01-31T02:00:00Z')"
    if len(parts) == 6:
        either = _either(_five(parts[1:]), _five(parts))
        return f"leave the seconds (Quartz, Spring) or the year (AWS) out: write {either}"
    return f"leave the seconds and the year (Quartz) out: write {_five(parts[1:])}"


def _five(parts: list[str]) -> str:
    return " ".join(parts[:5]).replace("?", "*")


def _either(one: str, other: str) -> str:
    return one if one == other else f"{one} or {other}"


def _like_cron(parts: list[str]) -> bool:
    return all(map(_LIKE_CRON.fullmatch, parts))


def _month_names(mask: int) -> str:
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return " or ".join(name for number, name in enumerate(names, 1) if mask >> number & 1)
