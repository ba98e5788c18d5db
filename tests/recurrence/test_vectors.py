"""Vectors: what Debian cron was seen to do, and hand-made ones for the odd days of odd zones."""

# ruff: noqa: E501 - tables are read across
from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime

import pytest

from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import LAST
from tests.recurrence.oracle import rule as oracle


def seconds(text: str) -> int:
    """Epoch seconds of ``2026-03-29 01:00`` (UTC), with or without seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def answers(expression: str, zone: str, start: str, end: str) -> list[str]:
    """The occurrences in ``[start, end)`` in UTC, after four ways of asking were seen to agree."""
    rule = Recurrence(Cron(expression), timezone=zone)
    first, last = seconds(start), seconds(end)
    found = list(rule.timestamps(first, last))
    forward, instant = [], rule.next_timestamp(first - 1)
    while instant is not None and instant < last:
        forward.append(instant)
        instant = rule.next_timestamp(instant)
    backward, instant = [], rule.previous_timestamp(last)
    while instant is not None and instant >= first:
        backward.append(instant)
        instant = rule.previous_timestamp(instant)
    wide = rule.between(first - 4 * 86_400, last + 4 * 86_400)
    assert forward == found
    assert backward[::-1] == found
    assert [at for at in (int(moment.timestamp()) for moment in wide) if first <= at < last] == found
    return [f"{datetime.fromtimestamp(at, UTC):%m-%d %H:%M:%S}".removesuffix(":00") for at in found]


QUARTERS = "00:00 00:15 00:30 00:45 01:00 01:15 01:30 01:45 02:00"
# Debian cron 3.0pl1 on a host in Europe/Berlin, observed firing (`facts/dst-firings.json`); the windows include their ends.
SPRING, AUTUMN = ("2026-03-29 00:00", "2026-03-29 02:01"), ("2026-10-24 23:00", "2026-10-25 03:01")
DEBIAN = [
    ("30 2 * * *", SPRING, "01:00"),
    ("0 2 * * *", SPRING, "01:00"),
    ("0 * * * *", SPRING, "00:00 01:00 02:00"),
    ("30 * * * *", SPRING, "00:30 01:30"),
    ("*/15 * * * *", SPRING, QUARTERS),
    ("30 2 * * *", AUTUMN, "00:30"),
    ("0 2 * * *", AUTUMN, "00:00"),
    ("0 * * * *", AUTUMN, "23:00 00:00 01:00 02:00 03:00"),
    ("30 * * * *", AUTUMN, "23:30 00:30 01:30 02:30"),
    ("*/15 * * * *", AUTUMN, f"23:00 23:15 23:30 23:45 {QUARTERS} 02:15 02:30 02:45 03:00"),
    # The same host, stated in `facts/schedulers.md` 1 b-c, all seen firing.
    ("* 2 * * *", SPRING, ""),
    ("15 0-23 * * *", SPRING, "00:15 01:00 01:15"),
    ("0 0-23 * * *", AUTUMN, "23:00 00:00 02:00 03:00"),
    # Where Debian starts a job several times at one instant, we have one occurrence: an occurrence is an instant.
    ("0 2,3 * * *", SPRING, "01:00"),
    ("0-59/15 2 * * *", SPRING, "01:00"),
]


@pytest.mark.parametrize(("expression", "window", "expected"), DEBIAN)
def test_what_debian_cron_did(expression: str, window: tuple[str, str], expected: str) -> None:
    assert [at[6:] for at in answers(expression, "Europe/Berlin", *window)] == expected.split()


def test_a_wildcard_minute_runs_in_both_passes() -> None:
    assert len(answers("* 2 * * *", "Europe/Berlin", *AUTUMN)) == 120
    assert len(answers("0-59 2 * * *", "Europe/Berlin", *AUTUMN)) == 60


# zone, expression, from, to (UTC), occurrences in UTC.
ODD_DAYS = [
    # Half an hour: 02:00 → 02:30 in October, 02:00 → 01:30 in April.
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00", "2026-10-04 12:00", ["10-03 15:30"]),
    ("Australia/Lord_Howe", "0,15,30 2 * * *", "2026-10-03 12:00", "2026-10-04 12:00", ["10-03 15:30"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00", "2026-04-05 12:00", ["04-04 14:45"]),
    ("Australia/Lord_Howe", "45 * * * *", "2026-04-04 14:00", "2026-04-04 17:00",
     ["04-04 14:45", "04-04 15:15", "04-04 16:15"]),
    ("Australia/Lord_Howe", "0 * * * *", "2026-10-03 14:00", "2026-10-03 18:00",
     ["10-03 14:30", "10-03 16:00", "10-03 17:00"]),
    ("Australia/Lord_Howe", "0 0-23 * * *", "2026-10-03 14:00", "2026-10-03 18:00",
     ["10-03 14:30", "10-03 15:30", "10-03 16:00", "10-03 17:00"]),
    # Two hours: 01:00 → 03:00 and 03:00 → 01:00.
    ("Antarctica/Troll", "30 1 * * *", "2026-03-28 12:00", "2026-03-29 12:00", ["03-29 01:00"]),
    ("Antarctica/Troll", "30 1,2 * * *", "2026-03-28 12:00", "2026-03-29 12:00", ["03-29 01:00"]),
    ("Antarctica/Troll", "30 1,2 * * *", "2026-10-24 12:00", "2026-10-25 12:00", ["10-24 23:30", "10-25 00:30"]),
    ("Antarctica/Troll", "30 */1 * * *", "2026-10-24 23:00", "2026-10-25 03:00",
     ["10-24 23:30", "10-25 00:30", "10-25 01:30", "10-25 02:30"]),
    # Midnight does not exist.
    ("Africa/Cairo", "0 0 * * *", "2026-04-23 12:00", "2026-04-24 12:00", ["04-23 22:00"]),
    ("Africa/Cairo", "0 0 24 4 *", "2026-04-23 12:00", "2026-04-24 12:00", ["04-23 22:00"]),
    ("Africa/Cairo", "30 0 * * fri", "2026-04-20 12:00", "2026-04-26 12:00", ["04-23 22:00"]),
    ("Asia/Beirut", "0 0 * * *", "2026-03-28 12:00", "2026-03-29 12:00", ["03-28 22:00"]),
    ("Asia/Beirut", "*/20 0 * * *", "2026-03-28 12:00", "2026-03-29 12:00", []),
    ("America/Havana", "0 0 8 3 *", "2026-03-01 00:00", "2026-03-20 00:00", ["03-08 05:00"]),
    ("America/Asuncion", "59 23 30 9 *", "2023-09-01 00:00", "2023-10-10 00:00", ["10-01 03:59"]),
    ("America/Asuncion", "0 0 1 10 *", "2023-09-01 00:00", "2023-10-10 00:00", ["10-01 04:00"]),
    ("America/Nuuk", "30 23 30 3 *", "2024-03-01 00:00", "2024-04-10 00:00", ["03-31 01:00"]),
    # The hour before midnight comes twice: the date goes back.
    ("Africa/Cairo", "30 23 * * *", "2026-10-29 12:00", "2026-10-30 12:00", ["10-29 20:30"]),
    ("Africa/Cairo", "30 23 29 10 *", "2026-10-01 12:00", "2026-11-30 12:00", ["10-29 20:30"]),
    ("Africa/Cairo", "0 0 * * *", "2026-10-29 12:00", "2026-10-30 12:00", ["10-29 22:00"]),
    ("Africa/Cairo", "30 * 29 10 *", "2026-10-29 19:00", "2026-10-30 03:00", ["10-29 19:30", "10-29 20:30", "10-29 21:30"]),
    ("Asia/Beirut", "0 23 * * *", "2026-10-24 12:00", "2026-10-25 12:00", ["10-24 20:00"]),
    ("America/Havana", "0 0 * * *", "2026-11-01 00:00", "2026-11-01 12:00", ["11-01 04:00"]),
    ("America/Havana", "0 */1 * * *", "2026-11-01 03:00", "2026-11-01 07:00",
     ["11-01 03:00", "11-01 04:00", "11-01 05:00", "11-01 06:00"]),
    ("America/Asuncion", "30 23 25 3 *", "2023-03-01 00:00", "2023-04-01 00:00", ["03-26 02:30"]),
    ("America/Scoresbysund", "15 23 * * *", "2024-10-26 12:00", "2024-10-27 12:00", ["10-27 00:15"]),
    # A whole day does not exist.
    ("Pacific/Apia", "0 12 * * *", "2011-12-28 00:00", "2012-01-01 12:00",
     ["12-28 22:00", "12-29 22:00", "12-30 10:00", "12-30 22:00", "12-31 22:00"]),
    ("Pacific/Apia", "0 12 30 12 *", "2011-12-28 00:00", "2012-01-01 12:00", ["12-30 10:00"]),
    ("Pacific/Apia", "0 0-23 30 12 *", "2011-12-28 00:00", "2012-01-01 12:00", ["12-30 10:00"]),
    ("Pacific/Apia", "0 * 30 12 *", "2011-12-28 00:00", "2012-01-01 12:00", []),
    ("Pacific/Kwajalein", "0 6 * * *", "1993-08-20 00:00", "1993-08-23 00:00",
     ["08-20 18:00", "08-21 12:00", "08-21 18:00", "08-22 18:00"]),
    ("Pacific/Kwajalein", "0 6 * * sat", "1993-08-20 00:00", "1993-08-23 00:00", ["08-21 12:00"]),
    ("Pacific/Kiritimati", "0 6 31 12 *", "1994-12-01 00:00", "1995-01-10 00:00", ["12-31 10:00"]),
    # Negative saving: Dublin's winter is the exception. The clocks do as in London.
    ("Europe/Dublin", "30 1 * * *", "2026-03-28 12:00", "2026-03-29 12:00", ["03-29 01:00"]),
    ("Europe/Dublin", "30 1 * * *", "2026-10-24 12:00", "2026-10-25 12:00", ["10-25 00:30"]),
    ("Europe/Dublin", "30 * * * *", "2026-10-24 23:00", "2026-10-25 03:00",
     ["10-24 23:30", "10-25 00:30", "10-25 01:30", "10-25 02:30"]),
    # Ramadan: back in February, forward in March; listed year by year, no rule.
    ("Africa/Casablanca", "30 2 * * *", "2026-02-14 12:00", "2026-02-15 12:00", ["02-15 01:30"]),
    ("Africa/Casablanca", "30 2 * * *", "2026-03-21 12:00", "2026-03-22 12:00", ["03-22 02:00"]),
    ("Africa/El_Aaiun", "30 2 * * *", "2030-02-09 12:00", "2030-02-10 12:00", ["02-10 02:00"]),
    ("Africa/El_Aaiun", "30 2 * * *", "2030-12-21 12:00", "2030-12-22 12:00", ["12-22 01:30"]),
    ("Africa/El_Aaiun", "30 2 * * *", "2031-12-13 12:00", "2031-12-14 12:00", ["12-14 01:30"]),
    # Offsets of seconds: Monrovia was 44:30 behind until 1972-01-07, then jumped to UTC.
    ("Africa/Monrovia", "0 12 * * *", "1972-01-06 00:00", "1972-01-08 00:00", ["01-06 12:44:30", "01-07 12:00"]),
    ("Africa/Monrovia", "20 0 * * *", "1972-01-06 12:00", "1972-01-08 12:00", ["01-07 00:44:30", "01-08 00:20"]),
    ("Africa/Monrovia", "20 * * * *", "1972-01-06 23:00", "1972-01-07 03:00", ["01-06 23:04:30", "01-07 00:04:30", "01-07 01:20", "01-07 02:20"]),
    # The zone itself moved.
    ("Asia/Pyongyang", "45 23 * * *", "2018-05-03 12:00", "2018-05-05 12:00", ["05-03 15:15", "05-04 15:00"]),
    ("Asia/Pyongyang", "45 23 14 8 *", "2015-08-01 00:00", "2015-08-20 00:00", ["08-14 14:45"]),
    ("America/Caracas", "45 2 * * *", "2016-04-30 12:00", "2016-05-01 12:00", ["05-01 07:00"]),
    ("Europe/Moscow", "30 1 26 10 *", "2014-10-01 00:00", "2014-11-01 00:00", ["10-25 21:30"]),
    ("Etc/GMT+12", "0 0 1 1 *", "2026-01-01 00:00", "2026-01-03 00:00", ["01-01 12:00"]),
    ("Pacific/Chatham", "0 0 1 1 *", "2025-12-30 00:00", "2026-01-03 00:00", ["12-31 10:15"]),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "expression", "start", "end", "expected"), ODD_DAYS)
def test_odd_days(zone: str, expression: str, start: str, end: str, expected: list[str]) -> None:
    assert answers(expression, zone, start, end) == expected


def days(expression: str, start: str, end: str, form: str = "%m-%d") -> list[str]:
    rule = Recurrence(Cron(expression), timezone="UTC")
    return [f"{at:{form}}" for at in rule.between(seconds(start), seconds(end))]


MAY = ("2026-05-01", "2026-06-01")  # 1 May 2026 is a Friday
DAY_RULES = [
    # Both restricted: either.
    ("0 0 13 * fri", "05-01 05-08 05-13 05-15 05-22 05-29"),
    ("0 0 1,15 * mon", "05-01 05-04 05-11 05-15 05-18 05-25"),
    # Restricted means: does not start with a star. `11,*` is restricted (so every day), `*,11` is not (so Mondays).
    ("0 0 1-31 * mon", " ".join(f"05-{day:02d}" for day in range(1, 32))),
    ("0 0 11,* * mon", " ".join(f"05-{day:02d}" for day in range(1, 32))),
    ("0 0 *,11 * mon", "05-04 05-11 05-18 05-25"),
    ("0 0 11 * 1,*", " ".join(f"05-{day:02d}" for day in range(1, 32))),
    ("0 0 11 * *,1", "05-11"),
    # A star with a step is a star: both must match.
    ("0 0 */10 * mon", "05-11"),
    ("0 0 */10 * fri", "05-01"),
    ("0 0 1-10 * */2", "05-02 05-03 05-05 05-07 05-09 05-10"),
    # The known trick for the first Monday.
    ("0 0 */100,1-7 * mon", "05-04"),
    ("0 0 1-7 * */7", "05-03"),
    # One of them restricted.
    ("0 0 * * mon", "05-04 05-11 05-18 05-25"),
    ("0 0 31 * *", "05-31"),
    # Sunday is 0 and 7, also in ranges.
    ("0 0 * * 0", "05-03 05-10 05-17 05-24 05-31"),
    ("0 0 * * 7", "05-03 05-10 05-17 05-24 05-31"),
    ("0 0 * * Sun", "05-03 05-10 05-17 05-24 05-31"),
    ("0 0 1-10 * 6-7", " ".join(f"05-{d:02d}" for d in (*range(1, 11), 16, 17, 23, 24, 30, 31))),
    ("0 0 * 5 5-7", "05-01 05-02 05-03 05-08 05-09 05-10 05-15 05-16 05-17 05-22 05-23 05-24 05-29 05-30 05-31"),
    ("0 0 * * sun-mon", "05-03 05-04 05-10 05-11 05-17 05-18 05-24 05-25 05-31"),
    ("0 0 * * */7", "05-03 05-10 05-17 05-24 05-31"),
    ("0 0 * * */6", "05-02 05-03 05-09 05-10 05-16 05-17 05-23 05-24 05-30 05-31"),
    ("0 0 * * 0-7/7", "05-03 05-10 05-17 05-24 05-31"),
    # Legal, because Mondays in February are enough.
    ("0 0 31 2 1", ""),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "expected"), DAY_RULES)
def test_day_and_weekday(expression: str, expected: str) -> None:
    assert days(expression, *MAY) == expected.split()


def test_an_impossible_date_beside_a_weekday_is_that_weekday() -> None:
    assert days("0 0 31 2 1", "2026-01-01", "2027-01-01") == ["02-02", "02-09", "02-16", "02-23"]


def test_leap_days() -> None:
    assert days("0 0 29 2 *", "2020-01-01", "2041-01-01", "%Y") == ["2020", "2024", "2028", "2032", "2036", "2040"]
    assert days("0 0 29 2 *", "2092-01-01", "2110-01-01", "%Y") == ["2092", "2096", "2104", "2108"]
    assert days("0 0 29 2 *", "1999-01-01", "2001-01-01", "%Y") == ["2000"]
    assert days("0 0 29 2 */7", "1970-01-01", "2110-01-01", "%Y") == ["1976", "2004", "2032", "2060", "2088"]


def test_the_31st_skips_short_months() -> None:
    assert days("0 0 31 * *", "2026-01-01", "2027-01-01") == [
        "01-31",
        "03-31",
        "05-31",
        "07-31",
        "08-31",
        "10-31",
        "12-31",
    ]
    assert days("0 0 30,31 2,4 *", "2026-01-01", "2027-01-01") == ["04-30"]


def test_last_occurrences_of_what_is_covered() -> None:
    rule = Recurrence(Cron("0 0 29 2 *"), timezone="UTC")
    last = seconds("2196-02-29 00:00")
    assert rule.next_timestamp(last - 1) == last
    assert rule.next_timestamp(last) is None
    assert rule.previous_timestamp(10**15) == last
    first = seconds("1972-02-29 00:00")
    assert rule.next_timestamp(-(10**15)) == first
    assert rule.previous_timestamp(first) is None
    for zone in ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Niue"):
        rule = Recurrence(Cron("* * * * *"), timezone=zone)
        assert rule.next_timestamp(-1) == 0
        assert rule.next_timestamp(-5) == 0
        assert rule.previous_timestamp(0) is None
        assert rule.previous_timestamp(1) == 0
        end = seconds("2200-01-01 00:00")
        assert rule.next_timestamp(end - 61) == end - 60
        assert rule.next_timestamp(end - 60) is None
        assert rule.previous_timestamp(end + 1) == end - 60


@pytest.mark.parametrize("instant", [7_258_118_400, 10**12, 10**15, 253_402_300_799, 253_402_300_800])
@pytest.mark.parametrize("expression", ["* * * * *", "0 0 29 2 *", "30 2 * * *"])
def test_beyond_what_is_covered_there_is_nothing(expression: str, instant: int) -> None:
    for zone in ("UTC", "Europe/Berlin", "Pacific/Kiritimati"):
        rule = Recurrence(Cron(expression), timezone=zone)
        assert rule.next_timestamp(instant) is None
        assert rule.next_timestamp(instant) is None  # asked twice: the second question goes another way
        assert list(rule.timestamps(instant, instant + 10**6)) == []
        assert rule.between(instant, instant + 10**6) == []
        assert rule.previous_timestamp(-instant) is None


RARE = [
    "0 0 29 2 *", "0 0 29 2 */7", "0 0 29 2 1", "0 0 31 * *", "0 0 1 1 *", "0 0 13 * 5", "59 23 31 12 *", "0 0 30 1-2 */3",
    "0 0 */31 5 3", "0 12 1-7 */6 *", "0 0 */100,1-7 * 1",
]  # fmt: skip


def test_rare_rules_through_all_years() -> None:
    """Day by day from 1970 to 2200 (1972, 2000, 2096 and 2104 are leap years, 2100 is not), and each way to ask."""
    every_day = [
        date.fromordinal(number) for number in range(date(1970, 1, 1).toordinal(), date(2200, 1, 1).toordinal())
    ]
    for expression in RARE:
        by_hand, asked = oracle(expression), Recurrence(Cron(expression), timezone="UTC")
        time = min(by_hand.hours) * 3600 + min(by_hand.minutes) * 60
        expected = [number * 86_400 + time for number, day in enumerate(every_day) if by_hand.on(day)]
        assert list(asked.timestamps(-(10**12), 10**12)) == expected, expression
        assert [int(at.timestamp()) for at in asked.between(0, 10**12)] == expected, expression
        forward, backward = [asked.next_timestamp(-1)], [asked.previous_timestamp(10**12)]
        for _ in expected:
            forward.append(asked.next_timestamp(forward[-1] or 0))
            backward.append(asked.previous_timestamp(backward[-1] or 0))
        assert forward == [*expected, None], expression
        assert backward == [*expected[::-1], None], expression
        for start in range(0, LAST, LAST // 97):  # windows of about twenty years, and first questions
            inside = expected[bisect_left(expected, start) : bisect_left(expected, start + 650_000_000)]
            assert list(asked.timestamps(start, start + 650_000_000)) == inside, expression
            first = Recurrence(Cron(expression), timezone="UTC").next_timestamp(start - 1)
            assert first == next(iter(expected[bisect_left(expected, start) :]), None), expression


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("expression", ["* * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 1 1 *"])
def test_the_edges_as_a_clock_in_the_zone_shows_them(expression: str, zone: str) -> None:
    rule = Recurrence(Cron(expression), timezone=zone)
    for edge in (0, 63_072_000, seconds("2196-02-29 00:00"), seconds("2200-01-01 00:00")):
        for around in (edge, edge - 5 * 86_400, edge + 5 * 86_400, edge - 86_399, edge - 60, edge - 1, edge + 1):
            for _ in range(2):
                following = rule.next_timestamp(around)
                found = rule.next_after(datetime.fromtimestamp(around, rule.zone))
                assert found == (None if following is None else datetime.fromtimestamp(following, UTC)), around
    for year in (1, 1900, 1969, 2201, 2300, 9999):
        assert (rule.next_after(datetime(year, 6, 1, tzinfo=rule.zone)) is None) == (year > 2200)


def test_the_end_of_python_s_time() -> None:
    rule = Recurrence(Cron("0 0 * * *"), timezone="Europe/Berlin")
    assert rule.next_after(datetime.max.replace(tzinfo=UTC)) is None
    assert rule.next_after(datetime.min.replace(tzinfo=UTC)) == datetime(1970, 1, 1, 23, tzinfo=UTC)
    assert rule.next_after(datetime.max.replace(tzinfo=rule.zone)) is None
    assert rule.next_after(datetime.min.replace(tzinfo=rule.zone)) == datetime(1970, 1, 1, 23, tzinfo=UTC)
    assert rule.previous_before(datetime.min.replace(tzinfo=UTC)) is None
    assert f"{rule.previous_before(datetime.max.replace(tzinfo=UTC)):%F}" == "2200-01-01"
