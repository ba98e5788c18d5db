"""Intervals, single instants, bounds, and the dictionary spelling."""

# ruff: noqa: E501 - tables are read across
from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import purista.recurrence
from purista.errors import InvalidExpression, InvalidTimezone
from purista.recurrence import Cron, Interval, OneShot, Recurrence, expression_from_dict, expression_to_dict
from purista.recurrence.zone import LAST

few = settings(max_examples=150, derandomize=True, deadline=None, database=None)
intervals = st.integers(1, 10**8).flatmap(lambda every: st.builds(Interval, st.just(every), st.integers(0, every - 1)))
NAIVE = datetime(2026, 1, 1)


@few
@given(intervals, st.integers(-(10**6), LAST + 10**6))
def test_intervals_are_a_grid(interval: Interval, instant: int) -> None:
    every, offset = interval.every_seconds, interval.offset_seconds
    rule = Recurrence(interval)
    following, before = rule.next_timestamp(instant), rule.previous_timestamp(instant)
    for found in (following, before):
        assert found is None or (found % every == offset % every and 0 <= found < LAST and rule.contains(found))
    if following is not None:
        assert instant < following
        assert following - max(instant, -1) <= every or following == offset
        assert list(rule.timestamps(instant + 1, following + 1)) == [following]
    if before is not None:
        assert before < instant
        assert list(rule.timestamps(before, instant)) == [before] or instant - before > every
    start = max(0, min(instant, LAST - 20 * every))
    end = start + 10 * every
    found = list(rule.timestamps(start, end))
    first = start + (offset - start) % every
    assert found == list(range(first, min(end, LAST), every))
    step, stepped = start - 1, []
    while (at := rule.next_timestamp(step)) is not None and at < end:
        stepped.append(at)
        step = at
    assert stepped == found
    assert [int(moment.timestamp()) for moment in rule.between(start, end)] == found
    assert rule.shortest_gap == every


def test_intervals_do_not_know_zones_nor_clocks() -> None:
    plain, zoned = Recurrence(Interval(3_600)), Recurrence(Interval(3_600), timezone="Europe/Berlin")
    assert list(plain.timestamps(1_774_700_000, 1_774_800_000)) == list(zoned.timestamps(1_774_700_000, 1_774_800_000))
    moment = zoned.next_after(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
    assert moment is not None
    assert (moment.hour, moment.tzinfo) == (3, ZoneInfo("Europe/Berlin"))
    assert plain.timezone == "UTC"


def test_intervals_have_one_form() -> None:
    assert Interval(timedelta(minutes=5)) == Interval(300) == Interval(300, timedelta(0))
    assert hash(Interval(300)) == hash(Interval(timedelta(minutes=5)))
    assert Interval(300) != Interval(300, 1)
    assert repr(Interval(300, 5)) == "Interval(300, offset=5)"
    assert eval(repr(Interval(300, 5))) == Interval(300, 5)
    assert pickle.loads(pickle.dumps(Interval(300, 5))) == Interval(300, 5)
    with pytest.raises(AttributeError):
        Interval(300).every_seconds = 5  # type: ignore[misc]


def test_bounded_intervals() -> None:
    rule = Recurrence(Interval(600), start=1_000, end=3_000)
    assert list(rule.timestamps(0, 10_000)) == [1_200, 1_800, 2_400]
    assert rule.next_timestamp(-5) == 1_200
    assert rule.next_timestamp(2_400) is None
    assert rule.previous_timestamp(10_000) == 2_400
    assert rule.previous_timestamp(1_200) is None
    assert not rule.contains(600)
    assert not rule.contains(3_000)
    exact = Recurrence(Interval(600), start=1_200, end=2_400)
    assert list(exact.timestamps(0, 10_000)) == [1_200, 1_800]


def test_one_shots_are_due_once() -> None:
    shot = OneShot("2026-03-29T03:30:00+02:00")
    assert shot.timestamp == 1_774_747_800
    assert shot.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert (
        shot
        == OneShot(datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
        == eval(repr(shot))
        == pickle.loads(pickle.dumps(shot))
    )
    assert repr(shot) == "OneShot('2026-03-29T01:30:00Z')"
    rule = Recurrence(shot)
    at = shot.timestamp
    assert rule.next_timestamp(at - 1) == rule.previous_timestamp(at + 1) == rule.next_timestamp(-(10**9)) == at
    assert rule.next_timestamp(at) is None
    assert rule.previous_timestamp(at) is None
    assert rule.contains(at)
    assert not rule.contains(at + 1)
    assert list(rule.timestamps(at, at + 1)) == [at]
    assert list(rule.timestamps(at + 1, at + 5)) == list(rule.timestamps(0, at)) == []
    assert rule.between(0, LAST) == [shot.at]
    assert Recurrence(shot, start=at + 1).next_timestamp(0) is None
    assert Recurrence(shot, end=at).next_timestamp(0) is None
    assert Recurrence(shot, start=at, end=at + 1).next_timestamp(0) == at
    with pytest.raises(AttributeError):
        shot.timestamp = 5  # type: ignore[misc]


def test_one_shots_at_the_edges_of_what_is_covered() -> None:
    for text in ("1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"):
        rule = Recurrence(OneShot(text))
        at = rule.next_timestamp(-1)
        assert at is not None
        assert list(rule.timestamps(0, LAST)) == [at]
        assert rule.previous_timestamp(LAST + 5) == at


REFUSED: list[tuple[Any, str]] = [
    (lambda: Interval(0), "every: expected 1 second to 400 years, got 0; write timedelta(minutes=5)"),
    (lambda: Interval(-5), "every: expected 1 second to 400 years, got -5; write timedelta(minutes=5)"),
    (lambda: Interval(10**12), "every: expected 1 second to 400 years, got 1000000000000; write timedelta(minutes=5)"),
    (lambda: Interval(1.5), "every: expected a timedelta or whole seconds, got 1.5; write timedelta(minutes=5)"),
    (lambda: Interval(True), "every: expected a timedelta or whole seconds, got True; write timedelta(minutes=5)"),
    (lambda: Interval("5m"), "every: expected a timedelta or whole seconds, got '5m'; write timedelta(minutes=5)"),
    (lambda: Interval(None), "every: expected a timedelta or whole seconds, got None; write timedelta(minutes=5)"),
    (lambda: Interval(timedelta(milliseconds=1500)), "every: expected whole seconds, got 0:00:01.500000; write timedelta(seconds=…)"),
    (lambda: Interval(60, 60), "offset: expected 0 up to (not including) every (60 s), got 60; write 0"),
    (lambda: Interval(60, -5), "offset: expected 0 up to (not including) every (60 s), got -5; write 55"),
    (lambda: Interval(60, timedelta(microseconds=5)), "offset: expected whole seconds, got 0:00:00.000005; write timedelta(seconds=…)"),
    (lambda: OneShot(NAIVE), "at: expected an instant with its zone, got datetime.datetime(2026, 1, 1, 0, 0); write"),
    (lambda: OneShot("2026-01-01"), "at: expected an instant with its zone, got '2026-01-01'; write 2026-01-01T02:00:00+01:00"),
    (lambda: OneShot("2026-01-01T00:00:00"), "at: expected an instant with its zone"),
    (lambda: OneShot("tomorrow"), "at: expected a datetime or ISO 8601 text, got 'tomorrow'; write 2026-01-01T02:00:00Z"),
    (lambda: OneShot(5), "at: expected a datetime or ISO 8601 text, got 5; write 2026-01-01T02:00:00Z"),
    (lambda: OneShot(None), "at: expected a datetime or ISO 8601 text, got None"),
    (lambda: OneShot(date(2026, 1, 1)), "at: expected a datetime or ISO 8601 text, got datetime.date(2026, 1, 1)"),
    (lambda: OneShot("2026-01-01T00:00:00.5Z"), "at: expected whole seconds, got '2026-01-01T00:00:00.5Z'; write 2026-01-01 00:00:00+00:00"),
    (lambda: OneShot("1969-12-31T23:59:59Z"), "at: expected an instant from 1970 to 2200, got '1969-12-31T23:59:59Z'"),
    (lambda: OneShot("2200-01-01T00:00:00Z"), "at: expected an instant from 1970 to 2200"),
    (lambda: Recurrence("0 2 * * *", "UTC"), "expected Cron, Interval or OneShot, got '0 2 * * *'; write Cron('0 2 * * *')"),
    (lambda: Recurrence(None, "UTC"), "expected Cron, Interval or OneShot, got None; write Cron('0 2 1 * *')"),
    (lambda: Recurrence(Cron("* * * * *"), "UTC", start=5, end=5), "expected an end after the start, got 5 to 5; write a later end="),
    (lambda: Recurrence(Cron("* * * * *"), "UTC", start=NAIVE), "start: expected an aware datetime, got 2026-01-01T00:00:00 without a zone"),
    (lambda: Recurrence(Interval(5), end="2026"), "end: expected an aware datetime, got '2026'; write datetime(2026, 1, 31, 2, tzinfo=UTC)"),
    (lambda: expression_from_dict({}), "kind: expected cron, interval or oneShot, got None"),
    (lambda: expression_from_dict({"kind": "oneshot"}), "kind: expected cron, interval or oneShot, got 'oneshot'"),
    (lambda: expression_from_dict({"kind": ["cron"]}), "kind: expected cron, interval or oneShot, got ['cron']"),
    (lambda: expression_from_dict([]), "expected a dictionary, got []; write {'kind': 'cron', 'value': '0 2 1 * *'}"),
    (lambda: expression_from_dict({"kind": "cron"}), "expected value, got none; write {'kind': 'cron', 'value': …}"),
    (lambda: expression_from_dict({"kind": "cron", "value": 5}), "expected cron text such as '0 2 1 * *', got 5"),
    (lambda: expression_from_dict({"kind": "oneShot"}), "expected runAt, got none; write {'kind': 'oneShot', 'runAt': …}"),
    (lambda: expression_from_dict({"kind": "interval"}), "everyMs: expected milliseconds that are whole seconds, got None; write 60000"),
    (lambda: expression_from_dict({"kind": "interval", "everyMs": 1500}), "everyMs: expected milliseconds that are whole seconds, got 1500"),
    (lambda: expression_from_dict({"kind": "interval", "everyMs": True}), "everyMs: expected milliseconds that are whole seconds, got True"),
    (lambda: expression_from_dict({"kind": "interval", "everyMs": 6e4}), "everyMs: expected milliseconds that are whole seconds"),
    (lambda: expression_from_dict({"kind": "interval", "everyMs": 60_000, "x": 1}), "expected everyMs, kind, offsetMs, got also x; remove them"),
]  # fmt: skip


@pytest.mark.parametrize(("declare", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused(declare: Any, message: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        declare()
    assert str(caught.value).startswith(message)


def test_cron_needs_a_zone() -> None:
    with pytest.raises(InvalidTimezone, match=r"Cron\('0 2 \* \* \*'\) needs a zone; write timezone='Europe/Berlin'"):
        Recurrence(Cron("0 2 * * *"))


NO_INSTANTS = [NAIVE, NAIVE.replace(tzinfo=None), date(2026, 1, 1), "2026-01-01T00:00Z", 1.5, None]
RULES = [Recurrence(Cron("0 2 * * *"), "UTC"), Recurrence(Cron("0 2 * * *"), "UTC", start=5), Recurrence(Interval(60)), Recurrence(OneShot("2026-01-01T00:00Z"))]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_naive_datetimes_and_other_things_are_no_instants(rule: Recurrence) -> None:
    good = datetime(2026, 1, 1, tzinfo=UTC)
    for bad in NO_INSTANTS:
        asked: list[Any] = [
            lambda bad=bad: rule.next_after(bad), lambda bad=bad: rule.previous_before(bad), lambda bad=bad: rule.contains(bad),
            lambda bad=bad: rule.between(bad, good), lambda bad=bad: rule.between(good, bad),
            lambda bad=bad: rule.timestamps(bad, good), lambda bad=bad: rule.timestamps(good, bad),
            lambda bad=bad: rule.special_days(bad, good),
        ]  # fmt: skip
        for ask in asked:
            with pytest.raises(ValueError, match=r"expected an aware datetime, got .*; write "):
                ask()


def test_equality_and_hash_are_of_what_was_declared() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    one = Recurrence(Cron("0 2 * * *"), "Europe/Berlin", start=start)
    same = Recurrence(Cron("0 2 * * *"), "Europe/Berlin", start=1_767_225_600)
    assert one == same
    assert len({one, same}) == 1
    assert one != Recurrence(Cron("0 2 * * *"), "Europe/Berlin")
    assert one != Recurrence(Cron("0 2 * * *"), "Europe/Oslo", start=start)
    assert repr(one) == "Recurrence(Cron('0 2 * * *'), timezone='Europe/Berlin', start=1767225600)"
    assert eval(repr(one)) == one
    assert pickle.loads(pickle.dumps(one)) == one


@few
@given(intervals | st.integers(0, LAST - 1).map(lambda at: OneShot(datetime.fromtimestamp(at, UTC))))
def test_dictionaries_there_and_back(expression: Interval | OneShot) -> None:
    assert expression_from_dict(expression_to_dict(expression)) == expression


def test_dictionaries_of_cron() -> None:
    cron = Cron("0 2 * * mon-fri")
    assert expression_to_dict(cron) == {"kind": "cron", "value": "0 2 * * mon-fri"}
    assert expression_from_dict({"kind": "cron", "value": "0 2 * * mon-fri", "timezone": "UTC"}) == cron
    assert expression_to_dict(Interval(60)) == {"kind": "interval", "everyMs": 60_000}
    assert expression_to_dict(OneShot("2026-01-01T02:00:00+01:00")) == {
        "kind": "oneShot",
        "runAt": "2026-01-01T01:00:00.000Z",
    }


def test_the_room_shows_what_it_promises() -> None:
    for name in purista.recurrence.__all__:
        assert getattr(purista.recurrence, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        purista.recurrence.unheard_of  # noqa: B018


def test_shortest_gap_is_a_lower_bound() -> None:
    for expression in ("* * * * *", "59,0 23,0 * * *", "0 2 * * *", "*/7 * * * *"):
        rule = Recurrence(Cron(expression), "Europe/Berlin")
        found = rule.timestamps(1_767_225_600, 1_775_000_000)
        assert min(b - a for a, b in pairwise(found)) >= rule.shortest_gap
