"""Payload templates: what they can say, and that they can say no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.clock import from_iso
from purista.contract.payload import (
    MAX_SAFE_INTEGER,
    Moment,
    compile_template,
    dump,
    idempotency_value,
    moment_of,
    render,
)
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.contract.template import DIRECTIVES, format_time
from purista.errors import InvalidPayload
from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.testing.strategies import payload_templates

MOMENT = Moment(
    scheduled_at_ms=from_iso("2026-01-01T01:00:00Z"),
    previous_at_ms=from_iso("2025-12-01T01:00:00Z"),
    next_at_ms=from_iso("2026-02-01T01:00:00Z"),
    zone="Europe/Berlin",
    occurrence_id="gooJv6Mf1shf42WAQe5PBx0iYK6vEGyInvWbNGpB9jI",
    schedule_name="monthly",
)


def schedule(expression: Expression | None = None, **options: object) -> Schedule:
    target = Target(TargetKind.EVENT, "billing.due", "user", "1")
    rule = Cron("0 2 1 * *") if expression is None else expression
    fields: dict = {"timezone": "Europe/Berlin", **options}
    return Schedule(
        service="user", version="1", name="monthly", description="", expression=rule, target=target, **fields
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{scheduled_at}", "2026-01-01T02:00:00+01:00"),
        ("{scheduled_at:%Y-%m}", "2026-01"),
        ("{previous_at:%F}/{next_at:%F}", "2025-12-01/2026-02-01"),
        ("{occurrence_id}", MOMENT.occurrence_id),
        ("{schedule_name}!", "monthly!"),
        ("{{scheduled_at}}", "{scheduled_at}"),
        ("{{{scheduled_at:%Y}}}", "{2026}"),
        ("{scheduled_at:%H:%M}", "02:00"),
        ("{scheduled_at:100%%}", "100%"),
        ("", ""),
        ("plain", "plain"),
        ("Größe 日本 😀", "Größe 日本 😀"),
        (
            {"b": "{scheduled_at:%d}", "a": [1, 2.5, True, None, "x{schedule_name}"]},
            {"a": [1, 2.5, True, None, "xmonthly"], "b": "01"},
        ),
        ([["{scheduled_at:%G-W%V}"]], [["2026-W01"]]),
    ],
)
def test_templates_render(template: object, expected: object) -> None:
    assert render(template, MOMENT) == expected


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{scheduled_at.__class__}", "no attributes, indexes or conversions; write '{scheduled_at}'"),
        ("{scheduled_at.__class__.__mro__[1]}", "no attributes"),
        ("{scheduled_at[0]}", "no attributes"),
        ("{scheduled_at!r}", "no attributes"),
        ("{scheduled_at!s:%Y}", "no attributes"),
        ("{0}", "expected one of scheduled_at"),
        ("{}", "expected one of scheduled_at"),
        ("{:%Y}", "expected one of scheduled_at"),
        ("{now}", "expected one of scheduled_at"),
        ("{attempt}", "expected one of scheduled_at"),
        ("{fired_at}", "expected one of scheduled_at"),
        ("{ scheduled_at }", "write '{scheduled_at}'"),
        ("{scheduledAt}", "write '{scheduled_at}'"),
        ("{__import__('os')}", "expected one of"),
        ("{scheduled_at:{schedule_name}}", "lone '{'"),
        ("{scheduled_at", "lone '{'"),
        ("scheduled_at}", "lone '}'"),
        ("{occurrence_id:%Y}", "expected no format"),
        ("{scheduled_at:%c}", "write %Y-%m-%d %H:%M:%S"),
        ("{scheduled_at:%x}", "one meaning on every host"),
        ("{scheduled_at:%-d}", "one meaning on every host"),
        ("{scheduled_at:%}", "one meaning on every host"),
        ("{scheduled_at:%Q}", "one meaning on every host"),
        ("\ud800", "half of a surrogate pair"),
    ],
)
def test_everything_else_is_refused_when_declared(template: str, why: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        compile_template({"a": [template]})
    assert str(refused.value).startswith("payload.a[0]: ")
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "a JSON number"),
        (float("inf"), "a JSON number"),
        (MAX_SAFE_INTEGER + 1, "JavaScript"),
        (-(10**400), "JavaScript"),
        ({1: 2}, "texts as keys"),
        (datetime(2026, 1, 1, tzinfo=UTC), "write '{scheduled_at}'"),
        (b"x", "got bytes"),
        ({1, 2}, "got set"),
        (object(), "got object"),
    ],
)
def test_a_template_is_json(value: object, why: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        compile_template(value)
    assert why in str(refused.value)


def test_a_bottomless_template_is_refused() -> None:
    bottomless: list = []
    bottomless.append(bottomless)
    with pytest.raises(InvalidPayload, match="at most 64 levels"):
        compile_template(bottomless)


def test_names_tell_what_a_template_needs() -> None:
    assert compile_template({"a": "{next_at}", "b": ["{scheduled_at}"]}).names == {"next_at", "scheduled_at"}
    assert compile_template({"a": "{{next_at}}"}).names == frozenset()


@given(payload_templates(), st.sampled_from(["monthly", 'qu"ote\\s', "übung \u2028"]))
def test_the_text_is_what_dump_makes_of_the_value(template: object, name: str) -> None:
    moment, compiled = replace(MOMENT, schedule_name=name), compile_template(template)
    assert compiled.write(moment) == dump(compiled.render(moment))


def test_rendered_values_are_fresh_every_time() -> None:
    compiled = compile_template({"list": [1]})
    compiled.render(MOMENT)["list"].append(2)
    assert compiled.render(MOMENT) == {"list": [1]}


def test_key_order_does_not_depend_on_where_the_contract_comes_from() -> None:
    assert dump(render({"b": 1, "a": {"d": 1, "c": 2}}, MOMENT)) == '{"a":{"c":2,"d":1},"b":1}'


def test_a_missing_neighbour_is_an_error_not_a_none() -> None:
    alone = Moment(0, None, None, "UTC", "id", "once")
    with pytest.raises(InvalidPayload, match="previous_at"):
        render("{previous_at}", alone)


@pytest.mark.parametrize("directive", sorted(set(DIRECTIVES) - {"%:z", "%s", "%F", "%T", "%R"}))
@given(
    at=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
)
def test_directives_are_strftimes(directive: str, at: datetime, zone: str) -> None:
    aware = at.replace(tzinfo=ZoneInfo(zone))
    if (aware.utcoffset() or timedelta(0)) % timedelta(minutes=1):
        return  # local mean time before 1906: strftime adds seconds, PURISTA's readers know none
    assert format_time(aware, directive) == aware.strftime(directive)


def test_the_remaining_directives() -> None:
    at = datetime(2026, 3, 5, 6, 7, 8, tzinfo=ZoneInfo("America/St_Johns"))
    assert format_time(at, "%:z %F %T %R") == "-03:30 2026-03-05 06:07:08 06:07"
    assert format_time(at, "%s") == str(int(at.timestamp()))


def test_neighbours_are_computed_only_when_asked_for() -> None:
    at = from_iso("2026-01-01T01:00:00Z")
    assert (moment_of(schedule(), at, ()).previous_at_ms, moment_of(schedule(), at, ()).next_at_ms) == (None, None)
    full = moment_of(schedule(), at)
    assert (full.previous_at_ms, full.next_at_ms) == (MOMENT.previous_at_ms, MOMENT.next_at_ms)


def test_neighbours_are_the_rules_and_not_cut_off_by_start_and_end() -> None:
    at = from_iso("2026-01-01T01:00:00Z")
    bounded = schedule(start_ms=at, end_ms=at + 1)
    assert moment_of(bounded, at).previous_at_ms == MOMENT.previous_at_ms
    assert moment_of(bounded, at).next_at_ms == MOMENT.next_at_ms


def test_intervals_have_neighbours_and_one_shots_have_none() -> None:
    every = moment_of(schedule(Interval(timedelta(hours=1)), timezone="UTC"), 7_200_000)
    assert (every.previous_at_ms, every.next_at_ms) == (3_600_000, 10_800_000)
    once = moment_of(schedule(OneShot(datetime(2026, 1, 1, tzinfo=UTC))), from_iso("2026-01-01T00:00:00Z"))
    assert (once.previous_at_ms, once.next_at_ms) == (None, None)


def test_dst_shows_in_the_offset() -> None:
    compiled = compile_template("{scheduled_at}")
    summer = moment_of(schedule(), from_iso("2026-07-01T00:00:00Z"), compiled.names)
    assert compiled.render(summer) == "2026-07-01T02:00:00+02:00"


@pytest.mark.parametrize(
    ("value", "text"),
    [({"ä": "日本"}, '{"ä":"日本"}'), ([1, 1.5, None, True], "[1,1.5,null,true]"), ("a/b", '"a/b"'), ({}, "{}")],
)
def test_dump_is_compact_and_keeps_other_scripts(value: object, text: str) -> None:
    assert dump(value) == text
    assert json.loads(text) == value


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "\ud800", {"a": float("-inf")}])
def test_dump_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(InvalidPayload, match="JSON cannot hold"):
        dump(value)


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("payload.cycleId", {"cycleId": "2026-01"}, "2026-01"),
        ("payload.a.b", {"a": {"b": 7}}, "7"),
        ("payload.lines.1.id", {"lines": [{"id": 1}, {"id": 2}]}, "2"),
        ("payload.flag", {"flag": False}, "false"),
        ("payload.n", {"n": 1.5}, "1.5"),
        ("scheduled_at", {}, "2026-01-01T01:00:00.000Z"),
        ("occurrence_id", {}, MOMENT.occurrence_id),
        (None, {}, None),
    ],
)
def test_idempotency_values(key: str | None, payload: object, expected: str | None) -> None:
    assert idempotency_value(schedule(idempotency_key=key), payload, MOMENT) == expected


@pytest.mark.parametrize(
    ("key", "payload", "why"),
    [
        ("payload.x", {"cycleId": 1}, "write one of the fields that are there (cycleId)"),
        ("payload.a.b", {"a": 1}, "write a path that ends at 'payload.a'"),
        ("payload.a", None, "add 'a' to the payload"),
        ("payload.a", {"a": None}, "got null"),
        ("payload.a", {"a": ""}, "got an empty text"),
        ("payload.a", {"a": {}}, "got dict"),
        ("payload.2", [1], "nothing there"),
        ("payload.-1", [1], "nothing there"),
        ("payload.99999999999999999999", [1], "nothing there"),
        ("payload", {"a": 1}, "write 'payload.payload'"),
        ("cycleId", {"cycleId": 1}, "write 'payload.cycleId'"),
        ("", {}, "expected 'payload.<field>'"),
        ("payload.__class__", {}, "nothing there"),
        ("message.id", {}, "expected 'payload.<field>'"),
    ],
)
def test_idempotency_keys_that_point_nowhere(key: str, payload: object, why: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        idempotency_value(schedule(idempotency_key=key), payload, MOMENT)
    assert why in str(refused.value)
