"""Time travel in tests: what a user of ``purista.testing`` writes."""

from __future__ import annotations

import asyncio
import datetime as dt
from datetime import timedelta
from typing import Any

import pytest

from purista import App, Context, Cron, Interval, ServiceBuilder
from purista.testing import PuristaWorld, World, virtual_time

KEY = "user/1/monthlyBillingCycle"


def billing(**options: Any) -> tuple[App, list[tuple[str, int]]]:
    """An app with one schedule, and what its handler did."""
    service = ServiceBuilder("user", version="1")
    seen: list[tuple[str, int]] = []

    @service.subscription("startBilling", event="billing.due")
    async def start_billing(context: Context, payload: dict[str, str]) -> None:
        assert context.schedule is not None
        seen.append((payload["month"], context.attempt))
        await asyncio.sleep(60)

    options = {"concurrency_policy": "forbid", "missed_run_policy": "runOnce"} | options
    service.schedule(
        "monthlyBillingCycle", Cron("0 2 1 * *"), timezone="Europe/Berlin", emit="billing.due",
        payload={"month": "{scheduled_at:%Y-%m}"}, **options,
    )  # fmt: skip
    return App(services=[service]), seen


@virtual_time
async def test_a_year_of_a_schedule() -> None:
    app, seen = billing()
    async with World(app) as world:
        await world.run(days=365)
        world.assert_published(KEY, times=12)
        world.assert_published("monthlyBillingCycle", at="2026-07-01T02:00+02:00")
        world.assert_worked(KEY, times=12)
    assert [month for month, _ in seen] == [f"2026-{month:02}" for month in range(1, 13)]


def test_the_same_in_a_plain_function() -> None:
    app, seen = billing()
    with PuristaWorld(app, start="2026-02-28T12:00Z") as world:
        world.run_until("2026-03-01T01:00Z")
        world.assert_published(KEY, at="2026-03-01T02:00+01:00")
        assert seen == [("2026-03", 1)]
        assert world.clock.datetime == dt.datetime(2026, 3, 1, 1, tzinfo=dt.UTC)
        assert world.occurrences_between(KEY, "2026-03-01", "2026-05-02") == [
            dt.datetime(2026, 3, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2026, 4, 1, 0, tzinfo=dt.UTC),
            dt.datetime(2026, 5, 1, 0, tzinfo=dt.UTC),
        ]


def test_what_a_pause_keeps_from_running() -> None:
    app, seen = billing()
    with PuristaWorld(app) as world:
        world.run(days=2)
        world.pause(KEY, reason="the database moves")
        world.run(days=40)
        world.resume(KEY)
        world.run(days=30)
        world.assert_not_run(KEY, at="2026-02-01T02:00+01:00", reason="paused")
        world.assert_not_run(KEY, at="2026-02-01T02:00+01:00", reason="the database moves")
        world.assert_published(KEY, at="2026-03-01T02:00+01:00")
    assert [month for month, _ in seen] == ["2026-01", "2026-03"]


def test_a_crash_in_the_middle_of_work() -> None:
    """Everything in memory is gone; the message comes again, the decision is not made again."""
    app, seen = billing()
    with PuristaWorld(app, start="2026-01-01T00:59:30Z") as world:
        world.run(seconds=60)
        assert seen == [("2026-01", 1)]
        world.crash(down=timedelta(minutes=5))
        world.run(minutes=10)
        assert seen == [("2026-01", 1), ("2026-01", 2)]
        world.assert_published(KEY, times=1)
        world.assert_worked(KEY)
        assert [work.outcome for work in world.journal.work] == ["killed", "done"]


def test_nobody_is_there_when_it_is_due() -> None:
    app, _ = billing(missed_run_policy="skip", start_deadline=timedelta(minutes=10))
    with PuristaWorld(app, start="2026-01-01T00:30Z") as world:
        world.crash(down=timedelta(hours=2))
        world.run(hours=2)
        world.assert_not_run(KEY, at="2026-01-01T01:00Z", reason="late")


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_jumps(hours: int) -> None:
    """Back: it is called again and nothing is decided twice. Ahead, over it: the hourly recover finds it."""
    app, seen = billing()
    with PuristaWorld(app, start="2026-01-01T00:30Z") as world:
        world.run(minutes=40 if hours < 0 else 5)
        world.jump(hours=hours)
        world.run(hours=4)
        world.assert_published(KEY, times=1)
    assert seen == [("2026-01", 1)]


@pytest.mark.parametrize("name", ["startBilling", "function"])
def test_a_handler_gets_its_message_twice(name: str) -> None:
    service = ServiceBuilder("user", version="1")
    charged: list[str] = []

    @service.queue_worker("startBilling")
    def charge(context: Context, payload: object) -> None:
        assert context.schedule is not None
        charged.append(context.schedule.occurrence_id)

    service.schedule("charge", Interval(timedelta(hours=1)), enqueue=charge, missed_run_policy="skip")
    with PuristaWorld(App(services=[service])) as world:
        world.deliver_twice(charge if name == "function" else name)
        world.run(minutes=150)
        world.assert_worked("charge", times=4)
    assert len(charged) == 4
    assert len(set(charged)) == 2


def test_what_an_assertion_says_when_it_fails() -> None:
    app, _ = billing()
    with PuristaWorld(app) as world:
        world.run(days=40)
        with pytest.raises(AssertionError, match=r"not due then; the next is 2026-02-01T01:00:00\.000Z"):
            world.assert_published(KEY, at="2026-01-02T00:00Z")
        with pytest.raises(AssertionError, match=r"to be published 3 times, got 2"):
            world.assert_published(KEY, times=3)
        with pytest.raises(AssertionError, match=r"not to run, got: 2026-02-01T01:00:00\.000Z published \(due\)"):
            world.assert_not_run(KEY)
        with pytest.raises(AssertionError, match="nothing was decided; it is 2026-02-10"):
            world.assert_published(KEY, at="2026-03-01T01:00Z")
        with pytest.raises(AssertionError, match="to be worked 1 times, got 2: done, done"):
            world.assert_worked(KEY)
        with pytest.raises(LookupError, match="there are user/1/monthlyBillingCycle"):
            world.assert_published("nonsense")


async def test_a_loop_in_real_time_is_refused() -> None:
    with pytest.raises(TypeError, match="@virtual_time"):
        World(billing()[0])


def test_sync_handlers_work_in_virtual_time() -> None:
    service = ServiceBuilder("user", version="1")
    seen: list[str] = []

    @service.queue_worker("report")
    def report(context: Context, payload: object) -> None:
        seen.append("report")

    @service.subscription("ask", event="report.due")
    def ask(context: Context, payload: object) -> None:
        context.blocking.enqueue(report, {}, delay=timedelta(hours=24))

    service.schedule("daily", Cron("0 6 * * *"), timezone="UTC", emit="report.due", concurrency_policy="allow")
    with PuristaWorld(App(services=[service])) as world:
        world.run(days=1)
        assert seen == []
        world.run(days=1)
        assert seen == ["report"]
