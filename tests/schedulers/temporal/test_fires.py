"""The real server fires, the worker calls the gateway of an app, and its handler works."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, ScheduleBackfill, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.worker import Replayer

from purista import Context, Cron, DefaultEventBridge, HandlerError, Interval, ServiceBuilder, TemporalScheduler
from purista.auth.credentials import Bearer
from purista.cli.temporal import over_http, read_over_http, recorded, within
from purista.clock import SystemClock
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.ledgers.base import OccurrenceClass, Query, Run, RunState
from purista.schedulers.base import Call, CallKind, Owner
from purista.schedulers.remote import remote_of
from purista.schedulers.temporal.calendar import Times
from purista.schedulers.temporal.worker import Ended, Told, Trigger, serve
from purista.schedulers.temporal.workflow import PuristaTrigger
from tests.gateway.http.door import TOKEN, bearer, listening
from tests.schedulers.temporal.server import Server, eventually


@asynccontextmanager
async def working(server: Server, queue: str, trigger: Trigger, ended: Ended | None = None) -> AsyncIterator[Client]:
    """A worker, until the block ends."""
    client, stop = await server.client(), asyncio.Event()
    running = asyncio.create_task(serve(client, queue, trigger, stop.wait, ended))
    try:
        yield client
    finally:
        stop.set()
        await running


def shop(work: list[str], rule: Any = None) -> ServiceBuilder:
    """A service of its own name, so that tests share a server."""
    built = ServiceBuilder(f"shop{secrets.token_hex(4)}", version="1")

    @built.command("tidy")
    async def tidy(context: Context) -> None:
        work.append(str(context.schedule.scheduled_at if context.schedule is not None else None))

    built.schedule(
        "tidy", rule or Interval(timedelta(seconds=2)), timezone="UTC", invoke=tidy, concurrency_policy="allow",
        missed_run_policy="skip",
    )  # fmt: skip
    return built


async def runs(bridge: DefaultEventBridge, state: RunState = RunState.FINISHED) -> list[Run]:
    found = (await bridge.ledger.history(Query(limit=200))).rows
    return [run for run in found if run.row.run is state]


async def test_the_server_fires_and_a_worker_calls_the_gateway_over_http(temporal: Server, tmp_path: Path) -> None:
    work: list[str] = []
    queue, service = f"q{secrets.token_hex(4)}", shop(work)
    scheduler = TemporalScheduler(temporal.address, task_queue=queue)
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)
    credentials: tuple[Bearer, ...] = (bearer(TOKEN),)
    door = HttpGateway(bridge.gateway, GatewayConfig(credentials=credentials))
    (tmp_path / "token").write_text(TOKEN)
    instance = await service.get_instance(bridge)
    async with instance, listening(door) as (host, port):
        remote, _ = remote_of(f"http://{host}:{port}", None, f"file:{tmp_path / 'token'}", SystemClock().now)
        async with working(temporal, queue, over_http(remote)):
            done = await eventually(lambda: enough(bridge, 2, source="http:ops"))
            await replayed(await temporal.client(), queue)
    assert all(run.row.scheduled_at % 2000 == 0 for run in done)
    assert len(set(work)) == len(work) >= 2, "each occurrence once"


async def enough(
    bridge: DefaultEventBridge, count: int, kind: OccurrenceClass | None = None, source: str | None = None
) -> list[Run]:
    """``source``: what was due while the service started may have been decided by its own look at what nobody called for."""
    found = [
        run for run in await runs(bridge)
        if (kind is None or run.row.occurrence_class is kind) and (source is None or run.row.source == source)
    ]  # fmt: skip
    return found if len(found) >= count else []


async def test_a_trigger_by_hand_is_a_run_of_its_own_and_a_backfill_fills_once(
    temporal: Server, tmp_path: Path
) -> None:
    work: list[str] = []
    queue, service = f"q{secrets.token_hex(4)}", shop(work, Cron("7 3 * * *"))
    scheduler = TemporalScheduler(temporal.address, task_queue=queue)
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)
    async with await service.get_instance(bridge), working(temporal, queue, within(bridge.gateway)) as client:
        (entry,) = await scheduler.control.list(Owner(service.name, bridge.environment, bridge.ledger.ledger_id))
        handle = client.get_schedule_handle(entry.name)
        await handle.trigger()
        await eventually(lambda: enough(bridge, 1, OccurrenceClass.MANUAL))
        noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
        stretch = ScheduleBackfill(noon, noon + timedelta(days=1))
        for count in (2, 3):
            await handle.backfill(stretch)
            await eventually(lambda count=count: settled(client, entry.name, count))  # type: ignore[misc]
        filled = await enough(bridge, 1, OccurrenceClass.REPLAY)
    assert [datetime.fromtimestamp(run.row.scheduled_at / 1000, UTC).hour for run in filled] == [3]


async def replayed(client: Client, queue: str) -> None:
    """What a schedule started comes to the same when it is run again from its history."""
    query = f"TaskQueue = '{queue}' AND ExecutionStatus = 'Completed'"
    found = [one async for one in client.list_workflows(query)]
    assert found
    for one in found:
        history = await client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        await Replayer(workflows=[PuristaTrigger]).replay_workflow(history)


async def settled(client: Client, schedule: str, count: int) -> bool:
    """Whether so many of what the schedule started have ended."""
    found = [one async for one in client.list_workflows(f"TemporalScheduledById = '{schedule}'")]
    return len(found) >= count and all(one.status is WorkflowExecutionStatus.COMPLETED for one in found)


async def started(client: Client, queue: str) -> Any:
    """Our workflow, as a schedule starts it, by hand: there is no scheduled time, so it is a manual call."""
    asked = {"key": "shop/1/tidy", "times": Times().document(), "jitterMs": 0, "catchUpS": 3600}
    return await client.start_workflow(PuristaTrigger.run, asked, id=f"w{secrets.token_hex(4)}", task_queue=queue)


async def test_what_is_refused_fails_at_once_and_what_cannot_be_decided_is_tried_again(temporal: Server) -> None:
    heard: list[Call] = []
    away = Told("unavailable", "away", again=True, after_ms=1)
    answers = [away, Told("accepted", "due"), Told("unknown", "no", refused=True)]

    async def trigger(call: Call) -> Told:
        heard.append(call)
        return answers[len(heard) - 1]

    queue = f"q{secrets.token_hex(4)}"
    async with working(temporal, queue, trigger) as client:
        first = await started(client, queue)
        assert await first.result() == {"answer": "accepted", "detail": "due"}
        second = await started(client, queue)
        with pytest.raises(WorkflowFailureError) as failed:
            await second.result()
        histories = [await handle.fetch_history() for handle in (first, second)]
    assert "unknown: no" in str(failed.value.cause.__cause__)
    assert heard[0] == heard[1], "an attempt says the same"
    assert [call.kind for call in heard] == [CallKind.MANUAL] * 3
    for history in histories:
        await Replayer(workflows=[PuristaTrigger]).replay_workflow(history)


@pytest.mark.parametrize("over", ["http", "in process"])
async def test_a_workflow_that_waits_is_open_as_long_as_the_work(temporal: Server, tmp_path: Path, over: str) -> None:
    gate, begun, queue = asyncio.Event(), asyncio.Event(), f"q{secrets.token_hex(4)}"
    service = ServiceBuilder(f"shop{secrets.token_hex(4)}", version="1")

    @service.command("tidy")
    async def tidy(context: Context) -> None:
        begun.set()
        await gate.wait()

    @service.command("spoil")
    async def spoil(context: Context) -> None:
        raise HandlerError("no such shop")

    for name, command in (("tidy", tidy), ("spoil", spoil)):
        service.schedule(
            name,
            Cron("7 3 * * *"),
            timezone="UTC",
            invoke=command,
            concurrency_policy="forbid",
            missed_run_policy="skip",
        )
    scheduler = TemporalScheduler(temporal.address, task_queue=queue, wait=True)
    bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)
    credentials: tuple[Bearer, ...] = (bearer(TOKEN),)
    door = HttpGateway(bridge.gateway, GatewayConfig(credentials=credentials))
    (tmp_path / "token").write_text(TOKEN)
    async with await service.get_instance(bridge), listening(door) as (host, port):
        remote, _ = remote_of(f"http://{host}:{port}", None, f"file:{tmp_path / 'token'}", SystemClock().now)
        way = (
            (over_http(remote), read_over_http(remote))
            if over == "http"
            else (within(bridge.gateway), recorded(bridge.gateway))
        )
        async with working(temporal, queue, *way) as client:
            owner = Owner(service.name, bridge.environment, bridge.ledger.ledger_id)
            names = {entry.name.rpartition("/")[2]: entry.name for entry in await scheduler.control.list(owner)}
            for name in names.values():
                await client.get_schedule_handle(name).trigger()
            await begun.wait()
            assert await eventually(lambda: states(client, names["spoil"])) == [WorkflowExecutionStatus.FAILED]
            assert await states(client, names["tidy"], over=False) == [WorkflowExecutionStatus.RUNNING]
            gate.set()
            assert await eventually(lambda: states(client, names["tidy"])) == [WorkflowExecutionStatus.COMPLETED]
            await replayed(client, queue)


async def states(client: Client, schedule: str, *, over: bool = True) -> list[Any]:
    """How what a schedule started stands; nothing while some of it is open and shall be ``over``."""
    found = [one.status async for one in client.list_workflows(f"TemporalScheduledById = '{schedule}'")]
    return [] if over and WorkflowExecutionStatus.RUNNING in found else found


async def test_a_worker_that_may_not_read_says_so_and_does_not_wait_for_ever(temporal: Server) -> None:
    queue = f"q{secrets.token_hex(4)}"

    async def trigger(call: Call) -> Told:
        return Told("accepted", "due", published=True)

    async with working(temporal, queue, trigger) as client:
        asked = {"key": "shop/1/tidy", "times": Times().document(), "jitterMs": 0, "catchUpS": 3600, "wait": True}
        handle = await client.start_workflow(PuristaTrigger.run, asked, id=f"w{secrets.token_hex(4)}", task_queue=queue)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert "may not read how runs end" in str(failed.value.cause.__cause__)


async def test_many_that_wait_do_not_keep_another_from_being_called(temporal: Server) -> None:
    queue, heard = f"q{secrets.token_hex(4)}", set[str]()

    async def trigger(call: Call) -> Told:
        heard.add(call.key)
        return Told("accepted", "due", published=True)

    async def open_still(_: Call) -> None:
        return None

    async with working(temporal, queue, trigger, open_still) as client:
        asked = {"times": Times().document(), "jitterMs": 0, "catchUpS": 3600, "wait": True}
        waiting = [
            await client.start_workflow(
                PuristaTrigger.run,
                {**asked, "key": f"shop/1/s{number}"},
                id=f"w{secrets.token_hex(6)}",
                task_queue=queue,
            )
            for number in range(120)
        ]  # more than a worker has hands for
        await eventually(lambda: of(heard, 120))
        other = await client.start_workflow(
            PuristaTrigger.run,
            {**asked, "key": "shop/1/other", "wait": False},
            id=f"w{secrets.token_hex(6)}",
            task_queue=queue,
        )
        assert (await other.result())["answer"] == "accepted"
        await asyncio.gather(*(handle.terminate() for handle in waiting))


async def of(heard: set[str], count: int) -> bool:
    return len(heard) == count
