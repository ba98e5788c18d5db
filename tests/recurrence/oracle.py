"""What cron means, written a second time: slow, plain, from the words of the design, on top of ``zoneinfo`` alone.

Two oracles that share nothing with ``purista.recurrence``. ``walk`` looks at every minute of elapsed time; it is the prose
turned into a loop and serves windows of days. ``by_date`` looks at every date; it serves windows of years and zones whose
offsets are no whole minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """Cron text, and the values its fields were *built from* (never parsed back)."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def wildcard(self) -> bool:
        minute, hour, *_ = self.text.split()
        return minute.startswith("*") or hour.startswith("*")

    def on(self, day: date) -> bool:
        _, _, dom, _, dow = self.text.split()
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        if dom.startswith("*") or dow.startswith("*"):
            return by_day and by_weekday
        return by_day or by_weekday

    def at(self, moment: datetime) -> bool:
        return moment.minute in self.minutes and moment.hour in self.hours and self.on(moment.date())


def rule(text: str, *, star: str = "*") -> Rule:
    """A rule of numbers, lists, ranges and steps; only for hand-written texts."""
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
    sets = []
    for field, (low, high) in zip(text.split(), bounds, strict=True):
        values: set[int] = set()
        for item in field.split(","):
            span, _, step = item.partition("/")
            first, _, last = (f"{low}-{high}" if span == star else span).partition("-")
            values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
        sets.append(values)
    sets[4] = {day % 7 for day in sets[4]}
    return Rule(text, *(frozenset(values) for values in sets))


def walk(rule: Rule, zone: str, start: int, end: int) -> list[int]:
    """Occurrences in ``[start, end)``, both at full minutes, in a zone whose offsets there are whole minutes.

    A wildcard job runs in each minute whose wall clock matches. A fixed job runs when the clock *first* shows one of its
    times or jumps over it: all labels between the highest one seen so far and the one shown now are looked at.
    """
    tz, found = ZoneInfo(zone), []
    highest: datetime | None = None
    for instant in range(start - 3 * 86_400, end, 60):
        shown = datetime.fromtimestamp(instant, tz).replace(tzinfo=None)
        assert shown.second == 0, "no oracle for offsets of seconds"
        if rule.wildcard:
            due = instant >= start and rule.at(shown)
        else:
            label = shown if highest is None else highest + MINUTE
            due = False
            while label <= shown:
                due = due or rule.at(label)
                label += MINUTE
            highest = shown if highest is None else max(highest, shown)
        if due and instant >= start:
            found.append(instant)
    return found


def by_date(rule: Rule, zone: str, start: int, end: int) -> list[int]:
    """The same by dates: each local time that matches, asked of ``zoneinfo`` in both passes."""
    tz, found = ZoneInfo(zone), set()
    day = datetime.fromtimestamp(start, UTC).date() - timedelta(days=2)
    last = datetime.fromtimestamp(end, UTC).date() + timedelta(days=2)
    times = [(hour, minute) for hour in sorted(rule.hours) for minute in sorted(rule.minutes)]
    while day <= last:
        if rule.on(day):
            for hour, minute in times:
                found |= _instants(datetime(day.year, day.month, day.day, hour, minute), tz, wildcard=rule.wildcard)
        day += timedelta(days=1)
    return sorted(instant for instant in found if start <= instant < end)


def _instants(label: datetime, tz: ZoneInfo, *, wildcard: bool) -> set[int]:
    passes = [int(label.replace(tzinfo=tz, fold=fold).timestamp()) for fold in (0, 1)]
    shown = [at for at in passes if datetime.fromtimestamp(at, tz).replace(tzinfo=None, fold=0) == label]
    if shown:
        return set(shown) if wildcard else {min(shown)}
    if wildcard:
        return set()
    low, high = min(passes), max(passes)  # in a gap: before the change there, after it here (PEP 495)
    before = datetime.fromtimestamp(low, tz).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return {high}
