"""Every occurrence has a call, in every zone, whatever Cloud Scheduler does where clocks change; what is called besides is
counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings

from purista.errors import RegistrationError
from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.recurrence.zone import transitions
from purista.schedulers.base import Severity
from purista.schedulers.gcp.cover import movable
from purista.schedulers.gcp.fields import Fields, firings
from purista.schedulers.spread import delay_s
from tests.schedulers.gcp.world import DOOR, NOW, OWNER, TWO_YEARS, dialect, schedule
from tests.schedulers.test_cover import CRONS, RULES, ZONES
from tests.schedulers.test_cover_property import crons, intervals, zones

ODD = [*ZONES, "Pacific/Chatham", "America/Havana", "Africa/Cairo", "Atlantic/Azores", "Asia/Gaza"]
DAY = 86_400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


SURE = [
    # what the documentation promises: expression, zone, from, to, instants (UTC)
    ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", ""),
    ("0 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "00:00 01:00 02:00"),
    ("0,15,30,45 * * * *", "Europe/Berlin", "2026-03-29T00:30Z", "2026-03-29T01:31Z", "00:30 00:45 01:00 01:15 01:30"),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", ""),
    ("0 * * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "23:00 02:00 03:00"),
    ("0 0 13 * 5", "Etc/UTC", "2026-02-05T00:00Z", "2026-02-21T00:00Z", "00:00 00:00 00:00"),
    ("0 0 * * 0", "Etc/UTC", "2026-06-01T00:00Z", "2026-06-08T00:00Z", "00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "zone", "start", "end", "wanted"), SURE)
def test_only_what_is_documented_counts_as_sure(text: str, zone: str, start: str, end: str, wanted: str) -> None:
    found = firings(text, zone, at(start), at(end))
    assert " ".join(datetime.fromtimestamp(one, UTC).strftime("%H:%M") for one in found) == wanted


@pytest.mark.parametrize("text", ["0 0 * *", "*/5 * * * *", "every 5 minutes", "0 0 * * mon", "@daily", "0 0 * * 5#2"])
def test_what_is_not_ours_is_never_read(text: str) -> None:
    with pytest.raises(RegistrationError, match="expected five fields"):
        firings(text, "UTC", NOW, NOW + DAY)


def covered(rule: Expression, zone: str, start: int, end: int, **options: object) -> tuple[int, int, int]:
    """How many are due, how many calls are sure, how many jobs there are."""
    one = schedule(rule, zone, **options)
    compiled = dialect(now=start, horizon_years=3, target=DOOR).compile(OWNER, [one])
    calls = [call for entry in compiled.entries for call in dialect().predict(entry, start, end)]
    due, called = one.recurrence().timestamps(start, end - 60), set(calls)
    missing = [instant for instant in due if -(-instant // 60) * 60 not in called]
    first = datetime.fromtimestamp(missing[0], UTC).isoformat() if missing else ""
    lines = [json.loads(entry.body)["schedule"] for entry in compiled.entries]
    assert not missing, f"{rule} in {zone}: {len(missing)} of {len(due)} without a call, first {first}, {lines}"
    return len(due), len(calls), len(compiled.entries)


def test_two_years_are_covered_and_the_rest_is_counted() -> None:
    occurrences = calls = schedules = jobs = 0
    for zone in ODD:
        for rule in RULES if zone == "UTC" else [Cron(text) for text in CRONS.replace("\n", "|").split("|")]:
            if isinstance(rule, Interval) and rule.every_seconds % 300:
                continue  # a grid, counted below
            due, called, made = covered(rule, zone, NOW, TWO_YEARS)
            occurrences, calls, schedules, jobs = occurrences + due, calls + called, schedules + 1, jobs + made
    print(f"\n{len(ODD)} zones: {occurrences} occurrences, {calls / occurrences - 1:.2%} extra calls; "
          f"{schedules} schedules, {jobs} jobs")  # fmt: skip
    assert calls < occurrences * 1.05
    assert jobs < schedules * 1.5


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(crons, zones)
def test_any_rule_in_any_zone_is_covered_where_clocks_change(rule: Cron, zone: str) -> None:
    for change in transitions(zone, NOW, NOW + 3 * 366 * DAY)[:2]:
        covered(rule, zone, change.at - 5 * DAY, change.at + 5 * DAY)


@settings(max_examples=60, deadline=None)
@given(intervals)
def test_any_interval_is_covered(interval: Interval) -> None:
    if interval.every_seconds >= 60:
        covered(interval, "UTC", NOW, NOW + 20 * DAY)


def schedules_of(rule: Expression, zone: str = "UTC") -> list[tuple[str, str]]:
    compiled = dialect(target=DOOR).compile(OWNER, [schedule(rule, zone)])
    return [(made["schedule"], made["timeZone"]) for made in (json.loads(entry.body) for entry in compiled.entries)]


def test_what_is_left_out_where_clocks_change_is_one_job_in_utc() -> None:
    """02:30 is due at 01:00Z on 29 March and at 00:30Z on 25 October: the last Sundays, which are 25 to 31 in other years."""
    nightly, repair = schedules_of(Cron("30 2 * * *"), "Europe/Berlin")
    assert nightly == ("30 2 * * *", "Europe/Berlin")
    assert repair == ("0,30 0-1 25-31 3,10 *", "Etc/UTC")


def test_what_follows_elapsed_time_is_in_utc() -> None:
    assert schedules_of(Cron("*/15 * * * *"), "Europe/Berlin") == [("0,15,30,45 * * * *", "Etc/UTC")]
    assert schedules_of(Cron("10 * * * *"), "Asia/Kathmandu") == [("25 * * * *", "Etc/UTC")]


def test_a_time_that_no_change_touches_is_one_job() -> None:
    assert schedules_of(Cron("0 2 1 * *"), "Europe/Berlin") == [("0 2 1 * *", "Europe/Berlin")]
    assert schedules_of(Cron("0 9 * * mon-fri"), "America/New_York") == [("0 9 * * 1-5", "America/New_York")]


def test_sunday_is_0_and_nothing_but_numbers_is_written() -> None:
    assert schedules_of(Cron("0 0 * JAN,feb sun")) == [("0 0 * 1-2 0", "Etc/UTC")]
    assert schedules_of(Cron("0 0 * * 5-7")) == [("0 0 * * 0,5-6", "Etc/UTC")]
    for rule in RULES:
        for text, zone in schedules_of(rule, "Europe/Berlin" if isinstance(rule, Cron) else "UTC"):
            assert set(text) <= set("0123456789,-* ")
            assert zone != "UTC"


def test_day_and_weekday_together_are_covered_by_the_rarer_one() -> None:
    assert schedules_of(Cron("0 0 */10 * 1")) == [("0 0 1,11,21,31 * *", "Etc/UTC")]


def test_a_weekly_interval_is_called_once_a_week() -> None:
    due, calls, jobs = covered(Interval(timedelta(weeks=1), timedelta(days=2, minutes=5)), "UTC", NOW, NOW + 70 * DAY)
    assert due == calls == 10
    assert jobs == 1


def test_an_interval_shares_a_job_at_the_price_of_some_calls() -> None:
    assert covered(Interval(timedelta(minutes=45)), "UTC", NOW, NOW + 9 * DAY)[1:] == (96 * 9, 1)


@pytest.mark.parametrize(
    ("one", "other", "whole"),
    [
        (Fields((0,), (1,)), Fields((30,), (2,)), "0,30 1-2 * * *"),
        (Fields((0,), (1,), weekdays=(1,)), Fields((0,), (1,), weekdays=(3,)), "0 1 * * 1,3"),
        (Fields((0,), (1,), (5,)), Fields((0,), (1,), (6,), (2,)), "0 1 5-6 * *"),
        (Fields((0,), (1,), (5,)), Fields((0,), (1,), weekdays=(3,)), None),
    ],
)
def test_joined_fields_call_for_both(one: Fields, other: Fields, whole: str | None) -> None:
    """Never where day and weekday would come together: that would mean either."""
    joined = one.joined(other)
    assert (None if joined is None else joined.text()) == whole
    if joined is not None:
        both = {at for part in (one, other) for at in firings(part.text(), "UTC", NOW, NOW + 400 * DAY)}
        assert both <= set(firings(joined.text(), "UTC", NOW, NOW + 400 * DAY))


MOVED = [
    Cron("30 2 * * *"), Cron("0 2 * * *"), Cron("0 * * * *"), Cron("*/20 * * * *"), Cron("45 1 * * mon-fri"),
    Cron("0 0 1 * *"), Cron("55 23 31 12 *"), Interval(5_400), Interval(7 * DAY), OneShot("2026-10-25T00:30:00Z"),
]  # fmt: skip


@pytest.mark.parametrize("rule", MOVED, ids=str)
def test_a_jitter_window_moves_every_call_within_it(rule: Expression) -> None:
    """By whole minutes, for a key always as many, also where clocks change."""
    moved = set()
    for zone in ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"):
        for name in ("a", "b", "c", "d"):
            one = schedule(rule, zone, name, jitter_window_ms=900_000)
            compiled = dialect(horizon_years=3, target=DOOR).compile(OWNER, [one])
            calls = {call for entry in compiled.entries for call in dialect().predict(entry, NOW, TWO_YEARS)}
            later = movable(one.recurrence(), delay_s(one))
            moved.add(later)
            assert 0 <= later < 15
            assert {at + later * 60 for at in one.recurrence().timestamps(NOW, TWO_YEARS - 3_600)} <= calls
    assert max(moved) > 0


def test_calls_in_the_uncertain_hour_do_not_matter() -> None:
    """None, one or two runs of the job in the zone: the gateway decides once, and a call for it comes in any case."""
    one = schedule(Cron("30 2 * * *"), "Europe/Berlin")
    due = one.recurrence().timestamps(at("2026-10-24T22:00Z"), at("2026-10-25T22:00Z"))
    zoned, repair = dialect(target=DOOR).compile(OWNER, [one]).entries
    passes = [at("2026-10-25T00:30Z"), at("2026-10-25T01:30Z")]
    for happened in product([False, True], repeat=2):
        calls = {
            *dialect().predict(zoned, at("2026-10-24T22:00Z"), at("2026-10-25T22:00Z")),
            *dialect().predict(repair, at("2026-10-24T22:00Z"), at("2026-10-25T22:00Z")),
            *(instant for instant, does in zip(passes, happened, strict=True) if does),
        }
        assert set(due) <= calls


def codes(*rules: Expression, zone: str = "UTC", **options: object) -> dict[str, Severity]:
    schedules = [schedule(rule, zone, f"s{number}", **options) for number, rule in enumerate(rules)]
    return {finding.code: finding.severity for finding in dialect().compile(OWNER, schedules).findings if finding.key}


def test_what_is_changed_or_refused_is_said() -> None:
    assert codes(Cron("0 5 * * *")) == {}
    assert codes(Cron("30 2 * * *"), zone="Europe/Berlin") == {"G106": Severity.INFO}
    assert codes(Interval(90)) == {"G105": Severity.WARNING, "G107": Severity.INFO}
    assert codes(Interval(30)) == {"G103": Severity.REFUSED}
    assert codes(OneShot("2020-01-01T00:00:00Z")) == {"G102": Severity.INFO}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=60_000) == {}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=600_000, start_deadline_ms=60_000) == {"G104": Severity.WARNING}
    assert codes(Cron("0 5 * * *"), enabled_by_default=False) == {"G101": Severity.INFO}
    assert codes(Cron("0 5 * * *"), end_ms=(NOW + DAY) * 1_000) == {"G109": Severity.INFO}


def test_more_jobs_than_the_quota_are_refused_as_a_whole() -> None:
    def found(count: int, quota: int) -> list[tuple[str, Severity]]:
        many = [schedule(Cron("0 5 * * *"), "UTC", f"s{number}") for number in range(count)]
        findings = dialect(quota=quota).compile(OWNER, many).findings
        return [(finding.code, finding.severity) for finding in findings if not finding.key]

    assert found(9, 10) == []
    assert found(10, 10) == [("G110", Severity.REFUSED)]  # with the sweep it would be eleven
    assert found(1_000, 5_000) == [("G111", Severity.WARNING)]
