"""The heap of next occurrences: what is busy, changed, removed or set back keeps its one right place."""

from __future__ import annotations

import asyncio
import time

import pytest

from purista.recurrence import Cron, Interval, Recurrence
from purista.schedulers.local.hostclock import FAR, HostClock
from purista.schedulers.local.timetable import Timetable
from tests.schedulers.local_world import START

MINUTE = Recurrence(Interval(60))
HOUR = Recurrence(Interval(3600))


def table(**rules: Recurrence) -> Timetable:
    made = Timetable()
    made.extend(rules.items(), START)
    return made


def taken(made: Timetable, seconds: int) -> list[str]:
    return [slot.key for slot in made.due(START + seconds * 1000)]


def test_each_is_taken_once_and_busy_until_given_back() -> None:
    made = table(a=MINUTE, b=HOUR)
    [slot] = made.due(START + 600_000)
    assert (slot.key, slot.busy) == ("a", True)
    assert taken(made, 1200) == []
    made.done([(slot, START + 600_000)])
    assert taken(made, 1200) == ["a"]


def test_removed_while_busy_it_does_not_come_back() -> None:
    made = table(a=MINUTE)
    [slot] = made.due(START + 60_000)
    made.remove("a")
    made.done([(slot, START + 60_000)])
    made.later(slot, START + 61_000)
    assert made.head is None
    assert len(made) == 0


def test_removed_and_added_while_busy_it_is_there_once() -> None:
    made = table(a=MINUTE)
    [slot] = made.due(START + 60_000)
    made.remove("a")
    made.put("a", MINUTE, START + 60_000)
    made.done([(slot, START + 60_000)])
    assert taken(made, 120) == ["a"]
    assert made.head is None


def test_changed_while_busy_it_comes_back_with_its_new_rule() -> None:
    made = table(a=MINUTE)
    [slot] = made.due(START + 60_000)
    made.put("a", HOUR, START + 60_000)
    assert made.head is None
    made.done([(slot, START + 60_000)])
    assert made.head == START + 3_600_000


def test_changed_while_it_owes_an_answer_it_is_still_called_again() -> None:
    made = table(a=MINUTE)
    [slot] = made.due(START + 60_000)
    made.later(slot, START + 61_000)
    made.put("a", HOUR, START + 60_000)
    assert made.head == START + 61_000


def test_set_back_while_busy_it_is_there_once() -> None:
    made = table(a=MINUTE, b=MINUTE)
    slots = made.due(START + 600_000)
    made.done([(slots[1], START + 600_000)])
    made.rebuild(START)
    busy = slots[0].key
    assert taken(made, 60) == [slots[1].key], "the busy one is not called a second time"
    made.done([(slots[0], START)])
    assert taken(made, 60) == [busy]


def test_set_back_what_is_due_stays_due() -> None:
    made = table(a=HOUR)
    made.rebuild(START + 3_700_000)
    assert made.head == START + 3_600_000


def test_set_back_an_ended_rule_lives_again() -> None:
    made = table(a=Recurrence(Interval(60), end=START // 1000 + 61))
    [slot] = made.due(START + 60_000)
    made.done([(slot, START + 60_000)])
    assert made.head is None
    made.rebuild(START)
    assert made.head == START + 60_000


def test_stale_items_are_thrown_away() -> None:
    made = table(a=MINUTE, b=MINUTE)
    for n in range(1000):
        made.put("a", Recurrence(Interval(60 + n)), START)
    assert len(made._heap) < 30
    assert sorted(taken(made, 3600)) == ["a", "b"]


def test_unknown_ones_are_removed_without_complaint() -> None:
    table().remove("a")


def test_update_leaves_equal_rules_alone() -> None:
    made = table(a=MINUTE, b=MINUTE, c=HOUR)
    rules = {"a": Recurrence(Interval(60)), "b": HOUR, "d": HOUR}
    made.update(rules, START + 1, whole=True)
    made.update(rules, START + 10**9, whole=True)
    made.update({"c": None, "a": Recurrence(Interval(60))}, START + 10**9, whole=False)
    assert len(made) == 3
    assert taken(made, 60) == ["a"]
    assert sorted(taken(made, 3600)) == ["b", "d"]


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_changes_do_not_depend_on_how_many_there_are(size: int) -> None:
    """A change among 100,000 moves as many heap items as one among 1,000, give or take a few."""
    made = Timetable()
    made.extend(((f"s{n}", Recurrence(Cron(f"{n % 60} {n // 60 % 24} * * *"), "UTC")) for n in range(size)), START)
    assert len(made) == size
    before = len(made._heap)
    for n in range(0, size, size // 100):
        made.put(f"s{n}", HOUR, START)
        made.remove(f"s{n + 1}")
    assert len(made._heap) - before <= 100, "changed in place: the heap was not made anew"
    assert made._stale <= 200


def test_a_hundred_thousand_take_a_moment() -> None:
    """Two seconds on a slow day; 0.3 s as a rule. APScheduler takes 14 s."""
    rules = [(f"s{n}", Recurrence(Cron(f"{n % 60} {n // 60 % 24} * * *"), "UTC")) for n in range(100_000)]
    begin = time.process_time()
    made = Timetable()
    made.extend(rules, START)
    assert time.process_time() - begin < 2
    assert len(made) == 100_000


async def test_the_host_tells_when_its_clock_was_set() -> None:
    """Nobody may set this host's clock for a test: a timer that has run out makes the same noise as one that was cancelled."""
    told = asyncio.Event()
    host = HostClock(told.set, at=1)
    if not host.watching:
        pytest.skip("only Linux tells")
    await asyncio.wait_for(told.wait(), 5)
    told.clear()
    with pytest.raises(TimeoutError):  # it was armed anew: no busy loop
        await asyncio.wait_for(told.wait(), 0.02)
    host.close()
    assert not host.watching
    host.close()
    quiet = HostClock(told.set, at=FAR)
    assert quiet.watching
    quiet.close()
