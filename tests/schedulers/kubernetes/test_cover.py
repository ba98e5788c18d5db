"""Every occurrence has a Job, in every zone, as the controller's library finds its times; what is called besides is counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from purista.errors import RegistrationError
from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.recurrence.zone import transitions
from purista.schedulers.base import Severity
from purista.schedulers.kubernetes.robfig import firings, goes_back, parse_spec
from tests.schedulers.kubernetes.world import NOW, OWNER, TWO_YEARS, dialect, schedule
from tests.schedulers.test_cover import CRONS, RULES, ZONES
from tests.schedulers.test_cover_property import crons, intervals, zones

ODD = [*ZONES, "Pacific/Chatham", "America/Havana", "Africa/Cairo", "Atlantic/Azores", "Asia/Gaza"]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


MEASURED = [
    # what the library itself printed: expression, zone, from, to, instants (UTC)
    ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", ""),
    ("0 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", ""),
    ("0 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "00:00 01:00 02:00"),
    ("30 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "00:30 01:30"),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "00:30 01:30"),
    ("0 2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "00:00 01:00"),
    ("0 * * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "23:00 00:00 01:00 02:00 03:00"),
    ("30 * * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "23:30 00:30 01:30 02:30"),
    ("30 1 * * *", "America/New_York", "2026-11-01T00:00Z", "2026-11-01T12:00Z", "05:30 06:30"),
    ("0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00Z", "2026-04-04T17:00Z", "13:00 14:00 15:30 16:30"),
    ("30 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00Z", "2026-04-05T12:00Z", "14:30 15:00"),
    ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00Z", "2026-04-24T12:00Z", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "zone", "start", "end", "wanted"), MEASURED)
def test_its_times_are_those_that_the_library_printed(text: str, zone: str, start: str, end: str, wanted: str) -> None:
    found = firings(text, zone, at(start), at(end))
    assert " ".join(datetime.fromtimestamp(one, UTC).strftime("%H:%M") for one in found) == wanted


@pytest.mark.parametrize("text", ["0 0 * * 7", "5 0 * *", "60 * * * *", "* * * * mon", "TZ=UTC * * * *", "*/0 * * * *"])
def test_what_the_api_server_refuses_is_never_read(text: str) -> None:
    with pytest.raises(RegistrationError, match="expected"):
        parse_spec(text)


def test_a_step_takes_the_star_flag_away() -> None:
    assert parse_spec("0 0 */10 * 1").either
    assert not parse_spec("0 0 * * 1").either
    assert not parse_spec("0 0 */1 * 1").either


def covered(rule: Expression, zone: str, start: int, end: int, **options: object) -> tuple[int, int]:
    """How many are due, and how many Jobs there are."""
    one = schedule(rule, zone, **options)
    compiled = dialect(now=start, horizon_years=3).compile(OWNER, [one])
    calls = [call for entry in compiled.entries for call in dialect().predict(entry, start, end)]
    due, called = one.recurrence().timestamps(start, end - 60), set(calls)
    missing = [instant for instant in due if -(-instant // 60) * 60 not in called]
    first = datetime.fromtimestamp(missing[0], UTC).isoformat() if missing else ""
    lines = [json.loads(entry.body)["spec"]["schedule"] for entry in compiled.entries]
    assert not missing, f"{rule} in {zone}: {len(missing)} of {len(due)} without a Job, first {first}, {lines}"
    return len(due), len(calls)


def test_two_years_are_covered_and_the_rest_is_counted() -> None:
    occurrences = calls = 0
    for zone in ODD:
        for rule in RULES if zone == "UTC" else [Cron(text) for text in CRONS.replace("\n", "|").split("|")]:
            if isinstance(rule, Interval) and rule.every_seconds % 300:
                continue  # a grid, counted below
            due, called = covered(rule, zone, NOW, TWO_YEARS)
            occurrences, calls = occurrences + due, calls + called
    print(f"\n{len(ODD)} zones: {occurrences} occurrences, {calls} Jobs, {calls / occurrences - 1:.3%} extra")
    assert calls < occurrences * 1.02


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(crons, zones)
def test_any_rule_in_any_zone_is_covered_where_clocks_change(rule: Cron, zone: str) -> None:
    changes = transitions(zone, NOW, NOW + 3 * 366 * 86_400)
    for change in changes[:2]:
        covered(rule, zone, change.at - 5 * 86_400, change.at + 5 * 86_400)


@settings(max_examples=60, deadline=None)
@given(intervals)
def test_any_interval_is_covered(interval: Interval) -> None:
    if interval.every_seconds >= 60:
        covered(interval, "UTC", NOW, NOW + 20 * 86_400)


def test_day_and_weekday_together_are_covered_by_the_rarer_one() -> None:
    one = schedule(Cron("0 0 */10 * 1"), "UTC")
    (entry,) = dialect().compile(OWNER, [one]).entries
    assert json.loads(entry.body)["spec"]["schedule"] == "0 0 1,11,21,31 * *"


def test_a_weekly_interval_is_called_once_a_week() -> None:
    due, calls = covered(Interval(timedelta(weeks=1), timedelta(days=2, minutes=5)), "UTC", NOW, NOW + 70 * 86_400)
    assert due == calls == 10


def codes(*rules: Expression, zone: str = "UTC", **options: object) -> dict[str, Severity]:
    schedules = [schedule(rule, zone, f"s{number}", **options) for number, rule in enumerate(rules)]
    return {finding.code: finding.severity for finding in dialect().compile(OWNER, schedules).findings if finding.key}


def test_what_is_changed_or_refused_is_said() -> None:
    assert codes(Cron("0 5 * * *")) == {}
    assert codes(Cron("30 2 * * *"), zone="Europe/Berlin") == {"K106": Severity.INFO}
    assert codes(Interval(90)) == {"K105": Severity.WARNING, "K107": Severity.INFO}
    assert codes(Interval(30)) == {"K103": Severity.REFUSED}
    assert codes(OneShot("2020-01-01T00:00:00Z")) == {"K102": Severity.INFO}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=60_000) == {}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=7_200_000) == {"K104": Severity.WARNING}
    assert codes(Cron("0 5 * * *"), enabled_by_default=False) == {"K101": Severity.INFO}
    assert codes(Cron("0 5 * * *"), end_ms=(NOW + 86_400) * 1_000) == {"K109": Severity.INFO}


@pytest.mark.parametrize(
    ("text", "zone", "year"), [("45 3 * * *", "Pacific/Chatham", 2026), ("0 12 30 12 *", "Pacific/Apia", 2011)]
)
def test_where_its_library_stands_still_it_is_called_in_utc(text: str, zone: str, year: int) -> None:
    """Chatham: what follows 2026-04-04T14:00:00Z is that instant again. Apia: it looks for 30 December 2011 for ever."""
    start, end = at(f"{year}-01-01T00:00Z"), at(f"{year + 1}-01-01T00:00Z")
    assert goes_back(text, zone, start, end)
    assert not goes_back(text, "Europe/Berlin", start, end)
    compiled = dialect(now=start).compile(OWNER, [schedule(Cron(text), zone)])
    assert {json.loads(entry.body)["spec"]["timeZone"] for entry in compiled.entries} == {"Etc/UTC"}
    called = {found for entry in compiled.entries for found in dialect().predict(entry, start, end)}
    assert called.issuperset(schedule(Cron(text), zone).recurrence().timestamps(start, end))


def test_a_cronjob_that_stands_still_is_predicted_so() -> None:
    start = at("2026-04-01T00:00Z")
    found = firings("45 3 * * *", "Pacific/Chatham", start, start + 30 * 86_400)
    assert found[-1] == at("2026-04-04T14:00Z")
