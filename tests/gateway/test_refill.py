"""Pause, resume, backfill and recover: what is decided, what is made up for, and what a person is asked.

Traps: resuming releases hundreds of runs (dagster#7010, hangfire#1591); a run by hand marks others as done (PURISTA v4);
a backlog stops the schedule for good (kubernetes#42649).
"""

from __future__ import annotations

import asyncio

import pytest

from purista.errors import UnknownSchedule
from purista.gateway.backfill import Slot, SlotState, backfill, slots
from purista.gateway.catch_up import CatchUp, resume_with
from purista.gateway.pauses import pause, resume
from purista.gateway.recover import overdue, recover
from purista.ledgers.base import RunState
from purista.schedulers.base import Call, CallKind
from tests.gateway.house import KEY, House, house, ms


async def found(at: House, start: str, end: str) -> list[Slot]:
    return [slot async for slot in slots(at.bridge.ledger, KEY, ms(start), ms(end))]


async def states(at: House, start: str, end: str) -> list[str]:
    return [str(slot.state) for slot in await found(at, start, end)]


async def fill(at: House, start: str, end: str, **options: object) -> int:
    wanted = [slot for slot in await found(at, start, end) if slot.state.fillable]
    return await backfill(at.bridge.gateway, KEY, wanted, **options)  # type: ignore[arg-type]


async def test_a_pause_keeps_who_and_why_and_nothing_is_published() -> None:
    async with house() as at:
        made = await pause(at.bridge.ledger, KEY, by="ann", reason="database moves")
        assert await at.call("10:00") == "accepted"
        assert await at.decisions() == ["10:00 paused"]
        assert (await at.rows())[0].reason == "paused by ann: database moves"
        assert (made.by, made.since, made.until) == ("ann", ms("09:30"), None)


async def test_a_second_pause_keeps_its_begin() -> None:
    async with house() as at:
        await pause(at.bridge.ledger, KEY, by="ann", reason="a")
        at.at("09:40")
        again = await pause(at.bridge.ledger, KEY, by="bob", reason="b", until=ms("12:00"))
        assert (again.since, again.by, again.until) == (ms("09:30"), "bob", ms("12:00"))


async def test_a_timed_pause_ends_by_itself() -> None:
    async with house() as at:
        await pause(at.bridge.ledger, KEY, by="ann", reason="a", until=ms("10:30"))
        await at.call("10:00")
        await at.call("11:00")
        assert await at.decisions() == ["10:00 paused", "11:00 published"]
        assert (await at.lineage()).pause is None


async def test_resuming_releases_nothing() -> None:
    """Also not what nobody called for during the pause."""
    async with house(missed_run_policy="backfill", max_catch_up_count=100) as at:
        await pause(at.bridge.ledger, KEY, by="ann", reason="a")
        at.at("15:10")
        done = await resume_with(at.bridge.gateway, KEY, by="bob")
        assert done.pause is not None
        assert done.slots == ()
        assert await at.decisions() == [f"{hour}:00 paused" for hour in range(10, 16)]
        assert await at.call("16:00") == "accepted"
        assert (await at.decisions())[-1] == "16:00 published"


@pytest.mark.parametrize(("catch_up", "count"), [(CatchUp.NONE, 0), (CatchUp.ONCE, 1), (CatchUp.ALL, 3)])
async def test_resuming_makes_up_for_what_was_asked(catch_up: CatchUp, count: int) -> None:
    async with house(concurrency_policy="allow") as at:
        await at.call("10:00")
        await pause(at.bridge.ledger, KEY, by="ann", reason="a")
        at.at("13:20")
        done = await resume_with(at.bridge.gateway, KEY, by="bob", catch_up=catch_up)
        assert await backfill(at.bridge.gateway, KEY, done.slots) == count
        replays = [line for line in await at.decisions() if line.startswith("+")]
        assert (
            replays
            == {0: [], 1: ["+13:00 published"], 3: ["+11:00 published", "+12:00 published", "+13:00 published"]}[count]
        )


async def test_pause_and_resume_are_written_down() -> None:
    async with house() as at:
        await pause(at.bridge.ledger, KEY, by="ann", reason="a")
        await resume(at.bridge.ledger, KEY, by="bob")
        assert await resume(at.bridge.ledger, KEY, by="bob") is None
        rows = at.bridge.file.read(lambda c: c.execute("SELECT act, by FROM audit ORDER BY id").fetchall())
        assert rows == [("pause", "ann"), ("resume", "bob")]


async def test_an_unknown_schedule_is_said_so() -> None:
    async with house() as at:
        for act in (pause(at.bridge.ledger, "s/1/x", by="a", reason="b"), resume(at.bridge.ledger, "s/1/x", by="a")):
            with pytest.raises(UnknownSchedule, match="s/1/x"):
                await act
        with pytest.raises(UnknownSchedule):
            [slot async for slot in slots(at.bridge.ledger, "s/1/x", 0, 1)]


async def test_what_became_of_each_slot() -> None:
    async with house(concurrency_policy="allow") as at:
        await at.call("10:00")
        await at.work()
        await at.call("11:00")
        await at.work(RunState.FAILED)
        await at.call("12:00")
        await at.call("15:05")
        assert await states(at, "08:00", "17:00") == [
            "empty", "empty", "done", "failed", "open", "skipped", "skipped", "open", "empty",
        ]  # fmt: skip


async def test_backfill_fills_what_did_not_run_and_nothing_else() -> None:
    async with house(concurrency_policy="allow") as at:
        await at.call("10:00")
        await at.work()
        await at.call("13:05")
        at.at("13:30")
        assert await fill(at, "09:00", "14:00") == 3
        assert [line for line in await at.decisions() if line[0] == "+"] == [
            "+09:00 published", "+11:00 published", "+12:00 published",
        ]  # fmt: skip
        assert await fill(at, "09:00", "14:00") == 0, "filled once"
        await at.work()
        assert set(await states(at, "09:00", "14:00")) == {"done"}
        assert await fill(at, "09:00", "14:00") == 0, "worked once"


async def test_a_failed_replay_can_be_filled_again() -> None:
    async with house(concurrency_policy="allow") as at:
        at.at("10:10")
        assert await fill(at, "08:00", "09:00") == 1
        await at.work(RunState.FAILED)
        assert await fill(at, "08:00", "09:00") == 1
        assert [row.request for row in await at.rows()] == ["2026-06-01T08:00:00.000Z#1", "2026-06-01T08:00:00.000Z#2"]


async def test_two_backfills_at_once_fill_each_slot_once() -> None:
    async with house(concurrency_policy="allow") as at:
        at.at("10:10")
        wanted = await found(at, "00:00", "10:00")
        counts = await asyncio.gather(*(backfill(at.bridge.gateway, KEY, wanted) for _ in range(3)))
        assert sum(counts) == 10
        assert len(await at.rows()) == 10


async def test_a_replay_renders_the_payload_of_its_slot() -> None:
    async with house(concurrency_policy="allow", payload={"at": "{scheduled_at:%H:%M}"}) as at:
        at.at("10:10")
        await fill(at, "08:00", "09:00")
        row = (await at.rows())[0]
        assert row.payload == '{"at":"08:00"}'
        assert row.occurrence_class == "replay"


@pytest.mark.parametrize("policy", ["forbid", "replace"])
async def test_a_replay_waits_for_an_open_run_and_ends_none(policy: str) -> None:
    async with house(concurrency_policy=policy) as at:
        await at.call("10:00")
        request = Call(KEY, CallKind.REPLAY, ms("08:00"), "r", "test")
        reply = await at.bridge.gateway.trigger(request)
        assert (str(reply.answer), reply.detail) == ("retry", "a run is open")
        assert await at.decisions() == ["10:00 published"]
        await at.work()
        assert str((await at.bridge.gateway.trigger(request)).answer) == "accepted"
        assert str((await at.bridge.gateway.trigger(request)).answer) == "duplicate"


async def test_who_waits_for_long_is_told_what_for() -> None:
    """Once: with slow work every slot waits, and with no worker at all nothing would ever be said."""
    async with house(concurrency_policy="forbid") as at:
        await at.call("10:00")
        said: list[tuple[int, str]] = []
        work = asyncio.create_task(
            fill(at, "07:00", "09:30", waits=lambda slot, reply: said.append((slot.at, reply.detail)))
        )
        await at.clock.advance(seconds=9)
        assert said == []
        for _ in range(4):
            await at.clock.advance(seconds=20)
            assert said == [(ms("07:00"), "a run is open")]
            await at.work()
        await at.clock.advance(seconds=20)
        assert await work == 3


async def test_a_forced_replay_is_recorded_as_forced() -> None:
    async with house() as at:
        await at.call("10:00")
        assert await at.call(kind=CallKind.REPLAY, scheduled_at=ms("08:00"), request="r", force=True) == "accepted"
        assert (await at.rows())[0].reason == "backfill, forced past overlap"


@pytest.mark.parametrize(
    ("instant", "request_id", "answer"),
    [("08:30", "r", "not_due"), ("11:00", "r", "refused"), ("08:00", "", "refused")],
)
async def test_replays_that_cannot_be(instant: str, request_id: str, answer: str) -> None:
    async with house() as at:
        got = await at.call("10:10", kind=CallKind.REPLAY, scheduled_at=ms(instant), request=request_id)
        assert got == answer
        assert await at.rows() == []


async def test_recover_decides_what_nobody_called_for() -> None:
    async with house(missed_run_policy="runOnce") as at:
        at.at("12:10")
        done = await recover(at.bridge.gateway)
        assert (done.decided, done.published, done.waiting) == (3, 1, [])
        assert await at.decisions() == ["10:00 coalesced", "11:00 coalesced", "12:00 published"]
        again = await recover(at.bridge.gateway)
        assert (again.decided, again.published) == (0, 0)


async def test_several_recovers_at_once_do_no_harm() -> None:
    async with house(missed_run_policy="runOnce") as at:
        at.at("12:10")
        done = await asyncio.gather(*(recover(at.bridge.gateway) for _ in range(5)))
        assert sum(one.published for one in done) == 1


async def test_a_long_gap_asks_first() -> None:
    async with house(missed_run_policy="runOnce") as at:
        at.at("2026-06-20T10:10")
        asked = await recover(at.bridge.gateway)
        assert (asked.decided, len(asked.waiting)) == (0, 1)
        assert "longer than" in str(asked.waiting[0].asks)
        assert (await recover(at.bridge.gateway, consent=True)).published == 1


async def test_a_restored_ledger_asks_since_when() -> None:
    """What was due while another copy of it lived may have run: it is never made up for by itself."""
    async with house(missed_run_policy="backfill", max_catch_up_count=10, concurrency_policy="allow") as at:
        at.at("13:10")
        at.bridge.ledger.epoch = ms("12:30")
        asked = await recover(at.bridge.gateway, consent=True)
        assert (asked.decided, [gap.key for gap in asked.waiting]) == (0, [KEY])
        assert "restored" in str(asked.waiting[0].asks)
        done = await recover(at.bridge.gateway, since=ms("11:30"))
        assert done.decided == 4
        assert await at.decisions() == ["10:00 missed", "11:00 missed", "12:00 published", "13:00 published"]


async def test_a_call_after_a_restore_makes_up_for_nothing() -> None:
    async with house(missed_run_policy="backfill", max_catch_up_count=10, concurrency_policy="allow") as at:
        at.bridge.ledger.epoch = ms("12:30")
        await at.call("13:00")
        assert await at.decisions() == ["10:00 missed", "11:00 missed", "12:00 missed", "13:00 published"]
        assert await states(at, "10:00", "14:00") == ["skipped", "skipped", "skipped", "open"]


async def test_overdue_is_what_nobody_decided() -> None:
    async with house() as at:
        at.at("10:00")
        assert await overdue(at.bridge.ledger, at.clock.now()) == []
        at.at("10:10")
        late = await overdue(at.bridge.ledger, at.clock.now())
        assert [(gap.key, gap.oldest, gap.lag_ms) for gap in late] == [(KEY, ms("10:00"), 600_000)]
        assert await overdue(at.bridge.ledger, at.clock.now(), grace_ms=3_600_000) == []
        await at.call()
        assert await overdue(at.bridge.ledger, at.clock.now()) == []


async def test_what_a_clock_that_was_ahead_decided_is_an_alarm_and_no_recover_hides_it() -> None:
    """A host that boots with next month's date decides a month; silence until then would be the dead man's."""
    async with house(missed_run_policy="runOnce") as at:
        await at.call("2026-06-20T10:00")
        at.at("11:30")
        (gap,) = await overdue(at.bridge.ledger, at.clock.now())
        assert gap.ahead
        assert gap.asks == "decided up to 2026-06-20T10:00:00.000Z by a clock that was ahead: nothing fires before"
        done = await recover(at.bridge.gateway, consent=True)
        assert (done.decided, [gap.key for gap in done.waiting]) == (0, [KEY])


async def test_a_call_that_is_early_by_seconds_is_no_alarm() -> None:
    async with house(missed_run_policy="runOnce") as at:
        await at.call("10:59:57")
        assert await overdue(at.bridge.ledger, at.clock.now()) == []


async def test_a_paused_schedule_is_not_overdue() -> None:
    async with house() as at:
        await pause(at.bridge.ledger, KEY, by="ann", reason="a", until=ms("11:30"))
        at.at("11:10")
        assert await overdue(at.bridge.ledger, at.clock.now()) == []
        at.at("12:10")
        assert len(await overdue(at.bridge.ledger, at.clock.now())) == 1


def test_only_what_was_not_worked_is_fillable() -> None:
    assert [state for state in SlotState if state.fillable] == [SlotState.EMPTY, SlotState.SKIPPED, SlotState.FAILED]
