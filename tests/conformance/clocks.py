"""Around changes of clocks: every kind of zone there is, and what has become of some of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.conformance.made import Made, cron, slug
from tests.conformance.zones import Change, changes, iso, local, seconds
from tests.recurrence.oracle import Rule, by_date, rule

HOUR, DAY = 3_600, 86_400
NOW = ("2026-01-01 00:00", "2028-01-01 00:00")
ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun", "America/Chicago", "America/Denver", "America/Halifax",
    "America/Havana", "America/Los_Angeles", "America/Miquelon", "America/New_York", "America/Nuuk",
    "America/Port-au-Prince", "America/Santiago", "America/St_Johns", "Antarctica/Troll", "Asia/Beirut", "Asia/Gaza",
    "Asia/Jerusalem", "Atlantic/Azores", "Atlantic/Bermuda", "Australia/Adelaide", "Australia/Lord_Howe",
    "Australia/Sydney", "Europe/Athens", "Europe/Berlin", "Europe/Chisinau", "Europe/Dublin", "Europe/Lisbon",
    "Europe/London", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Easter", "Pacific/Norfolk",
]  # fmt: skip
PAST = {
    "America/Asuncion": ("2023-01-01 00:00", "2025-01-01 00:00"),
    "America/Caracas": ("2016-01-01 00:00", "2017-01-01 00:00"),
    "America/Mexico_City": ("2022-01-01 00:00", "2023-01-01 00:00"),
    "America/Sao_Paulo": ("2018-01-01 00:00", "2020-01-01 00:00"),
    "Africa/Juba": ("2021-01-01 00:00", "2022-01-01 00:00"),
    "Africa/Sao_Tome": ("2017-12-01 00:00", "2019-02-01 00:00"),
    "Asia/Amman": ("2022-01-01 00:00", "2023-01-01 00:00"),
    "Asia/Pyongyang": ("2015-01-01 00:00", "2019-01-01 00:00"),
    "Asia/Tehran": ("2022-01-01 00:00", "2023-01-01 00:00"),
    "Europe/Istanbul": ("2016-01-01 00:00", "2017-01-01 00:00"),
    "Europe/Moscow": ("2011-01-01 00:00", "2015-01-01 00:00"),
    "Europe/Volgograd": ("2018-01-01 00:00", "2021-01-01 00:00"),
    "Pacific/Apia": ("2011-01-01 00:00", "2012-06-01 00:00"),
    "Pacific/Fiji": ("2020-01-01 00:00", "2021-06-01 00:00"),
}  # fmt: skip


def made() -> Iterator[Made]:
    for zone, (start, end) in sorted([*((zone, NOW) for zone in ZONES), *PAST.items()]):
        for change in changes(zone, seconds(start), seconds(end)):
            for kind, (text, about, window) in _asked(change).items():
                yield _case(zone, change, kind, text, about, window)


def _asked(change: Change) -> dict[str, tuple[str, str, tuple[int, int]]]:
    """Kind → cron text, the rule it is about, and the window around the change."""
    way = "gap" if change.shift > 0 else "overlap"
    if abs(change.shift) >= DAY:
        way, fixed, wildcard = "skipped", "skipped-day", "skipped-day"
    else:
        fixed, wildcard = f"{way}-fixed", f"{way}-wildcard"
    middle = change.low + (change.high - change.low) / 2
    before, after = change.low - timedelta(minutes=1), change.high
    weekday = middle.isoweekday() % 7
    days, night, hours = (-DAY, DAY), (-6 * HOUR, 6 * HOUR), (-2 * HOUR, 2 * HOUR)
    at = f"{middle.minute} {middle.hour}"
    first = f"{change.low.minute} {change.low.hour}"
    return {
        "inside": (f"{at} * * *", fixed, days),
        "first": (f"{first} * * *", fixed, days),
        "on-the-date": (f"{at} {middle.day} {middle.month} *", fixed, (-20 * DAY, 20 * DAY)),
        "on-the-weekday": (f"{at} * * {weekday}", fixed, (-8 * DAY, 8 * DAY)),
        "fixed-quarters": (f"0-59/15 {middle.hour} * * *", "gap-together" if way == "gap" else fixed, days),
        "fixed-every-hour": ("0 0-23 * * *", "gap-together" if way == "gap" else fixed, night),
        "wildcard-hour": (f"{middle.minute} * * * *", wildcard, night),
        "wildcard-quarters": ("*/15 * * * *", wildcard, hours),
        "wildcard-minute": (f"*/20 {middle.hour} * * *", wildcard, days),
        "minute-before": (f"{before.minute} {before.hour} * * *", "beside-change", days),
        "end": (f"{after.minute} {after.hour} * * *", "beside-change", days),
        "noon": ("0 12 * * *", "beside-change", days),
    }


def _case(zone: str, change: Change, kind: str, text: str, about: str, window: tuple[int, int]) -> Made:
    start, end = (change.at // 60 * 60 + edge for edge in window)
    asked = rule(text)
    due = tuple(by_date(asked, zone, start, end))
    number = f"{local(change.at + change.before):%Y-%m-%d}"
    words = f"{change.words(zone)} {_words(asked, change, due)}"
    return Made(f"clocks/{slug(zone)}-{number}-{kind}", about, cron(text), zone, start, end, due, words)


def _words(asked: Rule, change: Change, due: tuple[int, ...]) -> str:
    inside = [label for label in _labels(change) if asked.at(label)]
    named = f"{inside[0]:%H:%M}" if len(inside) == 1 else f"{len(inside)} of its times"
    kind = "A wildcard" if asked.wildcard else "Fixed times"
    if not inside:
        return f"{kind}, none of which is {'skipped' if change.shift > 0 else 'repeated'}."
    if change.shift > 0:
        fate = "left out" if asked.wildcard else f"due once, right after the gap, at {iso(change.at)}"
        return f"{kind}: {named} in the gap, {fate}."
    return f"{kind}: {named} shown twice, due {'both times' if asked.wildcard else 'in the first pass'}."


def _labels(change: Change) -> Iterator[datetime]:
    label = change.low
    while label < change.high:
        yield label
        label += timedelta(minutes=1)
