"""Laws of the local runner, in virtual time: when it calls, how often, and what it does when the clock or a call goes wrong."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import wraps

import pytest

from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.simulation.loop import travel
from purista.testing import ManualClock
from tests.schedulers.local_world import START, DeafClock, World, reply

MINUTE = Recurrence(Interval(60))
HOUR = Recurrence(Interval(3600))


def virtual(test):  # type: ignore[no-untyped-def]
    """Run an async test on a loop that travels in time."""

    @wraps(test)
    def run(*arguments, **options):  # type: ignore[no-untyped-def]
        travel(test(*arguments, **options))

    return run


@virtual
async def test_calls_when_due_and_not_a_moment_before() -> None:
    async with World({"a": MINUTE, "b": Recurrence(Cron("*/2 * * * *"), "UTC")}) as world:
        await world.pass_seconds(59.9)
        assert world.taken() == []
        await world.pass_seconds(60.2)
        assert sorted(world.taken()) == [(60.0, "a"), (120.0, "a"), (120.0, "b")]


@virtual
async def test_it_sleeps_between() -> None:
    """No ticking: between two occurrences it looks at the clock once an hour."""
    async with World({"a": Recurrence(OneShot(datetime(2026, 2, 1, tzinfo=UTC)))}) as world:
        looks = 0
        now = world.clock.now

        def counted() -> int:
            nonlocal looks
            looks += 1
            return int(now())

        world.clock.now = counted
        await world.pass_seconds(86_400)
        assert looks <= 3 * 25  # settling, looking, and reckoning how long to sleep
        await world.pass_seconds(31 * 86_400)
        assert [key for _, key in world.taken()] == ["a"]


@virtual
async def test_says_that_it_is_for_development(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="purista.local"):
        async with World({}):
            assert "for development only" in caplog.text


@virtual
async def test_ended_rules_are_not_called() -> None:
    ended = Recurrence(Interval(60), end=datetime(2026, 1, 1, 0, 2, 30, tzinfo=UTC))
    async with World({"a": ended, "b": Recurrence(OneShot("2025-12-31T00:00:00Z"))}) as world:
        world.taken()
        await world.pass_seconds(600)
        assert world.taken() == [(60.0, "a"), (120.0, "a")]


# --- clocks that jump -----------------------------------------------------------------------------------------------------


@virtual
async def test_forward_everything_that_was_due_is_called_once() -> None:
    """A laptop that slept a night: one call for each schedule, at once; the gateway decides about the missed ones."""
    async with World({"a": MINUTE, "b": HOUR, "c": Recurrence(OneShot("2026-03-01T00:00:00Z"))}) as world:
        await world.pass_seconds(30)
        world.taken()
        await world.jump(8 * 3600)
        assert world.taken() == [(8 * 3600 + 30.0, "a"), (8 * 3600 + 30.0, "b")]
        await world.pass_seconds(30)
        assert world.taken() == [(8 * 3600 + 60.0, "a")]


@virtual
async def test_back_what_follows_is_found_again() -> None:
    """A clock that was a year ahead when the heap was made: without a new one nothing were called for a year."""
    async with World({"a": HOUR}) as world:
        await world.jump(365 * 86_400)
        world.taken()
        await world.jump(-365 * 86_400)
        assert world.taken() == []
        await world.pass_seconds(3600)
        assert world.taken() == [(3600.0, "a")]


@virtual
async def test_back_by_a_moment_changes_nothing() -> None:
    async with World({"a": MINUTE}) as world:
        await world.pass_seconds(60)
        world.taken()
        for _ in range(3):
            await world.jump(-0.3)
        await world.pass_seconds(50)
        assert world.taken() == [], "called twice: 60 s came three times"
        await world.pass_seconds(11)
        assert world.taken() == [(120.0, "a")]


@virtual
@pytest.mark.parametrize("seconds", [4 * 3600, -4 * 3600])
async def test_a_clock_that_tells_nobody_is_noticed_within_a_minute(seconds: int) -> None:
    clock = DeafClock()
    async with World({"a": HOUR}, clock=clock) as world:
        await world.pass_seconds(5 * 3600 + 60)
        world.taken()
        await world.jump(seconds)
        before = clock.now()
        await world.pass_seconds(61)
        if seconds > 0:
            [(at, _)] = world.taken()
            assert at * 1000 + START - before <= 60_000
        else:
            await world.pass_seconds(3600)
            assert world.taken() == [(2 * 3600.0, "a")]


@virtual
async def test_back_what_got_no_answer_is_called_at_once() -> None:
    async with World({"a": HOUR}) as world:

        async def fail(key: str) -> None:
            raise RuntimeError("no")

        world.answer = fail
        await world.pass_seconds(3600)
        world.taken()
        await world.jump(-1800)
        assert world.taken() == [(1800.0, "a")]


@virtual
async def test_back_while_a_call_is_under_way() -> None:
    """The gateway may have seen the clock after it was set back: what follows counts from there."""
    async with World({"a": HOUR}) as world:

        async def slow(key: str) -> None:
            await asyncio.sleep(5)

        await world.pass_seconds(1)
        world.taken()
        world.answer = slow
        await world.pass_seconds(3600)
        await world.jump(-1800)
        await world.pass_seconds(1800)
        assert world.taken() == [(3600.0, "a"), (3600.0, "a")]


@virtual
async def test_registered_after_a_clock_was_set_back() -> None:
    async with World({}) as world:
        await world.pass_seconds(7200)
        await world.refresh()
        await world.jump(-3630)
        world.rules["a"] = HOUR
        await world.refresh()
        await world.pass_seconds(31)
        assert world.taken() == [(3600.0, "a")]


# --- contracts that change ------------------------------------------------------------------------------------------------


@virtual
async def test_registered_changed_removed() -> None:
    async with World({"a": HOUR, "b": HOUR}) as world:
        await world.pass_seconds(100)
        world.taken()
        world.rules = {"b": MINUTE, "c": HOUR}
        await world.refresh()
        assert world.taken() == [(100.0, "b")], "60 s may lie behind its registration, or not: the gateway knows"
        await world.pass_seconds(21)
        assert world.taken() == [(120.0, "b")]
        await world.pass_seconds(3600)
        assert [key for _, key in world.taken() if key != "b"] == ["c"]


@virtual
async def test_due_between_registration_and_reading_is_called() -> None:
    """The contract came into force at 59.5 s, its occurrence at 60 s; the runner reads it at 61 s."""
    async with World({}) as world:
        await world.pass_seconds(61)
        world.rules["a"] = MINUTE
        await world.refresh()
        assert world.taken() == [(61.0, "a")]


@virtual
async def test_told_what_changed_it_reads_nothing() -> None:
    async with World({"a": HOUR, "b": HOUR}) as world:
        await world.pass_seconds(100)
        world.taken()
        await world.refresh({"a": None, "c": HOUR})
        await world.pass_seconds(3600)
        assert sorted(world.taken()) == [(3600.0, "b"), (3600.0, "c")]
        assert world.reads == 1


@virtual
async def test_told_what_changed_while_it_reads_it_reads_again() -> None:
    """What is being read may be older than the change."""
    async with World({"a": HOUR}) as world:
        gate, contracts = asyncio.Event(), world.runner._contracts

        async def slow():  # type: ignore[no-untyped-def]
            found = await contracts()
            await gate.wait()
            return found

        world.runner._contracts = slow
        await world.refresh()
        world.rules = {"b": HOUR}
        await world.refresh({"a": None, "b": HOUR})
        gate.set()
        await world.pass_seconds(100)
        world.taken()
        await world.pass_seconds(3600)
        assert world.taken() == [(3600.0, "b")]


@virtual
async def test_contracts_that_cannot_be_read_are_read_again() -> None:
    async with World({}) as world:
        contracts, failing = world.rules, iter((True, True, False))

        async def read():  # type: ignore[no-untyped-def]
            if next(failing):
                raise RuntimeError("locked")
            return list(contracts.items())

        world.runner._contracts = read
        contracts["a"] = MINUTE
        await world.refresh()
        await world.pass_seconds(59)
        world.taken()
        await world.pass_seconds(2)
        assert world.taken() == [(60.0, "a")]


@virtual
async def test_a_refresh_while_reading_reads_again() -> None:
    async with World({"a": MINUTE}) as world:
        gate, reads = asyncio.Event(), 0

        async def slow():  # type: ignore[no-untyped-def]
            nonlocal reads
            reads += 1
            found = list(world.rules.items())
            await gate.wait()
            return found

        world.runner._contracts = slow
        await world.refresh()
        world.rules["b"] = MINUTE
        await world.refresh()
        gate.set()
        await world.settle()
        world.taken()
        await world.pass_seconds(60)
        assert world.taken() == [(60.0, "a"), (60.0, "b")]
        assert reads == 2


# --- calls that go wrong --------------------------------------------------------------------------------------------------


@virtual
async def test_one_that_raises_does_not_stop_the_others() -> None:
    async with World({"a": HOUR, "b": HOUR}) as world:

        async def fail(key: str) -> None:
            if key == "a":
                raise RuntimeError("no")

        await world.pass_seconds(1)
        world.taken()
        world.answer = fail
        await world.pass_seconds(3600 - 1 + 200)
        calls = world.taken()
        assert calls[:2] == [(3600.0, "a"), (3600.0, "b")]
        gaps = [t - 3600 for t, key in calls if key == "a"]
        assert gaps == [0, 1, 3, 7, 15, 31, 63, 123, 183]
        world.answer = None
        await world.pass_seconds(60)
        assert [key for _, key in world.taken()] == ["a"]
        await world.pass_seconds(2 * 3600)
        assert sorted(world.taken()) == [(t, key) for t in (7200.0, 10800.0) for key in "ab"]


@virtual
async def test_told_when_to_come_back_it_comes_back_then() -> None:
    async with World({"a": HOUR}) as world:
        answers = iter([reply(7_000), reply(500), reply(None), reply(None)])

        async def answer(key: str) -> object:
            return next(answers)

        await world.pass_seconds(1)
        world.taken()
        world.answer = answer
        await world.pass_seconds(7200)
        assert world.taken() == [(3600.0, "a"), (3607.0, "a"), (3607.5, "a"), (7200.0, "a")]


@virtual
async def test_told_to_come_back_late_it_comes_with_the_next_occurrence() -> None:
    async with World({"a": MINUTE}) as world:

        async def answer(key: str) -> object:
            return reply(3_600_000)

        world.answer = answer
        await world.pass_seconds(121)
        assert [t for t, _ in world.taken()] == [60.0, 120.0]


@virtual
async def test_at_most_so_many_calls_are_under_way_and_never_two_of_one_schedule() -> None:
    rules = {f"s{n}": MINUTE for n in range(100)}
    async with World(rules, width=7) as world:
        working: set[str] = set()

        async def slow(key: str) -> None:
            assert key not in working
            working.add(key)
            await asyncio.sleep(10)
            working.discard(key)

        await world.pass_seconds(1)
        world.taken()
        world.answer, world.most = slow, 0
        await world.pass_seconds(59 + 10 * 16)
        assert world.most == 7
        calls = world.taken()
        assert [key for _, key in calls[:100]] == list(rules), "in their order"
        assert len({key for _, key in calls[:100]}) == 100


@virtual
async def test_a_call_that_hangs_delays_nobody_else() -> None:
    async with World({"a": MINUTE, "b": MINUTE}) as world:

        async def hang(key: str) -> None:
            if key == "a":
                await asyncio.sleep(150)

        await world.pass_seconds(1)
        world.taken()
        world.answer = hang
        await world.pass_seconds(240)
        assert [t for t, key in world.taken() if key == "b"] == [60.0, 120.0, 180.0, 240.0]


@virtual
async def test_what_was_due_meanwhile_is_called_when_it_comes_back() -> None:
    async with World({"a": MINUTE}) as world:

        async def slow(key: str) -> None:
            await asyncio.sleep(90)

        await world.pass_seconds(1)
        world.taken()
        world.answer = slow
        await world.pass_seconds(200)
        assert [t for t, _ in world.taken()] == [60.0, 150.0]


@virtual
async def test_a_call_given_up_by_the_gateway_is_made_again() -> None:
    async with World({"a": HOUR}) as world:
        given_up = iter((True, False))

        async def cancel(key: str) -> None:
            if next(given_up):
                raise asyncio.CancelledError

        await world.pass_seconds(1)
        world.taken()
        world.answer = cancel
        await world.pass_seconds(3605)
        assert world.taken() == [(3600.0, "a"), (3601.0, "a")]


# --- the end --------------------------------------------------------------------------------------------------------------


@virtual
async def test_stop_finishes_what_is_due_and_begins_nothing_else() -> None:
    async with World({f"s{n}": MINUTE for n in range(20)}, width=4) as world:
        answered = []

        async def slow(key: str) -> None:
            await asyncio.sleep(1)
            answered.append(key)

        await world.pass_seconds(1)
        world.taken()
        world.answer = slow
        await world.pass_seconds(59.5)
        await world.runner.stop()
        assert len(answered) == len(set(answered)) == 20
        assert len(world.taken()) == 20
        await world.pass_seconds(600)
        assert world.taken() == []
        await world.runner.stop()


@virtual
async def test_stop_without_draining_gives_up() -> None:
    async with World({"a": MINUTE, "b": MINUTE}, width=1) as world:

        async def hang(key: str) -> None:
            await asyncio.sleep(3600)

        world.answer = hang
        await world.pass_seconds(60)
        before = world.clock.now()
        await world.runner.stop(drain=False)
        assert world.clock.now() == before
        assert world.under_way == 0


@virtual
async def test_it_can_be_started_again() -> None:
    async with World({"a": MINUTE}) as world:
        await world.pass_seconds(1)
        await world.runner.stop()
        await world.pass_seconds(600)
        world.taken()
        await world.runner.start()
        await world.pass_seconds(59)
        assert [key for _, key in world.taken()] == ["a"]


@virtual
async def test_every_five_minutes_it_finishes_what_calls_began() -> None:
    swept: list[float] = []

    async def sweep() -> int:
        swept.append((world.clock.now() - START) / 1000)
        return 0

    async with World({}, sweep=sweep) as world:
        await world.pass_seconds(601)
        assert swept[-2:] == [300.0, 600.0]
        assert world.taken() == []


async def test_by_a_clock_that_a_test_advances() -> None:
    """``advance`` stops at each occurrence, in both directions of time."""
    clock = ManualClock("2026-01-01T00:00:00Z")
    world = World({"a": HOUR, "b": Recurrence(Interval(1800))}, clock=clock)
    await world.runner.start()
    await clock.advance(hours=0)
    await clock.advance(hours=2)
    assert sorted(world.taken()) == [(1800, "b"), (3600, "a"), (3600, "b"), (5400, "b"), (7200, "a"), (7200, "b")]
    await clock.advance(hours=-1)
    await clock.advance(minutes=30)
    assert world.taken() == [(5400, "b")]
    await world.runner.stop()
