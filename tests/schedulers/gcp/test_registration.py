"""A service starts and its jobs are there; what happens to it afterwards, happens to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.cloud.scheduler_v1 import Job

from purista import Context, Cron, DefaultEventBridge, GcpScheduler, ServiceBuilder
from purista.errors import RegistrationError
from tests.schedulers.gcp.cloud import Cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with Cloud().open() as cloud:
        yield cloud


def scheduler(cloud: Cloud, quota: int = 5_000) -> GcpScheduler:
    return GcpScheduler(
        project="my-shop", location="europe-west3", topic="purista", job_quota=quota, connect=cloud.client
    )


def service(*names: str, hour: int = 3, renamed_from: str | None = None, version: str = "1") -> ServiceBuilder:
    shop = ServiceBuilder("shop", version=version)

    @shop.command("clean")
    async def clean(context: Context) -> None:
        """Nothing to do."""

    more = {} if renamed_from is None else {"renamed_from": renamed_from}
    for name in names or ("nightly",):
        shop.schedule(
            name, Cron(f"30 {hour} * * *"), timezone="Europe/Berlin", invoke=clean, concurrency_policy="forbid",
            missed_run_policy="skip", **more,
        )  # fmt: skip
    return shop


def bridge(cloud: Cloud, path: Path, **options: int) -> DefaultEventBridge:
    return DefaultEventBridge(path / "p.db", scheduler=scheduler(cloud, **options))


async def started(cloud: Cloud, path: Path, what: ServiceBuilder) -> None:
    async with await what.get_instance(bridge(cloud, path)):
        pass


def schedules(cloud: Cloud) -> dict[str, str]:
    return {
        job.pubsub_target.attributes["schedule"]: job.schedule
        for job in cloud.jobs.values()
        if "schedule" in job.pubsub_target.attributes
    }


async def test_a_service_that_starts_registers_and_starting_again_writes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    await started(cloud, tmp_path, service())
    assert schedules(cloud) == {"shop/1/nightly": "30 3 * * *"}
    assert len(cloud.jobs) == 2  # with the sweep
    cloud.asked.clear()
    await started(cloud, tmp_path, service())
    assert set(cloud.asked) == {"ListJobs"}


async def test_an_edit_a_rename_and_a_prune_arrive(cloud: Cloud, tmp_path: Path) -> None:
    await started(cloud, tmp_path, service("nightly", "weekly"))
    await started(cloud, tmp_path, service("nightly", hour=4))
    assert schedules(cloud) == {"shop/1/nightly": "30 4 * * *"}
    await started(cloud, tmp_path, service("cleanUp", hour=4, renamed_from="nightly"))
    assert schedules(cloud) == {"shop/1/cleanUp": "30 4 * * *"}
    made = bridge(cloud, tmp_path)
    async with made.ledger:
        await made.registrar().prune("shop", "1")
    assert not cloud.jobs


async def test_a_plan_lists_and_writes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    made = bridge(cloud, tmp_path)
    declared = (await service().get_instance(made)).declared()
    async with made.ledger:
        planned = await made.registrar().plan("shop", {"1": (declared.schedules, declared.subscriptions)})
    assert planned.entries is not None
    assert len(planned.entries.missing) == 2
    assert set(cloud.asked) == {"ListJobs"}


async def test_a_plan_above_the_quota_is_refused_and_so_is_its_apply(cloud: Cloud, tmp_path: Path) -> None:
    made = bridge(cloud, tmp_path, quota=3)
    many = service("a", "b", "c")
    declared = (await many.get_instance(made)).declared()
    async with made.ledger:
        planned = await made.registrar().plan("shop", {"1": (declared.schedules, declared.subscriptions)})
        assert [f.code for f in planned.findings if not f.key] == ["G110"]
    with pytest.raises(RegistrationError, match="G110: 4 jobs are more than the 3"):
        async with await many.get_instance(bridge(cloud, tmp_path, quota=3)):
            pass
    assert not cloud.writes()


async def test_drift_names_what_somebody_edited_and_what_is_paused(cloud: Cloud, tmp_path: Path) -> None:
    await started(cloud, tmp_path, service())
    edited = next(name for name, job in cloud.jobs.items() if "schedule" in job.pubsub_target.attributes)
    cloud.jobs[edited].time_zone = "Europe/Paris"
    sweep = next(name for name in cloud.jobs if name != edited)
    cloud.jobs[sweep].state = Job.State.PAUSED
    made = bridge(cloud, tmp_path)
    async with made.ledger:
        drift = await made.registrar().drift("shop")
    assert drift.changed == (edited.rpartition("/")[2],)
    assert drift.paused == (sweep.rpartition("/")[2],)
    await started(cloud, tmp_path, service())
    assert cloud.jobs[edited].time_zone == "Europe/Berlin"
    assert cloud.jobs[sweep].state == Job.State.PAUSED


async def test_replicas_that_start_together_agree(cloud: Cloud, tmp_path: Path) -> None:
    import asyncio

    await asyncio.gather(*(started(cloud, tmp_path, service("a", "b")) for _ in range(3)))
    assert schedules(cloud) == {"shop/1/a": "30 3 * * *", "shop/1/b": "30 3 * * *"}
    assert len(cloud.jobs) == 3


async def test_a_right_that_is_missing_is_said_and_the_ledger_knows_the_contracts(cloud: Cloud, tmp_path: Path) -> None:
    cloud.rights = {"list"}
    with pytest.raises(RegistrationError, match=r"needs cloudscheduler\.jobs\.create"):
        await started(cloud, tmp_path, service())
    made = DefaultEventBridge(tmp_path / "p.db")
    async with made.ledger as ledger:
        ((_, lineages),) = await ledger.registered()
        assert [lineage.key for lineage in lineages] == ["shop/1/nightly"]
