"""A rule in one plain English sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from purista.recurrence.cron import Cron
from purista.recurrence.interval import Interval
from purista.recurrence.special import SpecialDay

if TYPE_CHECKING:
    from purista.recurrence.recurrence import Recurrence

__all__ = ["Explanation", "explain"]

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LISTED = 8
_EVERY_HOUR, _EVERY_DAY, _EVERY_MONTH = tuple(range(24)), tuple(range(1, 32)), tuple(range(1, 13))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule means: a sentence, and the coming days on which clocks change what it does."""

    sentence: str
    special_days: tuple[SpecialDay, ...]

    def __str__(self) -> str:
        return self.sentence


def explain(rule: Recurrence, start: int, end: int) -> Explanation:
    """The sentence, and the special days in ``[start, end)`` (epoch seconds)."""
    return Explanation(_sentence(rule), tuple(rule.special_days(start, end)))


def _sentence(rule: Recurrence) -> str:
    expression = rule.expression
    if isinstance(expression, Cron):
        text = f"{_cron(expression)}, {rule.timezone} time"
    elif isinstance(expression, Interval):
        origin = _at(expression.offset_seconds, UTC)
        text = f"Every {_distance(expression.every_seconds)}, counted from {origin} UTC"
    else:
        text = f"Once, at {expression.at.astimezone(rule.zone):%Y-%m-%d %H:%M:%S} {rule.timezone} time"
    bounds = [
        f"{word} {_at(at, rule.zone)}" for word, at in (("from", rule.start), ("until", rule.end)) if at is not None
    ]
    return f"{text}, {' '.join(bounds)}." if bounds else f"{text}."


def _at(instant: int, zone: tzinfo) -> str:
    moment = datetime.fromtimestamp(instant, zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"


def _cron(cron: Cron) -> str:
    times, dates = _times(cron), _dates(cron)
    if times.startswith("Every") and dates == " every day":
        return times
    return times + dates


def _times(cron: Cron) -> str:
    minutes, hours = cron.minute.values, cron.hour.values
    if len(cron.seconds) <= _LISTED:
        return "At " + _join([_clock(second) for second in cron.seconds])
    step = _even(minutes, 60)
    if hours == _EVERY_HOUR:
        text = "Every minute" if step == 1 else f"Every {step} minutes" if step else f"Every hour at {_past(minutes)}"
        return text if cron.is_wildcard else f"{text}, as times of the day"
    one_stretch = hours == tuple(range(hours[0], hours[-1] + 1))
    if one_stretch and (step or len(minutes) == 1):
        every = "Every hour" if len(minutes) == 1 else "Every minute" if step == 1 else f"Every {step} minutes"
        return f"{every} from {_clock(cron.seconds[0])} to {_clock(cron.seconds[-1])}"
    at = "Every minute" if step == 1 else f"Every {step} minutes" if step else f"At {_past(minutes)}"
    if (hour_step := _even(hours, 24)) is not None:
        if len(minutes) == 1:
            return f"Every {hour_step} hours from {_clock(cron.seconds[0])}"
        return f"{at} of every {_ordinal(hour_step)} hour, from midnight"
    return f"{at} of the hours {_spans(hours, '{:02d}')}"


def _past(minutes: tuple[int, ...]) -> str:
    if len(minutes) <= _LISTED + 1 and all(len(run) == 1 for run in _runs(minutes)):
        return _join([f":{minute:02d}" for minute in minutes])
    return f"minutes {_spans(minutes, '{}')}"


def _dates(cron: Cron) -> str:
    days, months, weekdays = cron.day.values, cron.month.values, cron.weekday.values
    period = "" if months == _EVERY_MONTH else f" {_month_names(months)}"
    every_day, every_weekday = days == _EVERY_DAY, len(weekdays) == 7
    if cron.either and (every_day or every_weekday):
        every_day = every_weekday = True
    if every_day and every_weekday:
        return f" every day{period}"
    if every_day:
        return f" {_weekday_names(weekdays)}{period}"
    in_month = _day_numbers(days)
    if cron.either:
        return f" on {in_month} of the month and {_weekday_names(weekdays)}{',' if period else ''}{period}"
    if every_weekday:
        if len(months) == 1 and len(days) <= _LISTED:
            return f" on {_spans(days, '{}')} {_MONTHS[months[0] - 1]}"
        return f" on {in_month} of the month{period}"
    return f" {_weekday_names(weekdays)} that fall on {in_month} of the month{period}"


def _day_numbers(days: tuple[int, ...]) -> str:
    if days == tuple(range(1, 32, 2)):
        return "the odd days"
    if days == tuple(range(2, 31, 2)):
        return "the even days"
    return "the " + _join([" to ".join(_nth(int(day)) for day in span) for span in _runs(days)])


def _weekday_names(values: tuple[int, ...]) -> str:
    """From Monday on, but a run that passes Sunday stays together: Saturday to Monday."""
    start = next((v for v in (1, 2, 3, 4, 5, 6, 0) if v in values and (v - 1) % 7 not in values), 1)
    turned = sorted(values, key=lambda value: (value - start) % 7)
    if len(turned) > 2 and (turned[-1] - start) % 7 == len(turned) - 1:
        return f"on {_DAYS[turned[0]]}s to {_DAYS[turned[-1]]}s"
    in_order = (
        turned if len(turned) == 2 and (turned[1] - start) % 7 == 1 else sorted(values, key=lambda v: (v - 1) % 7)
    )
    return "on " + _join([f"{_DAYS[value]}s" for value in in_order])


def _month_names(values: tuple[int, ...]) -> str:
    names = [_MONTHS[value - 1] for value in values]
    if len(values) > 2 and values == tuple(range(values[0], values[-1] + 1)):
        return f"from {names[0]} to {names[-1]}"
    return f"in {_join(names)}"


def _even(values: tuple[int, ...], size: int) -> int | None:
    """The step of values that divide the range evenly, such as 0, 15, 30, 45."""
    if len(values) < 2 or size % len(values):
        return None
    step = size // len(values)
    return step if values == tuple(range(0, size, step)) else None


def _runs(values: tuple[int, ...]) -> list[list[int]]:
    """Values as runs: one or two ends each; runs of two are taken apart."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], value]
        else:
            runs.append([value])
    return [part for run in runs for part in ([[run[0]], [run[1]]] if run[-1] - run[0] == 1 else [run])]


def _spans(values: tuple[int, ...], form: str) -> str:
    return _join([" to ".join(form.format(value) for value in run) for run in _runs(values)])


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second % 3600 // 60:02d}"


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}.get(number, f"{number}th")


def _nth(number: int) -> str:
    ending = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _distance(seconds: int) -> str:
    """A distance as one counts it: days are of 24 hours, whatever clocks do."""
    if seconds == 86_400:
        return "24 hours"
    parts = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    if len(parts) == 1:
        return f"{parts[0]} of 24 hours" if "day" in parts[0] else parts[0].removeprefix("1 ")
    return _join(parts)
