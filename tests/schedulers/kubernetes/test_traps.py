"""What hurt users of CronJobs (``docs/traps.md``), each under the name of its trap."""

from __future__ import annotations

import json
from pathlib import Path

from purista import DefaultEventBridge
from purista.contract.schedule import ConcurrencyPolicy
from purista.recurrence import Cron
from purista.schedulers.base import Compiled
from purista.schedulers.kubernetes.robfig import firings
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.test_control import control
from tests.schedulers.kubernetes.test_registration import scheduler, service, started
from tests.schedulers.kubernetes.world import NOW, OWNER, dialect, schedule

GIVEN_UP = 100
"""Missed times at which controllers before 1.21 gave a CronJob up for good (kubernetes#42649, kubernetes#45825)."""


def compiled(*texts: str, **options: object) -> Compiled:
    return dialect().compile(
        OWNER, [schedule(Cron(text), "UTC", name=f"s{n}", **options) for n, text in enumerate(texts)]
    )


def test_a_backlog_never_counts_a_hundred_missed_times() -> None:
    (entry,) = compiled("* * * * *").entries
    spec = json.loads(entry.body)["spec"]
    looked_at = firings(spec["schedule"], spec["timeZone"], NOW, NOW + spec["startingDeadlineSeconds"])
    assert len(looked_at) < GIVEN_UP


def test_forbid_does_not_mean_the_pod_that_only_calls() -> None:
    for policy in ConcurrencyPolicy:
        (entry,) = compiled("0 5 * * *", concurrency_policy=policy).entries
        assert json.loads(entry.body)["spec"]["concurrencyPolicy"] == "Allow"


async def test_a_cronjob_that_somebody_suspended_stays_so_and_is_said() -> None:
    cluster, wanted = Cluster(), compiled("0 5 * * *", "0 6 * * *")
    await control(cluster).apply(OWNER, wanted)
    cluster.edit(wanted.entries[0].name, lambda one: one["spec"].update(suspend=True))
    assert (await control(cluster).apply(OWNER, wanted)).written == 0
    await control(cluster).apply(OWNER, compiled("10 5 * * *", "0 6 * * *"))
    live = {entry.name: entry.paused for entry in await control(cluster).list(OWNER)}
    assert live == {entry.name: entry is wanted.entries[0] for entry in wanted.entries}


async def test_what_is_suspended_is_drift(tmp_path: Path) -> None:
    cluster = Cluster()
    await started(cluster, tmp_path / "p.db", service())
    (_, name) = next(iter(cluster.objects))
    cluster.edit(name, lambda one: one["spec"].update(suspend=True))
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler(cluster))
    async with bridge.ledger:
        drift = await bridge.registrar().drift("shop")
    assert drift.paused == (name,)
    assert drift.nothing, "and nothing is written over"
    assert drift.lines() == (f"{name} is paused in the scheduler",)
