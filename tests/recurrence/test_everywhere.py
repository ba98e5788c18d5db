"""Every zone of the tz database, around every change of its clocks from 2005 to 2037, against the oracle."""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from functools import cache

from purista.recurrence import Cron, Recurrence, transitions
from tests.recurrence.oracle import by_date, rule

DAY = 86_400
FROM, UNTIL = 1_104_537_600, 2_145_916_800  # 2005-01-01, 2038-01-01
ALL = sorted(zoneinfo.available_timezones())
HAND = ("30 2 * * *", "0 0 * * *", "0 0-23 * * *", "30 * * * *")
"""A fixed time most clocks skip or repeat, midnight, fixed times all day long, and a job that follows elapsed time."""

Change = tuple[int, int, int]


def expressions(change: Change) -> tuple[str, ...]:
    """The ones chosen by hand, and one fixed time in the middle of what the clocks skip or repeat, on that very date."""
    at, before, after = change
    middle = datetime.fromtimestamp(at + (before + after) // 2, UTC)
    return (*HAND, f"{middle.minute} {middle.hour} {middle.day} {middle.month} *")


@cache
def expected(zone: str, expression: str, start: int, end: int) -> list[int]:
    return by_date(rule(expression), zone, start, end)


def asked_in_its_own_zone(one: Recurrence, change: int, seed: int) -> None:
    """Instants that a clock in the rule's zone shows, in both passes and beside the gap, are the same instants."""
    for shift in (-3_601, -1_800 - seed % 1_800, -1, 0, 3_600 + seed % 3_600):
        moment = datetime.fromtimestamp(change + shift, one.zone)
        found = one.next_after(moment)
        assert found is not None
        assert found.timestamp() == one.next_timestamp(change + shift), (one, moment)


def test_every_zone_around_every_change() -> None:
    """Zones that change alike within four days of a change are due alike there; the oracle is asked once for all of them."""
    first_with: dict[tuple[Change, ...], str] = {}
    asked = changes_seen = 0
    for name in ALL:
        changes = [
            (one.at, one.offset_before, one.offset_after) for one in transitions(name, FROM - 9 * DAY, UNTIL + 9 * DAY)
        ]
        moments = [at for at, _, _ in changes]
        rules: dict[str, Recurrence] = {}
        for change in changes:
            at = change[0]
            if not FROM <= at < UNTIL:
                continue
            alike = tuple(changes[bisect_left(moments, at - 4 * DAY) : bisect_right(moments, at + 4 * DAY)])
            representative = first_with.setdefault(alike, name)
            changes_seen += 1
            for expression in expressions(change):
                asked += 1
                if expression not in rules:
                    rules[expression] = Recurrence(Cron(expression), timezone=name)
                due = rules[expression].timestamps(at - DAY, at + DAY)
                assert due == expected(representative, expression, at - DAY, at + DAY), (name, expression, change)
                following = [instant for instant in due if instant >= at]
                if following:
                    assert rules[expression].next_timestamp(at - 1) == following[0], (name, expression, change)
            asked_in_its_own_zone(rules[HAND[changes_seen % 4]], at, changes_seen)
    assert changes_seen > 10_000
    assert asked == changes_seen * (len(HAND) + 1)


def test_zones_that_never_change_are_plain_shifts() -> None:
    """Where clocks never change in these years every local time is one instant: UTC, moved by the offset."""
    still = [name for name in ALL if not transitions(name, FROM, UNTIL)]
    assert len(still) > 100
    noon = 1_767_225_600
    for name in still:
        for expression in ("30 2 * * *", "*/20 8-18 * * mon-fri", "0 0 29 2 *"):
            here, there = (Recurrence(Cron(expression), timezone=zone) for zone in (name, "UTC"))
            shift = int(datetime.fromtimestamp(noon, here.zone).utcoffset().total_seconds())  # type: ignore[union-attr]
            moved = [at - shift for at in there.timestamps(noon + shift, noon + shift + 500 * DAY)]
            assert here.timestamps(noon, noon + 500 * DAY) == moved, (name, expression)
