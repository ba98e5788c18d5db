"""Fields, days and weekdays, ends of months and leap days, where clocks matter little."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.made import Made, below, cron, one_of, slug
from tests.conformance.zones import seconds
from tests.recurrence.oracle import Rule, by_date, rule

DAY = 86_400
MOST = 30
"""So many instants of a case are enough; its window ends before the next."""
ZONES = ["UTC", "UTC", "UTC", "Asia/Kathmandu", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Sydney"]
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
ODD = [
    "America/Caracas", "America/Phoenix", "Asia/Colombo", "Asia/Kabul", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang",
    "Asia/Tehran", "Asia/Tokyo", "Asia/Yangon", "Australia/Darwin", "Australia/Eucla", "Etc/GMT+12", "Indian/Cocos",
    "Pacific/Kiritimati", "Pacific/Marquesas", "Pacific/Niue", "Pacific/Tongatapu",
]  # fmt: skip


def made() -> Iterator[Made]:
    yield from _grammar(420)
    yield from _ends_of_months()
    yield from _leap_days()
    yield from _offsets()


def _grammar(count: int) -> Iterator[Made]:
    """Any legal expression; about half of them restrict both day and weekday."""
    found = attempt = 0
    while found < count:
        attempt += 1
        asked = _rule(attempt)
        zone = one_of(ZONES, attempt, "zone")
        start = seconds("2025-01-01 00:00") + below(4 * 365, attempt, "day") * DAY
        times = len(asked.minutes) * len(asked.hours)
        end = start + (300 if times <= 2 else 60 if times <= 30 else 3) * DAY
        due, end = _cut(by_date(asked, zone, start, end), end)
        if due:  # what is never due in so long may be refused as a date that no month has
            found += 1
            yield Made(f"calendar/{found:03d}", _about(asked), cron(asked.text), zone, start, end, due, _words(asked))


def _cut(due: list[int], end: int) -> tuple[tuple[int, ...], int]:
    return (tuple(due), end) if len(due) <= MOST else (tuple(due[:MOST]), due[MOST])


def _rule(attempt: int) -> Rule:
    texts, values = [], []
    for index, (low, high) in enumerate(BOUNDS):
        text, found = _field(index, low, high, attempt)
        texts.append(text)
        values.append(found)
    values[4] = {day % 7 for day in values[4]}
    return Rule(" ".join(texts), *(frozenset(found) for found in values))


def _field(index: int, low: int, high: int, attempt: int) -> tuple[str, set[int]]:
    if index in (2, 3) and below(3, attempt, index, "star") == 0:
        return "*", set(range(low, high + 1))
    count = one_of((1, 1, 1, 2, 3), attempt, index, "items")
    items = [_item(index, low, high, f"{attempt}/{index}/{number}") for number in range(count)]
    return ",".join(text for text, _ in items), set().union(*(found for _, found in items))


def _item(index: int, low: int, high: int, about: str) -> tuple[str, set[int]]:
    kind = one_of(("value", "value", "range", "steps", "star steps", "star"), about, "kind")
    step = one_of((2, 3, 5, 7, 10), about, "step") if "steps" in kind else 1
    suffix = f"/{step}" if "steps" in kind else ""
    if kind.startswith("star"):
        return f"*{suffix}", set(range(low, high + 1, step))
    first = low + below(high - low + 1, about, "first")
    last = first if kind == "value" else first + below(high - first + 1, about, "last")
    found = set(range(first, last + 1, step))
    named = index in NAMES and last < low + len(NAMES[index]) and below(2, about, "named")
    first_text, last_text = (NAMES[index][one - low] if named else str(one) for one in (first, last))
    if kind == "value":
        return first_text, found
    if first == last:
        return first_text, found  # a range of one is read in more than one way elsewhere
    return f"{first_text}-{last_text}{suffix}", found


def _about(asked: Rule) -> str:
    _, _, day, _, weekday = asked.text.split()
    if len(asked.days) == 31 and day == "*":
        return "fields"
    return "both-days" if day.startswith("*") or weekday.startswith("*") else "either-day"


def _words(asked: Rule) -> str:
    _, _, day, _, weekday = asked.text.split()
    either = not (day.startswith("*") or weekday.startswith("*"))
    how = "either suffices" if either else "both must match, for one begins with a star"
    parts = [
        ("months", asked.months, 12, ""), ("days", asked.days, 31, ""), ("weekdays", asked.weekdays, 7, " (0 is Sunday)"),
    ]  # fmt: skip
    shown = [
        f"{name} {','.join(map(str, sorted(found)))}{more}" for name, found, whole, more in parts if len(found) < whole
    ]
    if len(asked.days) < 31 and len(asked.weekdays) < 7:
        shown.append(how)
    text = "; ".join(shown) or "every day"
    return f"{text[0].upper()}{text[1:]}."


def _ends_of_months() -> Iterator[Made]:
    for day in (29, 30, 31):
        for zone in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"):
            for year in (2026, 2027, 2028):
                text = f"{below(60, day, zone, year)} {5 + below(15, zone, year)} {day} * *"
                start, end = seconds(f"{year}-01-01 00:00"), seconds(f"{year + 1}-01-01 00:00")
                due = tuple(by_date(rule(text), zone, start, end))
                words = f"Months of {year} without a {day}th are left out: {len(due)} remain."
                if day == 31:
                    words = words.replace("31th", "31st")
                yield Made(
                    f"calendar/day-{day}-{slug(zone)}-{year}", "month-end", cron(text), zone, start, end, due, words
                )


def _leap_days() -> Iterator[Made]:
    for zone in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Tokyo"):
        for year in (2026, 2095):
            text = f"{below(60, zone, year)} {below(24, zone, year, 'hour')} 29 2 *"
            start, end = seconds(f"{year}-01-01 00:00"), seconds(f"{year + 11}-01-01 00:00")
            due = tuple(by_date(rule(text), zone, start, end))
            words = f"Leap years from {year} on for eleven years: {len(due)} of them. 2100 is none."
            yield Made(f"calendar/leap-{slug(zone)}-{year}", "leap-day", cron(text), zone, start, end, due, words)


def _offsets() -> Iterator[Made]:
    """Zones whose clocks stand still."""
    start = seconds("2026-06-01 00:00")
    for zone in ODD:
        for number, text in enumerate(("0 0 * * *", "30 23 * * mon-fri", "15 */6 * * *", "0 9 1 * *")):
            asked = rule(text.replace("mon-fri", "1-5"))
            asked = Rule(text, asked.minutes, asked.hours, asked.days, asked.months, asked.weekdays)
            end = start + (4, 8, 3, 100)[number] * DAY
            due = tuple(by_date(asked, zone, start, end))
            words = "The offset is the same all the while: the local time less it."
            yield Made(f"calendar/offset-{slug(zone)}-{number + 1}", "offset", cron(text), zone, start, end, due, words)
