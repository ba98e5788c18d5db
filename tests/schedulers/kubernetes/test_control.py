"""What is live in a namespace: only ours is touched, unchanged costs nothing, and what cannot be done is said."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from lightkube import AsyncClient
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster as Cluster_
from lightkube.config.models import Context, User

from purista.errors import RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Compiled, Owner
from purista.schedulers.kubernetes.control import KubernetesControl
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.world import OWNER, dialect, schedule

OTHER = Owner("other", "test", "")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def client(cluster: Any, namespace: str = "shop") -> AsyncClient:
    """As lightkube is used against a server, without a socket."""
    config = SingleConfig("test", Context("test"), Cluster_(server="http://cluster"), User())
    return AsyncClient(config=config, namespace=namespace, transport=httpx2.ASGITransport(app=cluster))


def control(cluster: Any) -> KubernetesControl:
    async def at_once(_seconds: float) -> None:
        return

    return KubernetesControl(lambda: client(cluster), namespace="shop", pause=at_once)


def compiled(*names: str, hour: int = 5, owner: Owner = OWNER) -> Compiled:
    return dialect(namespace="shop").compile(owner, [schedule(Cron(f"0 {hour} * * *"), "UTC", name) for name in names])


async def test_created_unchanged_changed_and_gone(cluster: Cluster) -> None:
    live = control(cluster)
    assert await live.apply(OWNER, compiled("a", "b")) == Applied(created=2, written=2)
    cluster.asked.clear()
    assert await live.apply(OWNER, compiled("a", "b")) == Applied(unchanged=2)
    assert cluster.asked == [("GET", "/apis/batch/v1/namespaces/shop/cronjobs")]
    assert await live.apply(OWNER, compiled("a", "b", hour=6)) == Applied(updated=2, written=2)
    assert await live.apply(OWNER, compiled("b", hour=6)) == Applied(deleted=1, unchanged=1, written=1)
    assert await live.apply(OWNER, Compiled((), ())) == Applied(deleted=1, written=1)
    assert not cluster.objects


async def test_a_thousand_are_listed_in_pages(cluster: Cluster) -> None:
    many = compiled(*(f"s{number}" for number in range(1_200)))
    assert (await control(cluster).apply(OWNER, many)).created == 1_200
    cluster.asked.clear()
    assert (await control(cluster).apply(OWNER, many)).written == 0
    assert [method for method, _ in cluster.asked] == ["GET"] * 3


async def test_what_carries_another_mark_is_left_alone(cluster: Cluster) -> None:
    live, mine = control(cluster), compiled("a")
    await live.apply(OTHER, compiled("a", owner=OTHER))
    await live.apply(OWNER, mine)
    await live.apply(OWNER, Compiled((), ()))
    assert len(await live.list(OTHER)) == 1
    foreign = json.loads(mine.entries[0].body)
    foreign["metadata"]["labels"] = {"app": "x"}
    cluster.objects["shop", mine.entries[0].name] = foreign
    cluster.asked.clear()
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await live.apply(OWNER, mine)
    assert not cluster.writes()


async def test_an_edit_by_hand_is_drift_and_taken_back(cluster: Cluster) -> None:
    live, wanted = control(cluster), compiled("a")
    await live.apply(OWNER, wanted)
    name = wanted.entries[0].name
    assert [entry.digest for entry in await live.list(OWNER)] == [wanted.entries[0].digest]
    cluster.edit(name, lambda one: one["spec"].update(schedule="0 6 * * *"))
    assert [entry.digest for entry in await live.list(OWNER)] == [None]
    assert (await live.apply(OWNER, wanted)).updated == 1
    assert cluster.objects["shop", name]["spec"]["schedule"] == "0 5 * * *"


async def test_suspend_is_left_to_people(cluster: Cluster) -> None:
    live = control(cluster)
    await live.apply(OWNER, compiled("a"))
    name = compiled("a").entries[0].name
    cluster.edit(name, lambda one: one["spec"].update(suspend=True))
    assert (await live.apply(OWNER, compiled("a"))).written == 0
    await live.apply(OWNER, compiled("a", hour=7))
    spec = cluster.objects["shop", name]["spec"]
    assert (spec["suspend"], spec["schedule"]) == (True, "0 7 * * *")


async def test_what_comes_back_otherwise_is_not_believed(cluster: Cluster) -> None:
    cluster.changes = lambda made: made["spec"].update(timeZone="Europe/Paris")
    with pytest.raises(RegistrationMismatch, match="1 CronJobs are not what was written"):
        await control(cluster).apply(OWNER, compiled("a"))


@pytest.mark.parametrize(
    ("code", "words"), [(403, "needs get, list, create"), (401, "needs get"), (422, "did not take it")]
)
async def test_a_refusal_says_what_is_missing_and_is_not_repeated(cluster: Cluster, code: int, words: str) -> None:
    cluster.wrong = lambda method, path: (code, 'User "x" cannot patch resource') if method == "PATCH" else None
    with pytest.raises(RegistrationError, match=words):
        await control(cluster).apply(OWNER, compiled("a"))
    assert len(cluster.writes()) == 1


async def test_a_server_that_is_busy_is_asked_again(cluster: Cluster) -> None:
    left = [429, 503, 500]
    cluster.wrong = lambda method, path: (left.pop(), "busy") if left and method == "PATCH" else None
    assert (await control(cluster).apply(OWNER, compiled("a"))).created == 1


async def test_preflight_says_what_would_stop_an_apply(cluster: Cluster) -> None:
    assert await control(cluster).preflight() == []
    cluster.wrong = lambda method, path: (403, "cronjobs.batch is forbidden")
    (finding,) = await control(cluster).preflight()
    assert (finding.code, "forbidden" in finding.message) == ("K201", True)


async def test_no_server_is_an_error_with_words() -> None:
    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise httpx2.ConnectError("refused")

    with pytest.raises(SchedulerUnavailable, match="none in reach"):
        await control(nobody).preflight()


async def test_two_replicas_at_once_end_in_one_state(cluster: Cluster) -> None:
    import asyncio

    wanted = compiled("a", "b", "c")
    await asyncio.gather(*(control(cluster).apply(OWNER, wanted) for _ in range(3)))
    assert {entry.digest for entry in await control(cluster).list(OWNER)} == {entry.digest for entry in wanted.entries}


async def test_one_that_somebody_else_deleted_is_no_error(cluster: Cluster) -> None:
    live = control(cluster)
    await live.apply(OWNER, compiled("a"))
    cluster.wrong = lambda method, path: (
        (404, "not found") if method == "DELETE" and cluster.objects.clear() is None else None
    )
    assert (await live.apply(OWNER, Compiled((), ()))).deleted == 1
