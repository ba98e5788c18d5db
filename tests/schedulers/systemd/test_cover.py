"""Every occurrence has a call at its instant, in every zone, whatever systemd searched for last; the rest is counted."""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.recurrence.zone import transitions
from purista.schedulers.base import Severity
from purista.schedulers.systemd.cover import cover
from purista.schedulers.systemd.dialect import SystemdDialect
from purista.schedulers.systemd.text import calendars
from tests.schedulers.systemd.analyze import DAY, analyzer, calendar, normal_forms
from tests.schedulers.systemd.world import NOW, OWNER, dialect, place
from tests.schedulers.test_cover import CRONS, RULES, ZONES, schedule
from tests.schedulers.test_cover_property import crons, intervals, zones

TWO_YEARS = NOW + 730 * DAY
ODD = [*ZONES, "Pacific/Chatham", "America/Havana", "Africa/Cairo", "Atlantic/Azores", "Asia/Gaza"]
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2000, 2040))


def calls_and_due(
    rule: Expression, zone: str, now: int, end: int, **options: object
) -> tuple[list[int], list[int], list[str]]:
    """Calls, occurrences, lines."""
    one = schedule(rule, zone, **options)
    compiled = SystemdDialect(replace(place(), now=now, horizon_years=3)).compile(OWNER, [one])
    entries = [entry for entry in compiled.entries if not entry.sweep]
    calls = [at for entry in entries for at in SystemdDialect(place()).predict(entry, now, end)]
    lines = [line.text() for entry in entries for line in calendars(entry.body)]
    return calls, list(one.recurrence().timestamps(now, end - 60)), lines


def check(rule: Expression, zone: str, now: int, end: int, **options: object) -> tuple[int, int]:
    """How many are due and how many calls there are."""
    calls, due, lines = calls_and_due(rule, zone, now, end, **options)
    exact = not isinstance(rule, Interval) or (rule.every_seconds % 60 == 0 and rule.offset_seconds % 60 == 0)
    called = set(calls)
    missing = [at for at in due if (at if exact else -(-at // 60) * 60) not in called and at not in called]
    first = datetime.fromtimestamp(missing[0], UTC).isoformat() if missing else ""
    assert not missing, f"{rule} in {zone}: {len(missing)} of {len(due)} not called for, first {first}, lines {lines}"
    return len(due), len(calls)


def test_two_years_are_covered_and_the_rest_is_counted(record_property: pytest.FixtureRequest) -> None:
    occurrences = calls = 0
    for zone in ODD:
        for text in CRONS.replace("\n", "|").split("|"):
            due, called = check(Cron(text), zone, NOW, TWO_YEARS)
            occurrences, calls = occurrences + due, calls + called
    print(f"\n{len(ODD)} zones: {occurrences} occurrences, {calls} calls, {calls / occurrences - 1:.3%} extra")
    assert calls < occurrences * 1.01


def test_intervals_and_single_instants_are_covered() -> None:
    for rule in RULES:
        if not isinstance(rule, Cron):
            check(rule, "UTC", NOW, NOW + 90 * DAY if isinstance(rule, Interval) else TWO_YEARS)
    for seconds in (1, 7, 10, 45, 61, 75, 90, 100, 3_601, 7 * DAY, 14 * DAY, 10 * DAY):
        rule = Interval(timedelta(seconds=seconds), timedelta(seconds=seconds // 3))
        check(rule, "UTC", NOW, NOW + (2 if seconds < 60 else 60) * DAY)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crons, zones, st.integers(FIRST, LAST), st.integers(30, 730))
def test_no_occurrence_is_without_a_call(rule: Cron, zone: str, now: int, days: int) -> None:
    check(rule, zone, now, now + (days if len(rule.seconds) <= 48 else min(days, 60)) * DAY)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(intervals, st.integers(FIRST, LAST), st.integers(5, 60))
def test_no_interval_is_without_a_call(rule: Interval, now: int, days: int) -> None:
    check(rule, "UTC", now, now + days * DAY)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crons, zones, st.integers(FIRST, LAST), st.integers(1, 300 * DAY), st.integers(-50 * DAY, 200 * DAY))
def test_bounds_cut_nothing_off(rule: Cron, zone: str, now: int, lasts: int, ahead: int) -> None:
    start = max(FIRST, now + ahead)
    end = max(now, min(start + lasts, now + 60 * DAY + max(0, ahead)))
    check(rule, zone, now, end, start_ms=start * 1000, end_ms=(start + lasts) * 1000)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Havana", "Pacific/Chatham", "Africa/Casablanca", "Africa/Cairo"]
)
def test_wherever_the_search_begins_the_next_call_comes_in_time(zone: str) -> None:
    """systemd's own words: from any instant around a change, no line of the timer skips the next occurrence."""
    analyzer()
    for text in ("30 2 * * *", "45 2 * * *", "30 0 * * *", "*/20 0-3 * * *", "15 0-23 * * *"):
        rule = schedule(Cron(text), zone).recurrence()
        lines = cover(rule, NOW, NOW + 12 * 366 * DAY)
        for change in transitions(zone, NOW, NOW + 366 * DAY):
            for base in range(change.at - 3 * 3_600, change.at + 3 * 3_600, 2_700):
                due = rule.next_timestamp(base)
                calls = [at for line in lines for at in calendar(line, base, 1)]
                assert due is not None
                assert min(calls) <= due, f"{text} from {base}: due at {due}, called at {min(calls)}, {lines}"


def test_lines_are_in_systemds_own_normal_form() -> None:
    lines = {
        line for zone in ODD for rule in RULES for line in cover(schedule(rule, zone).recurrence(), NOW, TWO_YEARS)
    }
    assert normal_forms(sorted(lines)) == sorted(lines)


def test_systemd_knows_every_zone_of_the_database() -> None:
    names = sorted(zoneinfo.available_timezones() - {"localtime"})
    assert len(normal_forms([f"*-*-* 00:00:00 {zone}" for zone in names])) == len(names)


@pytest.mark.parametrize(
    ("text", "zone", "lines"),
    [
        ("30 2 * * *", "UTC", ["*-*-* 02:30:00 UTC"]),
        ("*/15 * * * *", "Europe/Berlin", ["*-*-* *:00..45/15:00 UTC"]),
        ("7 * * * *", "Asia/Kolkata", ["*-*-* *:37:00 UTC"]),
        ("0 9-17 * * mon-fri", "America/New_York", ["Mon..Fri *-*-* 09..17:00:00 America/New_York"]),
        ("0 0 13 * fri", "Europe/Berlin", ["*-*-13 00:00:00 Europe/Berlin", "Fri *-*-* 00:00:00 Europe/Berlin"]),
        ("0 0 */10 * 1", "UTC", ["Mon *-*-01..31/10 00:00:00 UTC"]),
        ("0 0 1-31 * 1", "UTC", ["*-*-* 00:00:00 UTC"]),
        ("0 0 * * 0", "UTC", ["Sun *-*-* 00:00:00 UTC"]),
        ("0 0 * * 5-7", "UTC", ["Fri..Sun *-*-* 00:00:00 UTC"]),
        ("0 0 * * 0-2", "UTC", ["Mon,Tue,Sun *-*-* 00:00:00 UTC"]),
        ("*/7 * * * *", "UTC", ["*-*-* *:00..56/7:00 UTC"]),
        (
            "30 2 * * *",
            "Europe/Berlin",
            ["*-*-* 02:30:00 Europe/Berlin", "Sun *-03-25..31 01:00:00 UTC", "Sun *-10-25..31 00:30:00 UTC"],
        ),
    ],
)
def test_lines_that_people_will_read(text: str, zone: str, lines: list[str]) -> None:
    assert list(cover(schedule(Cron(text), zone).recurrence(), NOW, NOW + 12 * 366 * DAY)) == lines


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (Interval(timedelta(minutes=90)), ["*-*-* 00..21/3:00:00 UTC", "*-*-* 01..22/3:30:00 UTC"]),
        (Interval(90), ["*-*-* *:00..57/3:00 UTC", "*-*-* *:01..58/3:30 UTC"]),
        (Interval(timedelta(minutes=7)), ["*-*-* *:*:00 UTC"]),
        (Interval(61), ["*-*-* *:*:00 UTC"]),
        (Interval(timedelta(days=7)), ["Thu *-*-* 00:00:00 UTC"]),
        (OneShot("2026-10-25T00:30:17Z"), ["2026-10-25 00:30:17 UTC"]),
    ],
)
def test_lines_of_intervals_and_single_instants(rule: Expression, lines: list[str]) -> None:
    assert list(cover(schedule(rule, "UTC").recurrence(), NOW, TWO_YEARS)) == lines


@pytest.mark.parametrize(
    ("rule", "options", "code", "severity", "entries"),
    [
        (Cron("0 5 * * *"), {"enabled_by_default": False}, "S101", Severity.INFO, 3),
        (OneShot("2020-01-01T00:00:00Z"), {}, "S102", Severity.INFO, 0),
        (Cron("0 5 * * *"), {"jitter_window_ms": 7_200_000}, "S104", Severity.WARNING, 3),
        (Cron("0 5 * * *"), {"jitter_window_ms": 600_000, "start_deadline_ms": 60_000}, "S104", Severity.WARNING, 3),
        (Interval(61), {}, "S105", Severity.WARNING, 3),
        (Cron("30 2 * * *"), {}, "S106", Severity.INFO, 3),
        (Interval(420), {}, "S107", Severity.INFO, 3),
        (Interval(7), {}, "S111", Severity.WARNING, 3),
    ],
)
def test_nothing_is_dropped_silently(
    rule: Expression, options: dict[str, object], code: str, severity: Severity, entries: int
) -> None:
    compiled = dialect().compile(OWNER, [schedule(rule, "Europe/Berlin", **options)])
    assert (code, severity) in {(finding.code, finding.severity) for finding in compiled.findings}
    assert len(compiled.entries) == entries


def test_equal_lines_are_grouped_and_jitter_stands_alone() -> None:
    """A call in a process each for schedules with jitter, else all of them would be moved by the same delay."""
    schedules = [schedule(Cron("0 5 * * *"), "UTC", name) for name in ("b", "a", "c")]
    spread = [schedule(Cron("0 5 * * *"), "UTC", name, jitter_window_ms=60_000) for name in ("d", "e")]
    entries = dialect().compile(OWNER, [*schedules, *spread]).entries
    assert sorted(entry.keys for entry in entries if not entry.sweep) == [
        ("user/1/a", "user/1/b", "user/1/c"),
        ("user/1/d",),
        ("user/1/e",),
    ]
    delayed = [entry for entry in entries if entry.keys in {("user/1/d",), ("user/1/e",)}]
    assert all("RandomizedDelaySec=60000ms\nFixedRandomDelay=true\n" in entry.body for entry in delayed)
    calls = bisect_left(dialect().predict(delayed[0], NOW, NOW + DAY), NOW + DAY)
    assert calls == 1, "what is predicted is the time that is meant; jitter comes on top"
