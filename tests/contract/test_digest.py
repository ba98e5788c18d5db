"""Digests: equal if and only if the behaviour is."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from purista.contract.digest import digest
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.recurrence import Cron, Interval

BASE = Schedule(
    service="s",
    version="1",
    name="n",
    description="d",
    expression=Cron("0 2 1 * *"),
    timezone="Europe/Berlin",
    target=Target(TargetKind.QUEUE, "q", "s", "1"),
    payload={"a": 1},
    payload_schema={"type": "object", "title": "T", "properties": {"a": {"type": "integer", "title": "A"}}},
)

CHANGES: dict[str, Any] = {
    "service": "s2",
    "version": "2",
    "name": "n2",
    "expression": Interval(timedelta(hours=1)),
    "timezone": "UTC",
    "target": Target(TargetKind.QUEUE, "q2", "s", "1"),
    "concurrency_policy": ConcurrencyPolicy.FORBID,
    "missed_run_policy": MissedRunPolicy.RUN_ONCE,
    "max_catch_up_count": 3,
    "start_deadline_ms": 1,
    "run_timeout_ms": 1,
    "jitter_window_ms": 1,
    "start_ms": 1,
    "end_ms": 1,
    "idempotency_key": "payload.a",
    "payload": {"a": 2},
    "payload_schema": None,
    "parameter": {"p": 1},
    "parameter_schema": {"type": "object"},
    "completed_by": "done",
    "renamed_from": ("old",),
    "environments": ("prod",),
    "scheduler_group": "g",
    "enabled_by_default": False,
    "provider_hints": {"x": 1},
}
NO_MEANING: dict[str, Any] = {"description": "other", "stated": frozenset({"timezone"})}


def test_every_field_is_decided_upon() -> None:
    """A new option is either meaning or not: a trap of PURISTA's diff, which cannot see jitter, caps or schemas."""
    declared = {field.name for field in fields(Schedule) if field.init}
    assert declared == set(CHANGES) | set(NO_MEANING)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_meaning_changes_the_digest(name: str) -> None:
    assert digest(replace(BASE, **{name: CHANGES[name]})) != digest(BASE)


@pytest.mark.parametrize("name", NO_MEANING)
def test_words_do_not(name: str) -> None:
    assert digest(replace(BASE, **{name: NO_MEANING[name]})) == digest(BASE)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("@daily", "0 0 * * *"),
        ("0 2 * * sun", "0 2 * * 0"),
        ("0 2 * * 7", "0 2 * * 0"),
        ("0 2 * * 1-3", "0 2 * * 1,2,3"),
        ("0  2 * * *", "0 2 * * *"),
        ("0 2 1,1 * *", "0 2 1 * *"),
    ],
)
def test_spellings_of_one_cron_are_one(left: str, right: str) -> None:
    assert digest(replace(BASE, expression=Cron(left))) == digest(replace(BASE, expression=Cron(right)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("0 0-23 * * *", "0 * * * *"),  # a star follows elapsed time over a change of the clocks
        ("0 2 1-31 * 1", "0 2 * * 1"),  # a star makes the other day field decide alone
    ],
)
def test_a_star_is_more_than_its_values(left: str, right: str) -> None:
    assert digest(replace(BASE, expression=Cron(left))) != digest(replace(BASE, expression=Cron(right)))


def test_titles_in_schemas_are_words_but_properties_called_title_are_not() -> None:
    schema = {"type": "object", "description": "x", "properties": {"a": {"type": "integer", "examples": [1]}}}
    assert digest(replace(BASE, payload_schema=schema)) == digest(BASE)
    titled = {"type": "object", "properties": {"a": {"type": "integer"}, "title": {"type": "string"}}}
    assert digest(replace(BASE, payload_schema=titled)) != digest(BASE)
    const = {"const": {"title": "x"}}
    assert digest(replace(BASE, payload_schema=const)) != digest(replace(BASE, payload_schema={"const": {}}))


def test_the_order_of_environments_is_no_meaning() -> None:
    assert digest(replace(BASE, environments=("a", "b"))) == digest(replace(BASE, environments=("b", "a")))


def test_a_digest_never_changes_by_itself() -> None:
    """If this fails, every scheduler would see every entry as changed: raise DIGEST_VERSION knowingly."""
    plain = replace(BASE, expression=Interval(timedelta(minutes=5)), payload=None, payload_schema=None)
    assert digest(plain) == "284654bf1bc2f90cd8bf8903bf806900bea886359df5747763aec207114945a3"
