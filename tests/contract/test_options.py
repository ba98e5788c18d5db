"""Options as users write them."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest

from purista.contract.options import ScheduleOptions, duration_ms, policy, read_expression, read_options
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule
from purista.errors import InvalidSchedule
from purista.recurrence import Cron, Interval


@pytest.mark.parametrize("word", ["runOnce", "run_once", "RUN_ONCE", MissedRunPolicy.RUN_ONCE])
def test_policies_in_every_spelling(word: str) -> None:
    assert policy("missed_run_policy", word, MissedRunPolicy) is MissedRunPolicy.RUN_ONCE


class Other(Enum):
    FORBID = "forbid"


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("Forbid", "forbid"),
        ("forbidden", "forbid"),
        ("xyz", "allow"),
        (None, "allow"),
        (MissedRunPolicy.SKIP, "allow"),
        (Other.FORBID, "forbid"),
    ],
)
def test_other_words_are_refused_with_the_nearest(word: Any, fix: str) -> None:
    with pytest.raises(InvalidSchedule, match=f"expected one of allow, forbid, replace, got .*; write '{fix}'"):
        policy("concurrency_policy", word, ConcurrencyPolicy)


@pytest.mark.parametrize(
    ("value", "ms"), [(timedelta(minutes=5), 300_000), (90, 90_000), (0.25, 250), (0, 0), (-1, -1000)]
)
def test_durations(value: Any, ms: int) -> None:
    assert duration_ms("run_timeout", value) == ms


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("5m", "write timedelta"),
        (None, "write timedelta"),
        (True, "write timedelta"),
        (float("nan"), "expected a duration in seconds"),
        (float("inf"), "expected a duration in seconds"),
        (10**30, "expected a duration in seconds"),
        (10**11, "at most a century"),
        (timedelta(microseconds=1500), "write timedelta(milliseconds=1)"),
    ],
)
def test_durations_that_are_none(value: Any, why: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        duration_ms("run_timeout", value)
    assert why in str(refused.value)
    assert str(refused.value).startswith("run_timeout: expected")


def test_what_is_stated_is_remembered() -> None:
    read = read_options({"concurrency_policy": "allow", "run_timeout": None})
    assert read == {"concurrency_policy": ConcurrencyPolicy.ALLOW, "stated": frozenset({"concurrency_policy"})}


def test_every_option_is_read() -> None:
    read = read_options(
        {
            "max_catch_up_count": 3,
            "start_deadline": 1,
            "run_timeout": 2,
            "jitter_window": 3,
            "start": datetime(2026, 1, 1, tzinfo=UTC),
            "end": datetime(2027, 1, 1, tzinfo=UTC),
            "idempotency_key": "payload.a",
            "completed_by": "done",
            "renamed_from": "old",
            "environments": ["prod", "test"],
            "scheduler_group": "g",
            "enabled_by_default": False,
            "provider_hints": {"aws": {}},
        }
    )
    assert (read["start_deadline_ms"], read["run_timeout_ms"], read["jitter_window_ms"]) == (1000, 2000, 3000)
    assert read["end_ms"] - read["start_ms"] == 365 * 86_400_000
    assert (read["renamed_from"], read["environments"]) == (("old",), ("prod", "test"))


def test_every_field_of_a_schedule_has_an_option() -> None:
    options = {
        name if name not in {"start", "end", "start_deadline", "run_timeout", "jitter_window"} else f"{name}_ms"
        for name in ScheduleOptions.__annotations__
    }
    assert {f.name for f in fields(Schedule) if f.init} - {
        "service",
        "version",
        "name",
        "description",
        "expression",
        "target",
        "stated",
    } == options


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"run_time_out": 5}, "write run_timeout=…"),
        ({"concurrencyPolicy": "forbid"}, "write concurrency_policy=…"),
        ({"qqqq": 1}, "write one of completed_by"),
        ({"max_catch_up_count": "3"}, "expected a whole number"),
        ({"max_catch_up_count": True}, "expected a whole number"),
        ({"enabled_by_default": "no"}, "expected True or False"),
        ({"idempotency_key": 5}, "expected a text"),
        ({"environments": [1]}, "write environments=['…']"),
        ({"renamed_from": {"a": 1}}, "write renamed_from=['…']"),
        ({"provider_hints": []}, "expected a dict"),
        ({"start": datetime(2026, 1, 1)}, "write datetime(…, tzinfo=UTC)"),
        ({"end": "2026-01-01"}, "write datetime(2026, 1, 1, tzinfo=UTC)"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        read_options(options)
    assert why in str(refused.value)


def test_expressions_as_values_and_as_puristas_dicts() -> None:
    assert read_expression(Cron("0 2 1 * *"), "UTC") == (Cron("0 2 1 * *"), "UTC")
    assert read_expression({"kind": "cron", "value": "0 2 1 * *"}, "UTC") == (Cron("0 2 1 * *"), "UTC")
    inner = {"kind": "cron", "value": "0 2 1 * *", "timezone": "Europe/Berlin"}
    assert read_expression(inner, None) == (Cron("0 2 1 * *"), "Europe/Berlin")
    assert read_expression(inner, "Europe/Berlin")[1] == "Europe/Berlin"
    assert read_expression({"kind": "interval", "everyMs": 60_000}, None) == (Interval(timedelta(minutes=1)), "UTC")


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        (Cron("0 2 1 * *"), None, "expected a zone with a cron expression"),
        ({"kind": "cron", "value": "0 2 1 * *"}, None, "expected a zone with a cron expression"),
        ({"kind": "cron", "value": "0 2 1 * *", "timezone": "UTC"}, "Asia/Tokyo", "expected one zone"),
        ("0 2 1 * *", "UTC", "write Cron('0 2 1 * *')"),
        (60, "UTC", "expected a Cron, an Interval or a OneShot"),
        (Cron("0 2 1 * *"), UTC, "name of a zone as text"),
    ],
)
def test_expressions_that_are_none(expression: Any, zone: Any, why: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        read_expression(expression, zone)
    assert why in str(refused.value)
