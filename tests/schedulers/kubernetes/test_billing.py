"""The billing example on CronJobs, as far as that can be had without a cluster: it registers with a stand-in for the API
server, a stand-in for the controller makes Jobs at the times that are predicted (``test_real_library`` compares them), and
what a Job's container runs is run for real: it calls a gateway over HTTP, and the worker works.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from purista import App, DefaultEventBridge, KubernetesScheduler
from purista.auth.credentials import Bearer
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.ledgers.base import Query, Run
from purista.schedulers.kubernetes.place import SECRETS
from purista.schedulers.kubernetes.robfig import firings
from purista.testing import ManualClock
from tests.gateway.http.door import TOKEN, bearer, listening
from tests.schedulers.kubernetes.cluster import Cluster
from tests.schedulers.kubernetes.test_control import client

BILLING = Path(__file__).parents[3] / "examples/billing/billing.py"
MONTH_END = "2026-03-01T00:56:00Z"


def billing(bridge: Any) -> App:
    """The example's services; only the scheduler is another."""
    space: dict[str, Any] = {"__name__": "billing"}
    exec(compile(BILLING.read_text("utf-8"), str(BILLING), "exec"), space)
    return App([space["user_service"]], bridge=bridge)


class Controller:
    """Makes a Job for each CronJob at each of its times, and runs its container; ``secrets`` is where its volume is."""

    def __init__(self, cluster: Cluster, gateway: str, secrets: Path) -> None:
        self.cluster, self.gateway, self.secrets = cluster, gateway, secrets

    def jobs(self, start: int, end: int) -> Iterator[tuple[str, list[str]]]:
        """The name of each Job, and what its container runs."""
        for (_, name), cronjob in sorted(self.cluster.objects.items()):
            spec = cronjob["spec"]
            (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
            for at in firings(spec["schedule"], spec["timeZone"], start, end):
                yield f"{name}-{at // 60}", container["command"]

    async def run(self, job: str, command: list[str]) -> int:
        """As the kubelet starts it: ``$(NAME)`` is replaced, ``$$`` is ``$``."""
        given = [
            part.replace("$(PURISTA_JOB)", job).replace("$$", "$").replace(SECRETS, str(self.secrets))
            .replace("http://gateway:8080", self.gateway)
            for part in command
        ]  # fmt: skip
        assert given[0] == "purista"
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *given)
        return await process.wait()


async def test_jobs_call_the_gateway_and_the_worker_works_once(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    cluster, clock = Cluster(), ManualClock(MONTH_END)
    scheduler = KubernetesScheduler(
        image="billing:1", gateway="http://gateway:8080", token="purista-gateway/token", namespace="shop",
        connect=lambda: client(cluster),
    )  # fmt: skip
    bridge = DefaultEventBridge(tmp_path / "purista.db", clock=clock, scheduler=scheduler, environment="test")
    credentials: tuple[Bearer, ...] = (bearer(TOKEN),)
    door = HttpGateway(bridge.gateway, GatewayConfig(credentials=credentials))
    async with billing(bridge), listening(door) as (host, port):
        controller = Controller(cluster, f"http://{host}:{port}", tmp_path)
        start = clock.now() // 1000
        await clock.advance(minutes=6)
        jobs = list(controller.jobs(start, clock.now() // 1000))
        twice = [*jobs, jobs[-1]]  # controllers make a Job twice at times
        assert [await controller.run(*job) for job in twice] == [0] * len(twice)
        done = await settled(bridge)
    assert {(run.row.key, said(run)) for run in done} == {
        ("user/1/monthlyBillingCycle", "published finished 2026-03-01T01:00Z"),
        ("user/1/paymentImport", "published finished 2026-03-01T01:00Z"),
    }
    assert {run.row.source for run in done} == {"http:ops"}


async def settled(bridge: DefaultEventBridge) -> list[Run]:
    """What was decided, once all of it has ended."""
    for _ in range(2_000):
        runs = list((await bridge.ledger.history(Query())).rows)
        if runs and all(run.row.run is not None and run.row.run.value != "running" for run in runs):
            return runs
        await asyncio.sleep(0.01)
    raise AssertionError(f"still open: {[said(run) for run in runs]}")


def said(run: Run) -> str:
    at = datetime.fromtimestamp(run.row.scheduled_at // 1000, UTC)
    return f"{run.row.decision} {run.row.run} {at:%Y-%m-%dT%H:%MZ}"
