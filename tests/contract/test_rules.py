"""What is refused when a contract is declared, and how it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, Field

from purista.clock import from_iso
from purista.contract.rules import rendered_samples, validate, validate_app
from purista.contract.samples import sample_instants
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.errors import DeclarationError, InvalidPayload, InvalidSchedule, InvalidTimezone
from purista.recurrence import Cron, Interval, OneShot


class Cycle(BaseModel):
    cycleId: str = Field(pattern=r"^\d{4}-\d\d$")


BASE = Schedule(
    service="user",
    version="1",
    name="monthly",
    description="",
    expression=Cron("0 2 1 * *"),
    timezone="Europe/Berlin",
    target=Target(TargetKind.QUEUE, "billing.run", "user", "1"),
    payload={"cycleId": "{scheduled_at:%Y-%m}"},
    idempotency_key="payload.cycleId",
)


def test_the_example_is_legal() -> None:
    validate(BASE, payload_model=Cycle)


HOURLY = Interval(timedelta(hours=1))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "schedule: expected a name"),
        ({"name": "a/b"}, "write 'a-b'"),
        ({"target": Target(TargetKind.QUEUE, "", "user", "1")}, "queue: expected a name"),
        ({"target": Target(TargetKind.QUEUE, "q", "other", "1")}, "expected the target's service in the key"),
        ({"scheduler_group": " "}, "scheduler group: expected a name"),
        ({"environments": ("",)}, "environment: expected a name"),
        ({"renamed_from": ("monthly",)}, "expected an old name, got the present one"),
        ({"renamed_from": ("user/1/monthly",)}, "expected an old name, got the present one"),
        ({"renamed_from": ("a/b",)}, "expected a name or 'service/version/name', got 'a/b'"),
        ({"renamed_from": ("a//b",)}, "version: expected a name"),
        ({"completed_by": ""}, "event: expected a name"),
        ({"start_deadline_ms": 0}, "start_deadline: expected a positive duration"),
        ({"run_timeout_ms": -5}, "run_timeout: expected a positive duration, got -5 ms"),
        ({"jitter_window_ms": -1}, "jitter_window: expected a positive duration"),
        (
            {"expression": HOURLY, "jitter_window_ms": 3_600_000},
            "smallest gap of occurrences (3600 s), got 3600 s; write at most",
        ),
        ({"missed_run_policy": MissedRunPolicy.BACKFILL}, "expected a cap with 'backfill'"),
        (
            {"missed_run_policy": MissedRunPolicy.BACKFILL, "max_catch_up_count": 0},
            "max_catch_up_count: expected 1 or more, got 0",
        ),
        ({"start_ms": 10, "end_ms": 10}, "end: expected an instant after start"),
        (
            {"start_ms": from_iso("2026-01-02T00:00Z"), "end_ms": from_iso("2026-01-31T00:00Z")},
            "at least one occurrence between",
        ),
        (
            {"expression": OneShot(datetime(2030, 1, 1, tzinfo=UTC)), "end_ms": from_iso("2029-01-01T00:00Z")},
            "at least one occurrence",
        ),
    ],
)
def test_schedules_that_cannot_work(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        validate(replace(BASE, **changes))
    assert why in str(refused.value)
    assert "; write" in str(refused.value) or "; it would" in str(refused.value) or "; leave" in str(refused.value)
    assert str(refused.value).startswith(f"{replace(BASE, **changes).key}: ")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"payload": {"cycleId": "{now}"}}, "payload.cycleId: expected one of scheduled_at"),
        (
            {"payload": {"cycleId": "{scheduled_at:%Y}"}},
            "payload: expected what Cycle takes, got cycleId: String should match",
        ),
        ({"payload": {}}, "cycleId: Field required"),
        ({"payload": {"cycleId": 5}}, "cycleId: Input should be a valid string"),
        ({"payload": "x"}, "the payload itself"),
        ({"idempotency_key": "payload.other"}, "write one of the fields that are there (cycleId)"),
        ({"idempotency_key": "cycleId"}, "write 'payload.cycleId'"),
        (
            {"expression": OneShot(datetime(2030, 1, 1, tzinfo=UTC)), "payload": {"cycleId": "{next_at}"}},
            "got 'next_at'",
        ),
    ],
)
def test_payloads_that_do_not_fit(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        validate(replace(BASE, **changes), payload_model=Cycle)
    assert why in str(refused.value)
    assert str(refused.value).startswith("user/1/monthly: ")


def test_a_payload_that_only_fails_in_one_month_is_found() -> None:
    class Short(BaseModel):
        cycleId: str = Field(max_length=8)

    with pytest.raises(InvalidPayload, match="September"):
        validate(replace(BASE, payload={"cycleId": "{scheduled_at:%B}"}), payload_model=Short)


def test_a_payload_may_be_checked_by_json_schema_alone() -> None:
    schema = {"type": "object", "properties": {"cycleId": {"type": "string", "pattern": "^\\d{4}-\\d\\d$"}}}
    validate(replace(BASE, payload_schema=schema))
    with pytest.raises(InvalidPayload, match="cycleId: expected integer, got '2026-01'"):
        validate(replace(BASE, payload_schema={"properties": {"cycleId": {"type": "integer"}}}))


def test_a_payload_that_is_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(InvalidPayload, match=r"at most 262,144 bytes, got 262,1\d\d; write a reference"):
        validate(replace(BASE, payload={"cycleId": "x" * 262_150}))
    validate(replace(BASE, payload={"cycleId": "x" * 262_100}))


def test_a_schema_without_a_payload_is_a_contract_nobody_can_keep() -> None:
    with pytest.raises(InvalidPayload, match=r"got none; write payload=\{…\}"):
        validate(replace(BASE, payload=None, idempotency_key=None, payload_schema={"type": "object"}))
    with pytest.raises(InvalidPayload, match="add 'cycleId' to the payload"):
        validate(replace(BASE, payload=None))


def test_parameters_are_for_commands_and_queues() -> None:
    validate(replace(BASE, parameter={"text": "{not a template}"}))
    event = replace(BASE, target=Target(TargetKind.EVENT, "e", "user", "1"), parameter={"a": 1})
    with pytest.raises(InvalidSchedule, match="got an event; write it into payload"):
        validate(event)
    with pytest.raises(InvalidPayload, match="parameter: expected what Cycle takes"):
        validate(replace(BASE, parameter={}), parameter_model=Cycle)


def test_a_run_cannot_end_by_the_event_that_starts_it() -> None:
    event = replace(BASE, target=Target(TargetKind.EVENT, "e", "user", "1"), completed_by="e")
    with pytest.raises(InvalidSchedule, match="got the one that starts it"):
        validate(event)


@pytest.mark.parametrize("zone", ["Mars/Phobos", "Europe/Berlin ", "", "../../etc/passwd"])
def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(InvalidTimezone):
        validate(replace(BASE, timezone=zone))


def test_samples_are_where_calendars_are_odd() -> None:
    daily = replace(BASE, expression=Cron("30 2 * * *"))
    days = {datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d") for at in sample_instants(daily)}
    assert {"2028-02-29", "2028-12-31", "2026-03-29", "2026-10-25", "2026-07-01", "2027-01-01"} <= days
    assert sample_instants(daily) == sorted(set(sample_instants(daily)))


def test_a_contract_that_is_over_is_still_legal() -> None:
    past = OneShot(datetime(2020, 5, 1, tzinfo=UTC))
    assert sample_instants(replace(BASE, expression=past)) == [from_iso("2020-05-01T00:00:00Z")]
    ended = replace(BASE, expression=HOURLY, end_ms=from_iso("2021-01-01T00:00:00Z"))
    assert len(sample_instants(ended)) == 1
    validate(ended)


def test_samples_of_a_bounded_schedule_lie_within_its_bounds() -> None:
    start = from_iso("2031-05-01T00:00:00Z")
    bounded = replace(BASE, expression=HOURLY, start_ms=start, end_ms=start + 7_200_000)
    assert all(start <= at < start + 7_200_000 for at in sample_instants(bounded))
    assert len(rendered_samples(bounded)) == len(sample_instants(bounded)) > 0


def test_a_constant_payload_is_rendered_once() -> None:
    assert rendered_samples(replace(BASE, payload={"a": 1})) == [{"a": 1}]
    assert rendered_samples(replace(BASE, payload=None)) == []


def service(name: str = "user", *schedules: Schedule, events: tuple[str, ...] = (), version: str = "1") -> Any:
    subscriptions = tuple(SimpleNamespace(name=f"on{i}", event=event) for i, event in enumerate(events))
    return SimpleNamespace(name=name, version=version, schedules=schedules, subscriptions=subscriptions)


EXCLUSIVE = replace(
    BASE, target=Target(TargetKind.EVENT, "billing.due", "user", "1"), concurrency_policy=ConcurrencyPolicy.FORBID
)


def test_forbid_on_an_event_needs_an_end_that_somebody_sees() -> None:
    validate_app([service("user", EXCLUSIVE, events=("billing.due",))])
    validate_app([service("user", EXCLUSIVE), service("other", events=("billing.due", "x"))])
    with pytest.raises(InvalidSchedule, match="got none in this app; write completed_by="):
        validate_app([service("user", EXCLUSIVE)])
    with pytest.raises(InvalidSchedule, match=r"got 2 \(user/1/on0, other/1/on0\); write completed_by="):
        validate_app([service("user", EXCLUSIVE, events=("billing.due",)), service("other", events=("billing.due",))])
    validate_app([service("user", replace(EXCLUSIVE, completed_by="billing.done"))])
    validate_app([service("user", replace(EXCLUSIVE, concurrency_policy=ConcurrencyPolicy.ALLOW))])
    validate_app([service("user", replace(BASE, concurrency_policy=ConcurrencyPolicy.REPLACE))])


def test_names_are_unique_over_the_app() -> None:
    with pytest.raises(DeclarationError, match="expected every service once, got 'user' version '1' 2 times"):
        validate_app([service(), service()])
    with pytest.raises(InvalidSchedule, match="from user/1 and other/1; write another name"):
        validate_app([service("user", BASE), service("other", BASE)])
    validate_app([service("user", BASE), service(version="2")])


def test_old_names_are_nobodys_any_more() -> None:
    renamed = replace(BASE, name="new", renamed_from=("monthly",))
    validate_app([service("user", renamed)])
    with pytest.raises(InvalidSchedule, match="got user/1/monthly, which still exists"):
        validate_app([service("user", renamed, BASE)])
    with pytest.raises(InvalidSchedule, match="got user/1/monthly, which user/1/new was, too"):
        validate_app([service("user", renamed, replace(BASE, name="other", renamed_from=("user/1/monthly",)))])
