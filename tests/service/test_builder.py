"""Declaring services and schedules."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field

from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Target, TargetKind
from purista.errors import DeclarationError, InvalidExpression, InvalidPayload, InvalidSchedule, InvalidTimezone
from purista.recurrence import Cron, Interval
from purista.service.builder import ServiceBuilder


class MonthlyCycle(BaseModel):
    cycleId: str


class Aliased(BaseModel):
    cycle_id: str = Field(alias="cycleId")


def user_service() -> ServiceBuilder:
    return ServiceBuilder("user", version="1", description="Customers and their bills")


def test_the_example_of_the_documentation() -> None:
    service = user_service()
    monthly = service.get_schedule_builder("monthlyBillingCycle", "Trigger monthly billing on the 1st").emit_event(
        "billing.monthlyCycleDue",
        expression=Cron("0 2 1 * *"),
        timezone="Europe/Berlin",
        concurrency_policy="forbid",
        missed_run_policy="runOnce",
        idempotency_key="payload.cycleId",
        payload_schema=MonthlyCycle,
        payload={"cycleId": "{scheduled_at:%Y-%m}"},
    )
    service.add_schedule_definition(monthly)
    schedule = monthly.schedule
    assert service.schedules == (schedule,)
    assert schedule.key == monthly.key == "user/1/monthlyBillingCycle"
    assert schedule.target == Target(TargetKind.EVENT, "billing.monthlyCycleDue", "user", "1")
    assert schedule.concurrency_policy is ConcurrencyPolicy.FORBID
    assert schedule.missed_run_policy is MissedRunPolicy.RUN_ONCE
    assert schedule.payload == {"cycleId": "{scheduled_at:%Y-%m}"}
    assert schedule.payload_schema is not None
    assert schedule.payload_schema["required"] == ["cycleId"]
    assert monthly.payload_model is MonthlyCycle
    assert schedule.stated >= {"concurrency_policy", "missed_run_policy", "timezone", "payload"}


def test_the_short_form_adds_and_finds_the_handler() -> None:
    service = user_service()

    @service.command("cleanup")
    def cleanup(context: object) -> None: ...

    made = service.schedule(
        "nightlyCleanup", Cron("30 2 * * *"), timezone="Europe/Berlin", invoke=cleanup, concurrency_policy="forbid"
    )
    assert made.schedule.target == Target(TargetKind.COMMAND, "cleanup", "user", "1")
    assert made.target_handler is cleanup
    assert service.definitions == (made,)


def test_a_dict_in_puristas_spelling_is_an_expression() -> None:
    expression = {"kind": "cron", "value": "0 2 1 * *", "timezone": "Europe/Berlin"}
    made = user_service().schedule("n", expression, emit="e")
    assert (made.schedule.expression, made.schedule.timezone) == (Cron("0 2 1 * *"), "Europe/Berlin")


def test_a_worker_names_its_queue_and_gives_its_type() -> None:
    service = user_service()

    @service.queue_worker("billing.run", max_attempts=3, visibility_timeout=timedelta(minutes=5))
    def run(context: object, cycle: MonthlyCycle) -> None: ...

    made = service.schedule("n", Interval(timedelta(hours=1)), enqueue=run, payload={"cycleId": "x"})
    assert made.schedule.target == Target(TargetKind.QUEUE, "billing.run", "user", "1")
    assert made.payload_model is MonthlyCycle
    with pytest.raises(InvalidPayload, match="MonthlyCycle takes, got cycleId: Field required"):
        service.schedule("m", Interval(timedelta(hours=1)), enqueue="billing.run", payload={})


def test_a_handler_of_another_service_makes_that_services_key() -> None:
    billing, user = ServiceBuilder("billing", "2"), user_service()

    @billing.command("close")
    def close(context: object) -> None: ...

    assert user.schedule("monthly", Interval(timedelta(days=30)), invoke=close).key == "billing/2/monthly"


def test_a_model_instance_is_a_payload() -> None:
    made = user_service().schedule(
        "n", Interval(timedelta(hours=1)), emit="e", payload_schema=Aliased, payload=Aliased(cycleId="{occurrence_id}")
    )
    assert made.schedule.payload == {"cycleId": "{occurrence_id}"}


def test_a_json_schema_is_a_payload_schema() -> None:
    schema = {"type": "object", "required": ["a"]}
    hourly = Interval(timedelta(hours=1))
    made = user_service().schedule("n", hourly, emit="e", payload_schema=schema, payload={"a": 1})
    schema["required"].append("b")  # type: ignore[attr-defined]
    assert made.schedule.payload_schema == {"type": "object", "required": ["a"]}
    with pytest.raises(InvalidPayload, match="expected the field 'b'"):
        user_service().schedule("n", hourly, emit="e", payload_schema=schema, payload={"a": 1})


def test_what_users_change_later_does_not_reach_the_contract() -> None:
    payload: dict[str, Any] = {"list": [1]}
    made = user_service().schedule("n", Interval(timedelta(hours=1)), emit="e", payload=payload)
    payload["list"].append(2)
    assert made.schedule.payload == {"list": [1]}


def test_a_definition_that_is_never_added_is_remembered_as_forgotten() -> None:
    service = user_service()
    made = service.get_schedule_builder("n").emit_event("e", expression=Interval(timedelta(hours=1)))
    assert service.forgotten == (made,)
    service.add_schedule_definition(made)
    assert service.forgotten == ()


HOURLY = Interval(timedelta(hours=1))
CRON = Cron("0 2 1 * *")


@pytest.mark.parametrize(
    ("call", "error", "why"),
    [
        (lambda s: s.schedule("n", CRON, emit="e"), InvalidSchedule, "write timezone='Europe/Berlin' or 'UTC'"),
        (lambda s: s.schedule("n", CRON, emit="e", timezone="Mars/Phobos"), InvalidTimezone, "Mars/Phobos"),
        (lambda s: s.schedule("n", "0 2 1 * *", emit="e"), InvalidSchedule, "write Cron('0 2 1 * *')"),
        (lambda s: s.schedule("n", {"kind": "cron", "value": "0 2 1 *"}, emit="e"), InvalidExpression, ""),
        (lambda s: s.schedule("n", HOURLY), InvalidSchedule, "expected one of emit=, enqueue= and invoke=, got 0"),
        (lambda s: s.schedule("n", HOURLY, emit="a", invoke="b"), InvalidSchedule, "got 2; write exactly one"),
        (lambda s: s.schedule("n", HOURLY, emit=""), InvalidSchedule, "event: expected a name"),
        (lambda s: s.schedule("", HOURLY, emit="e"), InvalidSchedule, "schedule: expected a name"),
        (
            lambda s: s.schedule("n", HOURLY, emit="e", conurrency_policy="x"),
            InvalidSchedule,
            "write concurrency_policy=",
        ),
        (lambda s: s.schedule("n", HOURLY, invoke=len), InvalidSchedule, "write @service.command('…') above it"),
        (lambda s: s.schedule("n", HOURLY, enqueue=lambda c: c), InvalidSchedule, "write @service.queue_worker('…')"),
        (
            lambda s: s.get_schedule_builder("n").emit_event(len, expression=HOURLY),
            InvalidSchedule,
            "write the event's name",
        ),
        (
            lambda s: s.schedule("n", HOURLY, emit="e", payload={"a": "{x}"}),
            InvalidPayload,
            "payload.a: expected one of",
        ),
        (
            lambda s: s.schedule("n", HOURLY, emit="e", payload={"a": 1}, payload_schema=object()),
            InvalidPayload,
            "pydantic",
        ),
        (lambda s: s.add_schedule_definition("n"), InvalidSchedule, "expected a ScheduleDefinition, got str"),
        (
            lambda s: [s.schedule("n", HOURLY, emit="e") for _ in "ab"],
            InvalidSchedule,
            "user/1/n: expected every name once",
        ),
    ],
)
def test_what_is_refused_and_what_to_write(call: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error) as refused:
        call(user_service())
    assert why in str(refused.value)


def test_a_payload_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidPayload, match="contains itself"):
        user_service().schedule("n", HOURLY, emit="e", payload=endless)


def test_a_refused_schedule_leaves_nothing_behind() -> None:
    service = user_service()
    with pytest.raises(InvalidPayload):
        service.schedule("n", HOURLY, emit="e", payload={"a": "{x}"})
    assert (service.definitions, service.forgotten) == ((), ())


@pytest.mark.parametrize(("name", "version"), [("", "1"), ("a/b", "1"), ("a", ""), ("a", 1), ("a\n", "1")])
def test_services_have_names_and_versions_as_text(name: Any, version: Any) -> None:
    with pytest.raises(DeclarationError, match="expected"):
        ServiceBuilder(name, version)


def test_declaring_imports_no_pydantic_until_a_type_needs_it() -> None:
    code = (
        "import sys, datetime, purista.service.builder as b, purista.contract.manifest\n"
        "from purista.recurrence import Interval\n"
        "s = b.ServiceBuilder('s')\n"
        "s.schedule('n', Interval(datetime.timedelta(hours=1)), emit='e', payload={'a': '{scheduled_at}'})\n"
        "sys.exit('pydantic' in sys.modules or 'typer' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
