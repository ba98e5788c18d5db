"""cronsim, which means to be Debian cron as well: the same instants, except where it is known to differ.

Known: an elapsed-time job across a change that is no whole hour or that touches midnight, or one that skips or repeats the
hours it names (cronsim steps the wall clock by whole hours); the instant that several times of a gap share (it may say it
twice); a range of one with a step, such as `5-5/2`, which it reads as `5-59/2`.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import assume, example, given
from hypothesis import strategies as st

from purista.recurrence import Cron, Recurrence, transitions
from purista.recurrence.zone import LAST, zone_table
from tests.recurrence.oracle import Rule, rule
from tests.recurrence.test_laws import few, legal, rules

ORDINARY = [
    "Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "America/Los_Angeles", "America/Toronto",
    "Australia/Sydney", "Pacific/Auckland", "Asia/Jerusalem",
]  # fmt: skip
FIXED = (
    "30 2 * * *", "0 2 * * *", "0 2,3 * * *", "30 1 * * *", "0-59/15 2 * * *", "0 0-23 * * *", "15 0-23/2 * * *", "0 0 * * *",
    "59 1,2 * * 1-7/2", "30 1-3 * 3,10 *", "0 3 25-31 * 0",
)  # fmt: skip
WILDCARD = ("0 * * * *", "30 * * * *", "*/15 * * * *", "* * * * *", "7,37 * * * *", "*/20 */1 * * *")
HOUR = 3_600


def theirs(expression: str, zone: str, start: int, count: int) -> list[int]:
    """What cronsim says, in order, each instant once."""
    tz = UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)
    found = (int(at.timestamp()) for at in islice(CronSim(expression, datetime.fromtimestamp(start, tz)), count))
    return list(dict.fromkeys(found))


def numbers(asked: Recurrence) -> str:
    """The rule as everybody writes it; a range of one loses its step."""
    assert isinstance(asked.expression, Cron)
    return asked.expression.normalised()


def ours(asked: Recurrence, start: int, count: int) -> list[int]:
    found: list[int] = []
    at: int | None = start
    while len(found) < count and (at := asked.next_timestamp(at)) is not None:
        found.append(at)
    return found


@few
@given(rules(), st.integers(0, 2**32))
@example(rule("0 0 */10 * 1"), 0)
@example(rule("0 0 29 2 1-5"), 1_000_000_000)
@example(rule("0 0 11,*/7 2 */3"), 1_000_000_000)
def test_every_rule_where_no_clock_changes(made: Rule, start: int) -> None:
    """The whole grammar, and the day-or-weekday rule."""
    asked = legal(made)
    expected = [
        at for at in theirs(numbers(asked), "UTC", start, 40) if at < LAST
    ]  # ours ends with what zones are known for
    assume(expected)  # it gives up after fifty years
    assert ours(asked, start, len(expected)) == expected


@few
@given(rules(), st.sampled_from([*ORDINARY, "Asia/Kolkata", "America/St_Johns"]), st.integers(30, 2**32 // 86_400))
def test_every_rule_between_changes(made: Rule, zone: str, day: int) -> None:
    start = day * 86_400
    table = zone_table(zone)
    number = table.segment(start)
    assume(number and number + 1 < len(table.starts))
    start = max(start, table.starts[number] + 86_400)
    asked, last = legal(made, zone), table.starts[number + 1] - 86_400
    assume(start < last)
    expected = [at for at in theirs(numbers(asked), zone, start, 30) if at < last]
    assert ours(asked, start, len(expected)) == expected


@pytest.mark.parametrize("zone", ORDINARY)
def test_changes_of_an_hour_in_the_small_hours(zone: str) -> None:
    changes = transitions(zone, 1_600_000_000, 1_900_000_000)
    assert len(changes) >= 18
    for change in changes:
        for expression in FIXED + WILDCARD:
            asked = Recurrence(Cron(expression), timezone=zone)
            start, end = change.at - 12 * HOUR, change.at + 36 * HOUR
            count = len(asked.timestamps(start + 1, end)) + 4
            expected = [at for at in theirs(expression, zone, start, count) if at < end]
            assert asked.timestamps(start + 1, end) == expected, (expression, change)


@pytest.mark.parametrize("zone", [*ORDINARY, "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Pacific/Apia"])
def test_fixed_times_at_odd_changes(zone: str) -> None:
    """Half an hour, midnight, a skipped day: fixed times agree there too, as long as they are asked from the day before."""
    for change in transitions(zone, 1_200_000_000, 1_900_000_000):
        for expression in ("30 2 * * *", "0 0 * * *", "15 1 * * *", "30 23 * * *", "0 12 * * *"):
            asked = Recurrence(Cron(expression), timezone=zone)
            start = change.at - 30 * HOUR
            end = start + 72 * HOUR
            expected = [at for at in theirs(expression, zone, start, 6) if at < end]
            assert asked.timestamps(start + 1, end) == expected, (expression, change)
            assert asked.next_after(datetime.fromtimestamp(start, UTC)) == datetime.fromtimestamp(
                expected[0], asked.zone
            ) + timedelta(0)
