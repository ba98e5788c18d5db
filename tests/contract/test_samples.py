"""How close two occurrences can be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings

from purista.contract.samples import smallest_gap
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.recurrence import Cron, Interval, OneShot
from purista.testing.strategies import cron_expressions, timezones

BASE = Schedule(
    service="s",
    version="1",
    name="n",
    description="",
    expression=Cron("@daily"),
    timezone="Europe/Berlin",
    target=Target(TargetKind.EVENT, "e", "s", "1"),
)


@pytest.mark.parametrize(
    ("expression", "gap"),
    [
        ("* * * * *", 60),
        ("*/5 * * * *", 300),
        ("7,9 3 * * *", 120),
        ("0 * * * *", 3600),
        ("0 1,3 * * *", 3600),  # 01:00 CET and 03:00 CEST on the day of the gap
        ("30 2 * * *", 84600),  # 02:30 does not exist on 29 March and is due at 03:00
        ("0 2 * * *", 82800),
        ("0 2 1 * *", 28 * 86400),
        ("59 23 28 2 *", 365 * 86400),
        ("0 0 29 2 *", None),
    ],
)
def test_the_smallest_gap_of_a_cron(expression: str, gap: int | None) -> None:
    assert smallest_gap(replace(BASE, expression=Cron(expression))) == gap


def test_the_smallest_gap_of_the_others() -> None:
    assert smallest_gap(replace(BASE, expression=Interval(timedelta(minutes=7)))) == 420
    assert smallest_gap(replace(BASE, expression=OneShot(datetime(2026, 1, 1, tzinfo=UTC)))) is None


def test_bounds_do_not_hide_a_gap() -> None:
    assert smallest_gap(replace(BASE, start_ms=1, end_ms=2)) == 82800


@settings(max_examples=40, deadline=None)
@given(cron_expressions(), timezones())
def test_no_gap_of_a_year_is_smaller(expression: Cron, timezone: str) -> None:
    schedule = replace(BASE, expression=expression, timezone=timezone)
    stamps = schedule.recurrence().timestamps(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    real = min((later - earlier for earlier, later in pairwise(stamps)), default=None)
    found = smallest_gap(schedule)
    assert real is None or (found is not None and found <= real)
