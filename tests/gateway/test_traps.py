"""What hurt users elsewhere (docs/traps.md), as things that do not happen here. Each test names its trap."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purista import Cron, DefaultEventBridge, Interval, ServiceBuilder
from purista.errors import DeclarationError, InvalidTimezone
from purista.gateway.gateway import Gateway
from purista.gateway.pauses import pause
from purista.gateway.recover import recover
from purista.recurrence import Recurrence
from purista.schedulers.base import Call, CallKind
from purista.schedulers.cron.dialect import CronDialect
from purista.testing import ManualClock
from tests.gateway.house import KEY, House, clock, house, ms
from tests.schedulers.test_cover import OWNER, place

HOURLY: dict[str, Any] = {"concurrency_policy": "allow", "missed_run_policy": "skip", "timezone": "UTC"}


async def deploy(at: House, cron: str = "0 * * * *", names: tuple[str, ...] = ("hourly",), **options: Any) -> None:
    """The service starts again, perhaps with other contracts."""
    service = ServiceBuilder("s", "1", "a service")
    for name in names:
        service.schedule(name, Cron(cron), enqueue="work", **{**HOURLY, **options})
    instance = await service.get_instance(at.bridge)
    await instance.start(consume=False)
    await instance.stop()


async def published(at: House, key: str = KEY) -> list[str]:
    return [clock(row.scheduled_at) for row in await at.rows(key) if row.decision == "published"]


# Lost and doubled runs


async def test_a_restart_inside_the_due_minute_neither_loses_nor_repeats() -> None:
    """sidekiq#6656, sidekiq-cron#111, good_job#1484, solid_queue#676, kubernetes#42649."""
    async with house(concurrency_policy="allow") as at:
        at.at("10:00:20")
        await deploy(at)
        await at.call()
        at.at("10:00:40")
        await deploy(at)
        await at.call()
        assert await published(at) == ["10:00"]


async def test_two_leaders_at_the_tick_with_one_name_insert_once() -> None:
    """sidekiq#6804, dkron#1210, oban-py#32, and every replica of a web app (APScheduler#160, fastapi#520)."""
    async with house(concurrency_policy="allow") as at:
        at.at("10:00")
        leaders = [Gateway(at.bridge.ledger, instance="same-host") for _ in range(5)]
        replies = await asyncio.gather(*(leader.trigger(Call(KEY)) for leader in leaders for _ in range(4)))
        assert sorted({str(reply.answer) for reply in replies}) == ["accepted", "duplicate"]
        assert await published(at) == ["10:00"]


@pytest.mark.parametrize("steps", [["10:00", "09:58", "10:00", "10:01"], ["10:00", "11:00", "10:30", "11:00", "12:00"]])
async def test_a_clock_that_steps_back_doubles_nothing(steps: list[str]) -> None:
    """oban-py#17, pg_cron#105."""
    async with house(concurrency_policy="allow") as at:
        for step in steps:
            await at.call(step)
        assert await published(at) == sorted({step for step in steps if step.endswith(":00")})


async def test_a_laptop_that_slept_decides_every_occurrence_once() -> None:
    """sidekiq#4893: forward steps and sleep lose runs without a trace."""
    async with house(concurrency_policy="allow") as at:
        await at.call("10:00")
        await at.call("17:20")
        assert await at.decisions() == ["10:00 published", *(f"{h}:00 late" for h in range(11, 17)), "17:00 published"]


async def test_a_backlog_above_the_cap_does_not_stop_the_schedule() -> None:
    """kubernetes#42649, kubernetes#45825: a hundred missed starts ended a CronJob for good."""
    async with house(concurrency_policy="allow", missed_run_policy="backfill", max_catch_up_count=3) as at:
        at.at("2026-06-08T10:30")
        await at.call()
        assert await published(at) == ["10:00", "11:00", "12:00", "10:00"]
        at.at("2026-06-08T11:00")
        await at.call()
        assert (await published(at))[-1] == "11:00"


async def test_a_timezone_edit_releases_nothing() -> None:
    """dagster#7010, django-celery-beat#82, hangfire#1591."""
    async with house(concurrency_policy="allow", missed_run_policy="backfill", max_catch_up_count=100) as at:
        await at.call("10:00")
        at.at("10:30")
        options = {"missed_run_policy": "backfill", "max_catch_up_count": 100, "timezone": "Pacific/Kiritimati"}
        await deploy(at, **options)
        await recover(at.bridge.gateway)
        assert await published(at) == ["10:00"]


async def test_a_run_by_hand_does_not_swallow_the_real_one() -> None:
    """Google Cloud Scheduler: a forced run carries the next slot's time. PURISTA v4: run-now marks earlier ones as done."""
    async with house(concurrency_policy="allow", missed_run_policy="runOnce") as at:
        at.at("10:30")
        before = (await at.lineage()).decided_until
        assert await at.call(kind=CallKind.MANUAL, request="r", scheduled_at=ms("11:00")) == "accepted"
        assert (await at.lineage()).decided_until == before
        await at.call("11:00")
        assert [d for d in await at.decisions() if d[0] != "+"] == ["10:00 coalesced", "11:00 published"]


async def test_a_long_interval_fires_however_often_is_deployed() -> None:
    """river#791."""
    moment = ManualClock("2026-01-01T00:00:00Z")
    async with DefaultEventBridge(clock=moment) as bridge:
        seen = []
        for day in range(60):
            moment.jump(moment.now() + 86_400_000)
            service = ServiceBuilder("s", "1", f"deployed on day {day}")
            service.schedule("hourly", Interval(20 * 86_400), enqueue="work", **{**HOURLY, "timezone": None})
            instance = await service.get_instance(bridge)
            await instance.start(consume=False)
            seen += [row.scheduled_at for row in (await bridge.gateway.trigger(Call(KEY))).rows]
            await instance.stop()
        assert len(seen) == 3
        assert all(at % (20 * 86_400_000) == 0 for at in seen), "counted from the epoch, not from a deploy"


# Identity and deploys


async def test_equal_rules_stay_two_schedules_and_their_order_is_no_name() -> None:
    """hatchet#1101: equal expressions collapse into one. serverless#7513: a reorder renames everything."""
    async with house() as at:
        await deploy(at, names=("a", "b"))
        await deploy(at, names=("b", "a"))
        at.at("10:00")
        for name in ("a", "b"):
            await at.bridge.gateway.trigger(Call(f"s/1/{name}"))
            assert await published(at, f"s/1/{name}") == ["10:00"]
        dialect = CronDialect(place())
        schedules = [s for s in await _live(at) if s.name != "hourly"]
        one, other = (dialect.compile(OWNER, listed).entries for listed in (schedules, schedules[::-1]))
        assert one == other


async def _live(at: House) -> list[Any]:
    found = [
        lineage.contracts[-1].schedule for _, lineages in await at.bridge.ledger.registered() for lineage in lineages
    ]
    return [schedule for schedule in found if schedule is not None]


def test_two_of_one_name_are_refused_where_they_are_declared() -> None:
    """serverless#1651: silently deploys one of two."""
    service = ServiceBuilder("s", "1", "")
    service.schedule("same", Cron("0 1 * * *"), enqueue="work", **HOURLY)
    with pytest.raises(DeclarationError, match="same"):
        service.schedule("same", Cron("0 2 * * *"), enqueue="work", **HOURLY)


async def test_between_remove_and_create_nothing_is_lost() -> None:
    """serverless#3102: an edit deletes, then creates; what was due in between is gone."""
    async with house(concurrency_policy="allow", missed_run_policy="runOnce") as at:
        at.at("10:00:01")
        await deploy(at, "30 * * * *", missed_run_policy="runOnce")
        at.at("10:30")
        await at.call()
        assert await at.decisions() == ["10:00 coalesced", "10:30 published"]


# Meaning


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 0 * * 0", "2026-06-07"),
        ("0 0 * * 7", "2026-06-07"),
        ("0 0 * * sun", "2026-06-07"),
        ("0 0 * * 1", "2026-06-08"),
    ],
)
def test_weekday_zero_is_sunday(expression: str, first: str) -> None:
    """APScheduler#14: 0 is Monday. AWS and Quartz: 1 is Sunday."""
    start = ms("2026-06-02T00:00") // 1000
    found = Recurrence(Cron(expression), timezone="UTC").next_timestamp(start)
    assert found == ms(f"{first}T00:00") // 1000


def test_day_of_month_or_weekday() -> None:
    """Oban py, Temporal, AWS: both must match. Debian cron, and here: either."""
    start = ms("2026-06-01T00:00") // 1000
    days = Recurrence(Cron("0 0 13 * 5"), timezone="UTC").timestamps(start, start + 14 * 86_400)
    assert [clock_day(t) for t in days] == [5, 12, 13]


def clock_day(seconds: int) -> int:
    return (seconds - ms("2026-05-31T00:00") // 1000) // 86_400


@pytest.mark.parametrize(
    ("expression", "count"), [("30 2 * * *", 1), ("0 * * * *", 25), ("*/30 * * * *", 50), ("15 2 * * *", 1)]
)
def test_the_repeated_hour_is_neither_silent_nor_doubled(expression: str, count: int) -> None:
    """quartz#51, dagster#17547, celery#6438, airflow#38098."""
    start = ms("2026-10-24T22:00") // 1000
    assert len(Recurrence(Cron(expression), timezone="Europe/Berlin").timestamps(start, start + 25 * 3600)) == count


def test_the_missing_hour_is_made_up_for() -> None:
    """quartz#1352: a job in the missing hour is lost."""
    start = ms("2026-03-28T23:00") // 1000
    (only,) = Recurrence(Cron("30 2 * * *"), timezone="Europe/Berlin").timestamps(start, start + 23 * 3600)
    assert only == ms("2026-03-29T01:00") // 1000


def test_an_interval_that_divides_no_day_is_counted_from_the_epoch() -> None:
    """Encore, AWS rate(), TimescaleDB#2966: anchored at creation, at midnight, or at a start nobody remembers."""
    found = Recurrence(Interval(7 * 3600), timezone="UTC").timestamps(0, 3 * 86_400)
    assert list(found) == [n * 7 * 3600 for n in range(11)]


def test_one_bad_zone_stops_only_itself() -> None:
    """taskiq#668: one invalid zone stops all schedules."""
    service = ServiceBuilder("s", "1", "")
    service.schedule("good", Cron("0 1 * * *"), enqueue="work", **HOURLY)
    with pytest.raises(InvalidTimezone, match="Europe/Berlin"):
        service.schedule("bad", Cron("0 1 * * *"), enqueue="work", **{**HOURLY, "timezone": "Europe/Berln"})
    assert [schedule.name for schedule in service.schedules] == ["good"]


# Visibility


async def test_what_did_not_run_leaves_a_record_with_its_reason() -> None:
    """temporal#8087, windmill#10917, oboapp#447."""
    async with house() as at:
        await at.call("10:00")
        await pause(at.bridge.ledger, KEY, by="ann", reason="moving")
        await at.call("11:00")
        reasons = [(str(row.decision), row.reason) for row in await at.rows()]
        assert reasons == [("published", "due"), ("paused", "paused by ann: moving")]


async def test_an_error_in_one_schedule_is_told_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """PURISTA v4: swallowed by the loop; only a status field remembers."""
    async with house() as at:
        await deploy(at, names=("a", "b"), payload={"k": "{scheduled_at}"})
        at.at("10:00")
        from purista.gateway import compose

        plain = compose.occurrence_id

        def broken(key: str, at_ms: int) -> str:
            if key.endswith("/a"):
                raise RuntimeError("broken contract")
            return plain(key, at_ms)

        monkeypatch.setattr(compose, "occurrence_id", broken)
        bad, good = await asyncio.gather(*(at.bridge.gateway.trigger(Call(f"s/1/{name}")) for name in ("a", "b")))
        assert (str(bad.answer), bad.detail) == ("refused", "broken contract")
        assert str(good.answer) == "accepted"
