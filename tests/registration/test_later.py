"""A scheduler that is away when a service starts: the service works, the contracts are known, and the entries come later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from purista import DefaultEventBridge
from purista.errors import RegistrationError, SchedulerUnavailable
from purista.registration.later import Later
from purista.testing import ManualClock
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.test_control import control
from tests.schedulers.kubernetes.test_registration import scheduler, schedules, service


class AtOnce:
    """A KubernetesScheduler whose control does not wait between its own attempts."""

    def __init__(self, cluster: Cluster) -> None:
        self.name, self.control = "kubernetes", control(cluster)
        self.dialect = scheduler(cluster).dialect


@asynccontextmanager
async def running(cluster: Cluster, path: Path, clock: ManualClock, what: Any) -> AsyncIterator[DefaultEventBridge]:
    bridge = DefaultEventBridge(path, scheduler=AtOnce(cluster), clock=clock)
    async with await what.get_instance(bridge):
        yield bridge


async def settled(clock: ManualClock, seconds: int, done: Any) -> None:
    """Advance by seconds, one after the other, until it is so. Each attempt runs on the loop, so it is given turns."""
    for _ in range(seconds):
        await clock.advance(seconds=1)
        for _ in range(200):
            await asyncio.sleep(0)
            if done():
                return
    raise AssertionError("it did not come about")


def away(cluster: Cluster) -> None:
    cluster.wrong = lambda method, path: (503, "apiserver is shutting down")


def back(cluster: Cluster) -> None:
    cluster.wrong = lambda method, path: None


async def test_a_service_starts_and_its_entries_come_when_the_scheduler_is_back(tmp_path: Path) -> None:
    cluster, clock = Cluster(), ManualClock()
    away(cluster)
    async with running(cluster, tmp_path / "p.db", clock, service()) as bridge:
        assert bridge.later.waiting == ("shop/1",)
        ((_, lineages),) = await bridge.ledger.registered()
        assert [lineage.key for lineage in lineages] == ["shop/1/nightly"]
        await clock.advance(minutes=3)
        assert bridge.later.waiting == ("shop/1",)
        back(cluster)
        await settled(clock, 120, lambda: not bridge.later.waiting)
        assert schedules(cluster) == {"shop/1/nightly": "30 3 * * *"}


async def test_what_was_due_while_it_was_away_is_decided(tmp_path: Path) -> None:
    cluster, clock = Cluster(), ManualClock("2026-01-01T00:00:00Z")
    away(cluster)
    async with running(cluster, tmp_path / "p.db", clock, service()) as bridge:
        await clock.advance(hours=2, minutes=31)  # 03:30 in Berlin
        await bridge.recover()
        decided = [run.row.key for run in await runs(bridge)]
        assert decided == ["shop/1/nightly"]


async def test_rights_that_are_missing_end_the_start(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.wrong = lambda method, path: (403, "cronjobs.batch is forbidden")
    with pytest.raises(RegistrationError, match="needs get, list") as found:
        async with running(cluster, tmp_path / "p.db", ManualClock(), service()):
            pass
    assert not isinstance(found.value, SchedulerUnavailable)


async def test_stopping_gives_up_and_the_next_start_tries_again(tmp_path: Path) -> None:
    cluster, clock = Cluster(), ManualClock()
    away(cluster)
    async with running(cluster, tmp_path / "p.db", clock, service()) as bridge:
        assert bridge.later.waiting
    assert not bridge.later.waiting
    back(cluster)
    async with running(cluster, tmp_path / "p.db", clock, service()) as bridge:
        assert not bridge.later.waiting
    assert schedules(cluster) == {"shop/1/nightly": "30 3 * * *"}


async def test_attempts_become_rarer_and_a_defect_does_not_end_them(caplog: pytest.LogCaptureFixture) -> None:
    clock, at, errors = (
        ManualClock(),
        [],
        [SchedulerUnavailable("away"), KeyError("a defect"), RegistrationError("no right")],
    )
    start = clock.now()

    async def attempt() -> None:
        at.append((clock.now() - start) // 1000)
        if len(at) <= 8:
            raise errors[len(at) % 3]

    later = Later(clock)
    with caplog.at_level(logging.INFO):
        later.put("shop/1", attempt, errors[0])
        await asyncio.sleep(0)  # its first wait begins
        await settled(clock, 600, lambda: not later.waiting)
    assert at == [1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert "a defect" in caplog.text
    assert "shop/1 is in the scheduler now" in caplog.text


async def test_a_newer_attempt_takes_the_place_of_an_older() -> None:
    clock, made = ManualClock(), []
    later = Later(clock)

    def attempt(name: str) -> Any:
        async def act() -> None:
            made.append(name)

        return act

    later.put("shop/1", attempt("old"), SchedulerUnavailable("away"))
    later.put("shop/1", attempt("new"), SchedulerUnavailable("away"))
    await settled(clock, 5, lambda: not later.waiting)
    await clock.advance(seconds=60)
    assert made == ["new"]
    await later.stop()


async def runs(bridge: DefaultEventBridge) -> list[Any]:
    from purista.ledgers.base import Query

    return list((await bridge.ledger.history(Query())).rows)
