"""Which instants an edit adds, takes away or moves.

Traps: an edit fires again today, or loses a run (dagster#13597, oban#1156, sidekiq-cron#73).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.contract.schedule import Schedule, Target, TargetKind
from purista.recurrence import Cron
from purista.registration.moves import Moves, compare_instants

TEN = int(datetime(2026, 6, 1, 10, 0, tzinfo=UTC).timestamp())


def rule(expression: str, timezone: str = "UTC", **more: object) -> Schedule:
    target = Target(TargetKind.EVENT, "thing.due", "s", "1")
    return Schedule(
        service="s", version="1", name="x", description="", expression=Cron(expression), timezone=timezone,
        target=target, **more,
    )  # type: ignore[arg-type]  # fmt: skip


def at(hour: int, minute: int = 0, day: int = 1) -> int:
    return int(datetime(2026, 6, day, hour, minute, tzinfo=UTC).timestamp())


def test_an_equal_rule_moves_nothing() -> None:
    moves = compare_instants(rule("0 2 * * *"), rule("0 2 * * *"), TEN)
    assert moves.nothing
    assert (moves.stay, moves.today) == (29, None)


def test_another_hour_moves_every_day_one_instant() -> None:
    moves = compare_instants(rule("0 12 * * *"), rule("0 13 * * *"), TEN)
    assert (moves.move, moves.appear, moves.vanish) == (30, 0, 0)
    assert moves.moving[0] == (at(12), at(13))
    assert moves.today is None


def test_more_a_day_appear_and_fewer_vanish() -> None:
    moves = compare_instants(rule("0 12 * * *"), rule("0 12,18 * * *"), TEN)
    assert (moves.appear, moves.vanish, moves.move, moves.stay) == (30, 0, 0, 30)
    assert moves.appearing[0] == at(18)
    back = compare_instants(rule("0 12,18 * * *"), rule("0 12 * * *"), TEN)
    assert (back.appear, back.vanish, back.vanishing[0]) == (0, 30, at(18))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("0 2 * * *", "0 14 * * *", "fires again today: it was due at 02:00 UTC and is due at 14:00 UTC"),
        ("0 14 * * *", "0 2 * * *", "loses a run today: 14:00 UTC is gone, and 02:00 UTC has passed"),
        ("0 2 * * *", "0 3 * * *", None),
        ("0 14 * * *", "0 15 * * *", None),
        ("*/5 * * * *", "*/7 * * * *", None),
    ],
)
def test_what_becomes_of_today(before: str, after: str, words: str | None) -> None:
    assert compare_instants(rule(before), rule(after), TEN).today == words


def test_a_zone_edit_moves_by_the_difference() -> None:
    moves = compare_instants(rule("0 12 * * *"), rule("0 12 * * *", "Europe/Berlin"), TEN)
    assert (moves.vanish, moves.move, moves.moving[0]) == (1, 29, (at(12, day=2), at(10, day=2)))
    assert moves.today == "loses a run today: 14:00 CEST is gone, and 12:00 CEST has passed"


def test_new_and_removed_are_all_or_nothing() -> None:
    assert compare_instants(None, rule("0 12 * * *"), TEN).appear == 30
    assert compare_instants(rule("0 12 * * *"), None, TEN).vanish == 30
    assert compare_instants(None, None, TEN) == Moves()


def test_an_end_takes_away_what_follows_it() -> None:
    ended = replace(rule("0 12 * * *"), end_ms=at(0, day=5) * 1000)
    assert compare_instants(rule("0 12 * * *"), ended, TEN).vanish == 26


RULES = st.sampled_from(["0 2 * * *", "0 12 * * *", "*/20 * * * *", "30 1 * * 1", "0 0 1 * *", "15 2-4 * * *"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/Havana", "Australia/Lord_Howe"])


@given(RULES, RULES, ZONES, ZONES, st.integers(1_200_000_000, 2_000_000_000))
def test_the_counts_add_up(before: str, after: str, zone_before: str, zone_after: str, now: int) -> None:
    """Law: what stays, moves and vanishes is what was there; what stays, moves and appears is what will be."""
    old, new = rule(before, zone_before), rule(after, zone_after)
    moves = compare_instants(old, new, now)
    zone = new.recurrence().table  # the horizon is made of the new zone's days
    assert zone is not None
    whole = compare_instants(None, new, now).appear
    assert moves.stay + moves.move + moves.appear == whole
    swapped = compare_instants(new, old, now) if zone_before == zone_after else None
    if swapped is not None:
        assert (swapped.appear, swapped.vanish, swapped.move, swapped.stay) == (
            moves.vanish, moves.appear, moves.move, moves.stay,
        )  # fmt: skip
