"""Where rules said something wrong, or nothing where they should have: one test for each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from purista.check import Severity, run_checks
from purista.check.p106_event_name import is_imperative
from purista.clock import from_iso
from purista.recurrence import Cron, Interval, OneShot
from purista.service.builder import ServiceBuilder
from tests.check.test_rules import BERLIN, HOURLY, NOW, STATED, app, found

UTC_ZONE: dict[str, Any] = {"timezone": "UTC"}


# P103


def test_a_schedule_that_is_over_before_the_clocks_change_is_not_warned_about() -> None:
    bounds = {"start": datetime(2026, 7, 1, tzinfo=UTC), "end": datetime(2026, 8, 1, tzinfo=UTC)}
    assert found("P103", app(Cron("30 2 * * *"), **BERLIN, **bounds)) == []
    late = {"start": datetime(2026, 12, 1, tzinfo=UTC), "end": datetime(2027, 4, 1, tzinfo=UTC)}
    (gap,) = found("P103", app(Cron("30 2 * * *"), **BERLIN, **late))
    assert "2027-03-28)" in gap.message


@pytest.mark.parametrize(
    ("zone", "text", "hours"),
    [
        ("Europe/Berlin", "30 2 * * *", "02:00 to 03:00"),
        ("America/Havana", "30 0 * * *", "00:00 to 01:00"),
        ("America/New_York", "30 1 * * *", "01:00 to 02:00"),
        ("Australia/Lord_Howe", "45 1 * * *", "01:30 to 02:00"),
    ],
)
def test_the_hours_to_avoid_are_those_of_the_zone(zone: str, text: str, hours: str) -> None:
    problems = found("P103", app(Cron(text), timezone=zone))
    assert problems
    assert all(f"outside {hours}" in problem.fix for problem in problems)


def test_a_wildcard_whose_whole_day_is_in_the_gap_is_mentioned() -> None:
    (problem,) = found("P103", app(Cron("*/15 2 * * *"), **BERLIN))
    assert problem.severity is Severity.INFO
    assert "not due at all on 2027-03-28, 2028-03-26" in problem.message
    assert found("P103", app(Cron("*/15 2-4 * * *"), **BERLIN)) == []


# P105


@pytest.mark.parametrize(
    "value", ["{scheduled_at:%A}", "{scheduled_at:%m}", "{scheduled_at:%d}", "{scheduled_at:%m-%d}"]
)
def test_a_key_that_comes_again_is_found(value: str) -> None:
    (problem,) = found("P105", app(Cron("7 5 * * *"), **UTC_ZONE, payload={"a": value}, idempotency_key="payload.a"))
    assert "comes again" in problem.message
    assert "never published" in problem.message


@pytest.mark.parametrize(
    "value", ["{scheduled_at:%Y-%m-%d}", "{scheduled_at:%G-W%V}", "{scheduled_at}", "{occurrence_id}"]
)
def test_a_key_that_goes_on_is_not(value: str) -> None:
    """Once a week of a daily schedule may be meant."""
    assert found("P105", app(Cron("7 5 * * *"), **BERLIN, payload={"a": value}, idempotency_key="payload.a")) == []


# P106


@pytest.mark.parametrize(
    "name",
    ["updateAvailable", "billing.runDone", "importReady", "reminder.sendLate", "checkOverdue", "invoice.buildBroken"],
)
def test_a_state_at_the_end_is_no_order(name: str) -> None:
    assert not is_imperative(name)


# P108


def test_an_event_and_a_queue_of_one_name_do_not_meet() -> None:
    service = app(emit="billing.run")
    service.queue_worker("billingRun", once=True)(lambda context: None)
    service.schedule("other", HOURLY, enqueue="billingRun", **STATED)
    assert found("P108", service) == []


# P109


def _three(*expressions: Cron | Interval, **options: Any) -> ServiceBuilder:
    service = ServiceBuilder("user")
    for number, expression in enumerate(expressions):
        service.schedule(f"n{number}", expression, emit=f"e{number}", **UTC_ZONE, **STATED, **options)
    return service


@pytest.mark.parametrize("text", ["0 0 1 * *", "0 0 15 * *", "@yearly", "0 6 * * MON", "@daily"])
def test_a_herd_is_found_on_every_day_of_the_year(text: str) -> None:
    """Monthly jobs on the first are the commonest herd; it was only seen in the week before."""
    service = _three(*(Cron(text) for _ in range(3)))
    for month in range(1, 13):
        now = from_iso(f"2027-{month:02}-03T00:00:00Z")
        assert len(found("P109", service, now_ms=now)) == 3, month


def test_a_monthly_a_daily_and_an_hourly_job_are_a_herd() -> None:
    assert len(found("P109", _three(Cron("0 0 1 * *"), Cron("0 0 * * *"), Cron("0 * * * *")))) == 3


def test_an_interval_is_told_to_take_an_offset() -> None:
    problems = found("P109", _three(HOURLY, HOURLY, HOURLY))
    assert all("offset=timedelta(minutes=" in problem.fix for problem in problems)
    assert found("P109", _three(*(Interval(timedelta(hours=1), timedelta(minutes=m)) for m in (7, 8, 9)))) == []


# P114


def test_what_to_write_instead_of_what_is_over_fits_the_expression() -> None:
    past = datetime(2026, 5, 1, tzinfo=UTC)
    assert "later OneShot" in found("P114", app(OneShot(past)))[0].fix
    assert "later end" in found("P114", app(HOURLY, end=past))[0].fix


# P115


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("7 5 15,31 * *", "day 31 is not in every month: month 2, 4, 6, 9, 11"),
        ("7 5 30 * *", "month 2 is passed over"),
        ("7 5 29 * *", "month 2 is passed over but in leap years"),
    ],
)
def test_days_that_some_months_lack(text: str, said: str) -> None:
    (problem,) = found("P115", app(Cron(text), **UTC_ZONE))
    assert said in problem.message
    assert ("leap" in problem.message) == ("29" in text)


@pytest.mark.parametrize(
    "text", ["7 5 28-31 * *", "7 5 31 1,3,5 *", "7 5 1-31/2 * *", "7 5 */10 * *", "7 5 30 4 *", "7 5 28 2 *"]
)
def test_days_that_every_month_has_or_that_are_meant_so(text: str) -> None:
    assert found("P115", app(Cron(text), **UTC_ZONE)) == []


# P117


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("*/45 * * * *", "'*/45' in the minute field starts again at 0: 45, then 15 minutes", "timedelta(minutes=45)"),
        ("*/7 * * * *", "7, then 4 minutes", "timedelta(minutes=7)"),
        ("7 */5 * * *", "'*/5' in the hour field starts again at 0: 5, then 4 hours", "timedelta(hours=5)"),
    ],
)
def test_a_step_that_does_not_divide_is_explained(text: str, said: str, fix: str) -> None:
    (problem,) = found("P117", app(Cron(text), **UTC_ZONE))
    assert problem.severity is Severity.INFO
    assert said in problem.message
    assert fix in problem.fix


@pytest.mark.parametrize(
    "text", ["*/15 * * * *", "7 */6 * * *", "*/60 * * * *", "0-30/7 * * * *", "7 5 */10 * *", "* * * * *"]
)
def test_a_step_that_divides_or_has_an_end_is_not(text: str) -> None:
    assert found("P117", app(Cron(text), **UTC_ZONE)) == []


# All


def test_a_thousand_schedules_are_checked_in_no_time() -> None:
    service = ServiceBuilder("user")
    for number in range(300):
        service.schedule(f"n{number}", Cron(f"{number % 60} * * * *"), emit="x.due", **BERLIN, **STATED)
    assert {problem.code for problem in run_checks([service], now_ms=NOW)} <= {"P104", "P109", "P103"}
