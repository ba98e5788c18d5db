"""Every rule of check: a hit and a miss."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import purista.check
from purista.check import RULES, Problem, Severity, run_checks
from purista.check.p106_event_name import declarative, is_imperative
from purista.clock import from_iso
from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.service.builder import ServiceBuilder

NOW = from_iso("2026-06-01T00:00:00Z")
STATED: dict[str, Any] = {"concurrency_policy": "allow", "missed_run_policy": "runOnce"}
BERLIN: dict[str, Any] = {"timezone": "Europe/Berlin"}
HOURLY = Interval(timedelta(hours=1))


class Cycle(BaseModel):
    cycleId: str


def app(expression: Expression = HOURLY, name: str = "n", **options: Any) -> ServiceBuilder:
    """A service that no rule has anything to say about, changed by ``options``."""
    service = ServiceBuilder("user")
    event = options.setdefault("emit", "billing.cycleDue")
    service.schedule(name, expression, **(STATED | options))
    service.subscription("on", event=event, once=True)(lambda context: None)
    return service


def found(code: str, *services: ServiceBuilder, now_ms: int = NOW) -> list[Problem]:
    return [problem for problem in run_checks(services, now_ms=now_ms) if problem.code == code]


def test_a_clean_app_has_no_problems() -> None:
    assert run_checks([app()], now_ms=NOW) == []
    assert run_checks([], now_ms=NOW) == []


def _herd(minute: int, count: int = 3) -> ServiceBuilder:
    service = ServiceBuilder("user")
    for number in range(count):
        service.schedule(f"n{number}", Cron(f"{minute} 5 * * *"), timezone="UTC", emit=f"e{number}", **STATED)
    return service


def _forgotten(*, add: bool) -> ServiceBuilder:
    service = app()
    made = service.get_schedule_builder("lost").emit_event("billing.cycleDue", expression=HOURLY, **STATED)
    return service.add_schedule_definition(made) if add else service


def _once(once: bool | None) -> ServiceBuilder:
    service = ServiceBuilder("user")
    service.subscription("on", event="e", once=once)(lambda context: None)
    return service


def _subscriber(payload: Any) -> ServiceBuilder:
    service = app(payload=payload)

    @service.subscription("typed", event="billing.cycleDue", once=True)
    def typed(context: object, cycle: Cycle) -> None: ...

    return service


def _command(name: str) -> ServiceBuilder:
    service = ServiceBuilder("user")
    service.command("cleanup")(lambda context: None)
    service.schedule("n", HOURLY, invoke=name, **STATED)
    return service


# code → (hit, part of its message or fix, miss)
CASES: dict[str, tuple[Callable[[], ServiceBuilder], str, Callable[[], ServiceBuilder]]] = {
    "P101": (lambda: app(missed_run_policy=None), "missed_run_policy is not stated; the default is 'skip'", app),
    "P102": (
        lambda: app(run_timeout=3601),
        "run_timeout is 3601 s, but the next occurrence can be due after 3600 s: runs pile",
        lambda: app(run_timeout=3600),
    ),
    "P103": (
        lambda: app(Cron("30 2 * * *"), **BERLIN),
        "02:30 does not exist: due once at 03:00, right after the gap (Europe/Berlin, 2027-03-28",
        lambda: app(Cron("30 4 * * *"), **BERLIN),
    ),
    "P104": (
        lambda: _command("cleanpu"),
        "write 'cleanup', or add @service.command('cleanpu')",
        lambda: _command("cleanup"),
    ),
    "P105": (
        lambda: app(payload={"a": "x{schedule_name}"}, idempotency_key="payload.a"),
        "payload.a is 'xn' at every occurrence",
        lambda: app(payload={"a": "{scheduled_at}"}, idempotency_key="payload.a"),
    ),
    "P106": (lambda: app(emit="runBillingJob"), "write 'billing.cycleDue'", app),
    "P107": (lambda: _once(None), "may get a delivery twice", lambda: _once(False)),
    "P108": (lambda: app(name="täglich"), "cannot hold '\\xe4'", lambda: app(name="daily")),
    "P109": (lambda: _herd(0), "one of 3 schedules due at 2026-06-01T05:00:00.000Z", lambda: _herd(7)),
    "P110": (lambda: _forgotten(add=False), "never added to a service", lambda: _forgotten(add=True)),
    "P111": (
        lambda: _subscriber({"x": 1}),
        "the subscription 'typed' takes Cycle: cycleId: Field required",
        lambda: _subscriber({"cycleId": "x"}),
    ),
    "P112": (
        lambda: app(Cron("*/60 2 * * *"), timezone="UTC"),
        "step of '*/60' in the minute field is larger than its range: it means 0 alone",
        lambda: app(Cron("*/30 2 * * *"), timezone="UTC"),
    ),
    "P113": (
        lambda: app(max_catch_up_count=3),
        "max_catch_up_count does nothing with runOnce",
        lambda: app(max_catch_up_count=3, missed_run_policy="backfill"),
    ),
    "P114": (
        lambda: app(OneShot(datetime(2026, 5, 1, tzinfo=UTC))),
        "never due again",
        lambda: app(OneShot(datetime(2026, 7, 1, tzinfo=UTC))),
    ),
    "P115": (
        lambda: app(Cron("7 5 31 * *"), timezone="UTC"),
        "month 2, 4, 6, 9, 11 is passed over",
        lambda: app(Cron("7 5 28 * *"), timezone="UTC"),
    ),
    "P116": (
        lambda: app(Cron("7 5 1 * mon"), timezone="UTC"),
        "either, not both",
        lambda: app(Cron("7 5 1 * *"), timezone="UTC"),
    ),
    "P117": (
        lambda: app(Cron("*/45 * * * *"), timezone="UTC"),
        "write Interval(timedelta(minutes=45))",
        lambda: app(Cron("*/30 * * * *"), timezone="UTC"),
    ),
}


def test_every_rule_has_a_case_a_file_and_a_unique_code() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes)) == sorted(CASES)
    files = sorted(path.name[1:4] for path in Path(purista.check.__file__).parent.glob("p[0-9]*.py"))
    assert files == [code[1:] for code in codes]


@pytest.mark.parametrize("code", CASES)
def test_a_hit(code: str) -> None:
    make, text, _ = CASES[code]
    problems = found(code, make())
    assert problems
    assert any(text in f"{problem.message}; {problem.fix}" for problem in problems)
    assert problems[0].key.startswith("user/1/")


@pytest.mark.parametrize("code", CASES)
def test_a_miss(code: str) -> None:
    assert found(code, CASES[code][2]()) == []


def test_both_changes_of_the_clocks_are_named_with_their_dates() -> None:
    overlap, gap = found("P103", app(Cron("30 2 * * *"), **BERLIN))
    assert "2026-10-25, 2027-10-31" in overlap.message
    assert "2027-03-28, 2028-03-26" in gap.message


def test_wildcard_jobs_follow_elapsed_time_and_are_not_warned_about() -> None:
    assert (
        found("P103", app(Cron("*/30 2-3 * * *"), **BERLIN)) == found("P103", app(Cron("30 * * * *"), **BERLIN)) == []
    )
    assert found("P103", app(Cron("30 2 * * *"), timezone="UTC")) == []


def test_an_event_nobody_here_subscribes_to_is_a_warning_as_others_may() -> None:
    service = ServiceBuilder("user")
    service.schedule("n", HOURLY, emit="billing.cycleDue", **STATED)
    (problem,) = found("P104", service)
    assert problem.severity is Severity.WARNING
    assert [p.severity for p in found("P104", _command("nope"))] == [Severity.ERROR]


def test_a_subscriber_in_another_service_counts() -> None:
    service, other = ServiceBuilder("user"), ServiceBuilder("other")
    service.schedule("n", HOURLY, emit="billing.cycleDue", **STATED)
    other.subscription("on", event="billing.cycleDue", once=True)(lambda context: None)
    assert found("P104", service, other) == []


def test_a_definition_added_to_another_service_is_not_forgotten() -> None:
    one, two = ServiceBuilder("user"), ServiceBuilder("other")
    two.add_schedule_definition(one.get_schedule_builder("n").emit_event("e", expression=HOURLY, **STATED))
    assert found("P110", one, two) == []


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("runBillingJob", "billing.cycleDue"),
        ("billing.runCycle", "billing.cycleDue"),
        ("sendInvoiceReminders", "invoice.remindersDue"),
        ("cleanup", "cleanup.cycleDue"),
        ("run", "run.cycleDue"),
        ("user.start", "user.cycleDue"),
        ("start_daily_report", "daily.reportDue"),
        ("TriggerETLJob", "etl.cycleDue"),
    ],
)
def test_orders_are_recognised_and_turned_into_events(name: str, better: str) -> None:
    assert is_imperative(name)
    assert declarative(name) == better
    assert not is_imperative(better)


@pytest.mark.parametrize(
    "name",
    [
        "billing.monthlyCycleDue",
        "runFinished",
        "report.due",
        "user.created",
        "checkDue",
        "running.late",
        "日本",
        "updates.available",
    ],
)
def test_events_are_left_alone(name: str) -> None:
    assert not is_imperative(name)


def test_names_that_fall_together_are_found() -> None:
    service = app()
    service.schedule("N", HOURLY, emit="billing.cycle_due", **STATED)
    lower, subject = sorted(problem.message for problem in found("P108", service))[::-1]
    assert lower == "user/1/N, user/1/n are one name in lower-case letters, digits and '-' (Kubernetes)"
    assert subject.startswith("billing.cycleDue, billing.cycle_due share the NATS subject 'billing_cycle_due'")


def test_long_names_and_the_name_empty_are_mentioned() -> None:
    assert [p.severity for p in found("P108", app(name="x" * 60))] == [Severity.INFO]
    assert "NATS" in found("P108", app(emit="empty"))[0].message


def test_jitter_and_other_minutes_break_up_a_herd() -> None:
    service = _herd(0, count=2)
    service.schedule("jittered", Cron("0 5 * * *"), timezone="UTC", emit="e", jitter_window=60, **STATED)
    assert found("P109", service) == []
    minute = found("P109", _herd(0))[0].fix.split()[2].rstrip(",")
    assert 1 <= int(minute) <= 59


def test_intervals_are_part_of_a_herd() -> None:
    service = _herd(0, count=2)
    service.schedule("hourly", HOURLY, emit="e", **STATED)
    service.schedule("often", Interval(timedelta(minutes=5)), emit="e", **STATED)
    assert {problem.key for problem in found("P109", service)} == {"user/1/n0", "user/1/n1", "user/1/hourly"}


def test_problems_come_in_a_stable_order_and_are_plain_data() -> None:
    services = [app(missed_run_policy=None, run_timeout=9999, emit="runIt")]
    problems = run_checks(services, now_ms=NOW)
    assert problems == run_checks(services, now_ms=NOW) == sorted(problems, key=lambda p: (p.key, p.code, p.message))
    for problem in problems:
        assert json.dumps([problem.code, problem.severity, problem.key, problem.message, problem.fix])
        assert problem.fix
