"""A service starts and its CronJobs are there; what happens to it afterwards, happens to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purista import Context, Cron, DefaultEventBridge, KubernetesScheduler, ServiceBuilder
from purista.errors import RegistrationError
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.test_control import client


def scheduler(cluster: Any) -> KubernetesScheduler:
    return KubernetesScheduler(
        image="shop:1", gateway="http://gateway:8080", secret="purista-gateway/scheduler", namespace="shop",
        connect=lambda: client(cluster),
    )  # fmt: skip


def of_image(cluster: Any, image: str) -> KubernetesScheduler:
    return KubernetesScheduler(
        image=image, gateway="http://gateway:8080", secret="purista-gateway/scheduler", namespace="shop",
        connect=lambda: client(cluster),
    )  # fmt: skip


def service(name: str = "nightly", hour: int = 3, renamed_from: str | None = None) -> ServiceBuilder:
    shop = ServiceBuilder("shop", version="1")

    @shop.command("clean")
    async def clean(context: Context) -> None:
        """Nothing to do."""

    more = {} if renamed_from is None else {"renamed_from": renamed_from}
    shop.schedule(
        name, Cron(f"30 {hour} * * *"), timezone="Europe/Berlin", invoke=clean, concurrency_policy="forbid",
        missed_run_policy="skip", **more,
    )  # fmt: skip
    return shop


async def started(cluster: Any, path: Path, what: ServiceBuilder) -> None:
    bridge = DefaultEventBridge(path, scheduler=scheduler(cluster))
    async with await what.get_instance(bridge):
        pass


def schedules(cluster: Cluster) -> dict[str, str]:
    return {
        one["metadata"]["annotations"]["purista.dev/schedule"]: one["spec"]["schedule"]
        for one in cluster.objects.values()
    }


async def test_a_service_that_starts_registers_and_starting_again_writes_nothing(tmp_path: Path) -> None:
    cluster = Cluster()
    await started(cluster, tmp_path / "p.db", service())
    assert schedules(cluster) == {"shop/1/nightly": "30 3 * * *"}
    cluster.asked.clear()
    await started(cluster, tmp_path / "p.db", service())
    assert not cluster.writes()


async def test_an_edit_and_a_rename_arrive(tmp_path: Path) -> None:
    cluster = Cluster()
    await started(cluster, tmp_path / "p.db", service())
    await started(cluster, tmp_path / "p.db", service(hour=4))
    assert schedules(cluster) == {"shop/1/nightly": "30 4 * * *"}
    await started(cluster, tmp_path / "p.db", service("cleanUp", hour=4, renamed_from="nightly"))
    assert schedules(cluster) == {"shop/1/cleanUp": "30 4 * * *"}


async def test_drift_names_what_somebody_edited(tmp_path: Path) -> None:
    cluster = Cluster()
    await started(cluster, tmp_path / "p.db", service())
    (_, name) = next(iter(cluster.objects))
    cluster.edit(name, lambda one: one["spec"].update(timeZone="Europe/Paris"))
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler(cluster))
    async with bridge.ledger:
        drift = await bridge.registrar().drift("shop")
    assert name in repr(drift)


async def test_a_cluster_that_is_away_is_said_and_the_ledger_knows_the_contracts(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.wrong = lambda method, path: (403, "cronjobs.batch is forbidden")
    with pytest.raises(RegistrationError, match="needs get, list"):
        await started(cluster, tmp_path / "p.db", service())
    bridge = DefaultEventBridge(tmp_path / "p.db")
    async with bridge.ledger as ledger:
        ((_, lineages),) = await ledger.registered()
        assert [lineage.key for lineage in lineages] == ["shop/1/nightly"]


def images(cluster: Cluster) -> set[str]:
    pods = [one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for one in cluster.objects.values()]
    return {container["image"] for pod in pods for container in pod["containers"]}


async def test_an_old_replica_that_restarts_takes_nothing_back(tmp_path: Path) -> None:
    """Its contracts come from the ledger; its image, gateway and dialect are of yesterday."""
    cluster = Cluster()
    for revision, image in ((1, "shop:1"), (2, "shop:2"), (1, "shop:1")):
        bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=of_image(cluster, image), revision=revision)
        async with await service().get_instance(bridge):
            pass
    assert images(cluster) == {"shop:2"}


async def test_another_ledger_of_the_same_environment_is_refused_and_takes_nothing_away(tmp_path: Path) -> None:
    cluster = Cluster()
    await started(cluster, tmp_path / "production.db", service())
    with pytest.raises(RegistrationError, match="two ledgers would each decide"):
        await started(cluster, tmp_path / "developer.db", service("other"))
    assert schedules(cluster) == {"shop/1/nightly": "30 3 * * *"}


async def test_amounts_as_servers_write_them_are_no_difference(tmp_path: Path) -> None:
    cluster = Cluster()
    asked = {"requests": {"cpu": "0.1", "memory": "1024Mi"}, "limits": {"cpu": "1000m", "memory": "1e9"}}
    kept = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1G"}}

    def canonical(made: dict[str, Any]) -> None:
        (container,) = made["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        container["resources"] = kept

    cluster.changes = canonical
    scheduler = KubernetesScheduler(
        image="shop:1", gateway="http://gateway:8080", secret="purista-gateway/scheduler", namespace="shop",
        resources=asked, connect=lambda: client(cluster),
    )  # fmt: skip
    for _ in range(2):
        async with await service().get_instance(DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)):
            pass
    kept["limits"]["memory"] = "2G"
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)
    async with bridge.ledger:
        assert (await bridge.registrar().drift("shop")).changed
