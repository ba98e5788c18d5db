"""Any rule, any zone, any host: what is due is called for. Zones from the whole tz database, times from 1990 on."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.schedulers.cron.dialect import CronDialect
from tests.schedulers.test_cover import OWNER, place, schedule

DAY = 86_400
FIRST = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp())
ODD = (  # noqa: SIM905 - a list of names
    "Australia/Lord_Howe Pacific/Apia Africa/Casablanca Antarctica/Troll Europe/Dublin Pacific/Kiritimati America/Havana"
    " Asia/Gaza Pacific/Niue Pacific/Pago_Pago Asia/Kathmandu Pacific/Chatham America/St_Johns Asia/Pyongyang UTC Europe/Berlin"
).split()
ZONES = sorted(zoneinfo.available_timezones() - {"localtime"})
zones = st.one_of(st.sampled_from(ODD), st.sampled_from(ZONES))


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    pair = st.tuples(value, value).map(sorted)
    span = pair.map(lambda ends: f"{ends[0]}-{ends[1]}")
    steps = st.tuples(pair, st.integers(1, 9)).map(lambda drawn: f"{drawn[0][0]}-{drawn[0][1]}/{drawn[1]}")
    several = st.lists(st.one_of(value.map(str), span, steps), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.integers(2, 9).map(lambda step: f"*/{step}"), value.map(str), several)


def _cron(fields: tuple[str, ...]) -> Cron:
    return Cron(" ".join(fields))


crons = st.one_of(
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 28), _field(1, 12), _field(0, 7)).map(_cron),
    # Around the ends of months and years, where a day more or less is another month.
    st.tuples(
        st.sampled_from(["0", "59", "30", "*/20"]),
        st.sampled_from(["0", "1", "2", "3", "12", "22", "23", "*/23"]),
        st.sampled_from(["1", "2", "3", "27", "28", "29", "30", "31", "3-30/3", "2-30/2", "1,28", "*/2", "*"]),
        st.sampled_from(["1", "3", "7", "12", "*", "*/3", "1-11/2"]),
        st.sampled_from(["*", "*", "1", "6", "0", "1-5/2", "1,3,5,6", "*/2"]),
    ).map(_cron),
)
intervals = st.tuples(st.integers(60, 3 * DAY), st.integers(0, 3 * DAY)).map(
    lambda drawn: Interval(timedelta(seconds=drawn[0]), timedelta(seconds=drawn[1] % drawn[0]))
)


def uncovered(rule: Expression, zone: str, host: str, start: int, days: int) -> tuple[list[int], list[str]]:
    """Occurrences that no call comes for, at the minute they are due or the first after it; and the lines."""
    dialect = CronDialect(replace(place(host), now=start, horizon_years=2))
    one, end = schedule(rule, zone), start + days * DAY
    compiled = dialect.compile(OWNER, [one])
    if any(finding.code == "C103" for finding in compiled.findings):
        return [], []
    entries = [entry for entry in compiled.entries if not entry.sweep]
    called = {at for entry in entries for at in dialect.predict(entry, start, end + 60)}
    due = one.recurrence().timestamps(start, end)
    return [at for at in due if -(-at // 60) * 60 not in called], [entry.name for entry in entries]


def check(rule: Expression, zone: str, host: str, start: int, days: int) -> None:
    missing, lines = uncovered(rule, zone, host, start, days)
    first = datetime.fromtimestamp(missing[0], UTC).isoformat() if missing else ""
    assert not missing, f"{rule} in {zone} on a {host} host: {len(missing)} not covered, first {first}, lines {lines}"


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crons, zones, zones, st.integers(FIRST, LAST), st.integers(30, 730))
def test_no_occurrence_is_without_a_call(rule: Cron, zone: str, host: str, start: int, days: int) -> None:
    check(rule, zone, host, start, days if len(rule.seconds) <= 48 else min(days, 90))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(intervals, zones, st.integers(FIRST, LAST), st.integers(30, 120))
def test_no_interval_is_without_a_call(rule: Interval, host: str, start: int, days: int) -> None:
    check(rule, "UTC", host, start, days)


@settings(max_examples=100, deadline=None)
@given(st.integers(FIRST, LAST), st.integers(0, 300 * DAY), zones)
def test_no_single_instant_is_without_a_call(start: int, wait: int, host: str) -> None:
    check(OneShot(datetime.fromtimestamp(start + wait, UTC)), "UTC", host, start, 365)


@settings(max_examples=500, deadline=None)
@given(crons, zones, st.integers(FIRST, LAST), st.integers(30, 400))
def test_a_host_in_the_same_zone_is_called_for_nothing_else(rule: Cron, zone: str, start: int, days: int) -> None:
    dialect = CronDialect(replace(place(zone), now=start, horizon_years=2))
    (entry,) = [e for e in dialect.compile(OWNER, [schedule(rule, zone)]).entries if not e.sweep]
    end = start + days * DAY
    assert list(dialect.predict(entry, start, end)) == list(schedule(rule, zone).recurrence().timestamps(start, end))


@pytest.mark.parametrize(
    ("text", "zone", "host", "start"),
    [
        # A list of days that moved became */3, and a leading star turns "either" into "both".
        ("0 2 3-30/3 1 1", "Pacific/Apia", "Australia/Lord_Howe", "1990-01-01"),
        ("0 1 13 * 1,3,5,6", "UTC", "America/New_York", "2026-01-01"),
        # Zones 25 and 26 hours apart: what is local midnight here is the day after tomorrow there.
        ("0 23 1 * *", "Pacific/Niue", "Pacific/Kiritimati", "2026-01-01"),
        ("30 23 27,28 2 *", "Pacific/Niue", "Pacific/Kiritimati", "2026-01-01"),
        ("0 0 2 3 *", "Pacific/Kiritimati", "Pacific/Niue", "2026-01-01"),
        ("0 0 1 1 *", "Pacific/Kiritimati", "Pacific/Pago_Pago", "2026-01-01"),
        ("30 23 * 5 6", "Pacific/Niue", "Pacific/Kiritimati", "2026-01-01"),
        # A day that does not exist.
        ("0 12 30 12 *", "Pacific/Apia", "Europe/Berlin", "2011-06-01"),
        ("0 0 31 12 5,6", "Europe/Berlin", "Pacific/Apia", "2011-06-01"),
        # Half an hour and two hours of a gap, and a host with a gap of its own.
        ("15 2 * * *", "Australia/Lord_Howe", "Antarctica/Troll", "2026-01-01"),
        ("30 1 * * *", "Antarctica/Troll", "Australia/Lord_Howe", "2026-01-01"),
        ("0 0 * * *", "America/Havana", "Asia/Gaza", "2026-01-01"),
    ],
)
def test_what_was_not_covered_once(text: str, zone: str, host: str, start: str) -> None:
    check(Cron(text), zone, host, int(datetime.fromisoformat(start + "T00:00+00:00").timestamp()), 730)


@settings(max_examples=500, deadline=None)
@given(crons, zones, zones, st.integers(FIRST, LAST), st.integers(1, 300 * DAY), st.integers(-50 * DAY, 200 * DAY))
def test_bounds_cut_nothing_off(rule: Cron, zone: str, host: str, now: int, lasts: int, ahead: int) -> None:
    start, end = max(FIRST, now + ahead), max(FIRST, now + ahead) + lasts
    bounded = schedule(rule, zone, start_ms=start * 1000, end_ms=end * 1000)
    dialect = CronDialect(replace(place(host), now=now, horizon_years=2))
    entries = [e for e in dialect.compile(OWNER, [bounded]).entries if not e.sweep]
    until = min(end, now + 60 * DAY + max(0, ahead))
    called = {at for entry in entries for at in dialect.predict(entry, now, until)}
    assert set(bounded.recurrence().timestamps(now, until)) <= called


def test_what_ends_before_the_clocks_change_is_exact() -> None:
    july = {"start_ms": 1_782_864_000_000, "end_ms": 1_785_542_400_000}
    compiled = CronDialect(place()).compile(OWNER, [schedule(Cron("0 6 * * *"), "Europe/Berlin", **july)])
    assert [entry.name for entry in compiled.entries if not entry.sweep] == ["0 4 * * *"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("0 0 1 * *", ["0 22-23 28-29 2 *", "0 22-23 30 4,6,9,11 *", "0 22-23 31 1,3,5,7-8,10,12 *"]),
        ("0 0 1 1 *", ["0 22-23 31 12 *"]),
    ],
)
def test_the_last_day_of_a_month_is_called_for_once(text: str, lines: list[str]) -> None:
    """The first of the month in Berlin begins on the last of the month in UTC, not on each of the last four days."""
    compiled = CronDialect(place()).compile(OWNER, [schedule(Cron(text), "Europe/Berlin")])
    assert [entry.name for entry in compiled.entries if not entry.sweep] == lines
