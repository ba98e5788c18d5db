"""The billing example, changed in one line, on the real server: what is deployed is run as processes are, over HTTP."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy, WorkflowExecutionStatus

from purista import App, DefaultEventBridge, TemporalScheduler
from purista.auth.credentials import Bearer
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.ledgers.base import OccurrenceClass, Query, Run
from purista.schedulers.base import Owner
from tests.gateway.http.door import TOKEN, bearer, listening
from tests.schedulers.temporal.server import PATIENCE_S, Server, eventually

BILLING = Path(__file__).parents[3] / "examples/billing/billing.py"
KEY = "user/1/monthlyBillingCycle"


def billing(bridge: Any) -> App:
    """The example's services; only the scheduler is another."""
    space: dict[str, Any] = {"__name__": "billing"}
    exec(compile(BILLING.read_text("utf-8"), str(BILLING), "exec"), space)
    return App([space["user_service"]], bridge=bridge)


@asynccontextmanager
async def worker(server: Server, gateway: str, token: Path, environment: str) -> AsyncIterator[None]:
    """``purista temporal worker``, stopped in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "purista", "temporal", "worker", "--address", server.address, "--gateway", gateway, "--token",
        f"file:{token}", env={**os.environ, "PURISTA_ENVIRONMENT": environment},
    )  # fmt: skip
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), PATIENCE_S)
    assert code == 0


async def test_the_server_starts_a_month_the_worker_calls_and_the_bill_is_written_once(
    temporal: Server, tmp_path: Path
) -> None:
    environment = f"billing-{secrets.token_hex(4)}"
    scheduler = TemporalScheduler(temporal.address)
    bridge = DefaultEventBridge(tmp_path / "purista.db", scheduler=scheduler, environment=environment)
    credentials: tuple[Bearer, ...] = (bearer(TOKEN),)
    door = HttpGateway(bridge.gateway, GatewayConfig(credentials=credentials))
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    client = await temporal.client()
    async with billing(bridge), listening(door) as (host, port):
        live = await scheduler.control.list(Owner("user", environment, bridge.ledger.ledger_id))
        (name,) = [entry.name for entry in live if entry.name.endswith(KEY)]
        until = datetime.now(UTC) - timedelta(days=3)
        stretch = ScheduleBackfill(until - timedelta(days=62), until, ScheduleOverlapPolicy.ALLOW_ALL)
        calls = await matching(client, name, stretch)
        async with worker(temporal, f"http://{host}:{port}", tmp_path / "token", environment):
            for count in (calls, 2 * calls):  # Temporal runs every one of them again
                await client.get_schedule_handle(name).backfill(stretch)
                await eventually(lambda count=count: called(client, name, count))  # type: ignore[misc]
            done = await eventually(lambda: finished(bridge))
    found = [run.row for run in done]
    assert {row.key for row in found} == {KEY}
    assert {row.occurrence_class for row in found} == {OccurrenceClass.REPLAY}
    assert len({row.scheduled_at for row in found}) == len(found) >= 2, "each month once"


async def matching(client: Client, schedule: str, stretch: ScheduleBackfill) -> int:
    """How many times the server finds in a stretch."""
    asked = ListScheduleMatchingTimesRequest(namespace="default", schedule_id=schedule)
    asked.start_time.FromDatetime(stretch.start_at)
    asked.end_time.FromDatetime(stretch.end_at)
    return len((await client.workflow_service.list_schedule_matching_times(asked)).start_time)


async def called(client: Client, schedule: str, count: int) -> bool:
    """Whether so many calls have come to their end."""
    found = [one.status async for one in client.list_workflows(f"TemporalScheduledById = '{schedule}'")]
    assert set(found) <= {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}
    return found.count(WorkflowExecutionStatus.COMPLETED) == count


async def finished(bridge: DefaultEventBridge) -> list[Run]:
    """What was decided, once all of it has ended."""
    runs = list((await bridge.ledger.history(Query(limit=100))).rows)
    open_ = [run for run in runs if run.row.run is None or run.row.run.value == "running"]
    return [] if open_ else runs
