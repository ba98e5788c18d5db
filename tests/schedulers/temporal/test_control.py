"""What is live in the real server: edited, paused, renamed, deleted, foreign; the server down and up; many schedules."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from purista import Context, Cron, DefaultEventBridge, Interval, ServiceBuilder, TemporalScheduler
from purista.errors import DeclarationError, RegistrationError, RegistrationMismatch, SchedulerUnavailable
from purista.schedulers.base import Compiled, Owner
from purista.schedulers.temporal.control import TemporalControl
from tests.schedulers.temporal.server import Server, eventually, free_port
from tests.schedulers.temporal.world import dialect, schedule


def an_owner() -> Owner:
    """Each test's own, so that all share a server."""
    return Owner(f"user{secrets.token_hex(4)}", "test", "ledger-1")


def compiled(owner: Owner, *rules: Any, **options: Any) -> Compiled:
    return dialect().compile(owner, [schedule(rule, "UTC", f"s{n}", **options) for n, rule in enumerate(rules)])


class Counting(Interceptor):
    """Counts what a control asks the server for."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        asked = self.asked

        class Counted(OutboundInterceptor):
            def __getattribute__(self, name: str) -> Any:
                if name.endswith(("_schedule", "_schedules")):
                    asked[name] = asked.get(name, 0) + 1
                return super().__getattribute__(name)

        return Counted(next)


async def edited(client: Client, name: str, change: Any) -> None:
    """As a person does it."""

    async def apply(found: ScheduleUpdateInput) -> ScheduleUpdate:
        change(found.description.schedule)
        return ScheduleUpdate(found.description.schedule)

    await client.get_schedule_handle(name).update(apply)


async def test_a_schedule_edited_by_hand_is_drift_and_taken_back(temporal: Server) -> None:
    control, owner, client = TemporalControl(temporal.client), an_owner(), await temporal.client()
    wanted = compiled(owner, Cron("0 5 * * *"), Interval(90))
    await control.apply(owner, wanted)
    for entry in wanted.entries:
        await edited(client, entry.name, lambda one: setattr(one.spec, "jitter", timedelta(minutes=3)))

    async def drifted() -> bool:
        return [entry.digest for entry in await control.list(owner)] == [None, None]

    await eventually(drifted)
    applied = await control.apply(owner, wanted)
    assert (applied.updated, applied.written) == (2, 2)
    assert {one.name: one.digest for one in await control.list(owner)} == {e.name: e.digest for e in wanted.entries}


async def test_a_pause_made_in_temporal_is_shown_and_survives_updates(temporal: Server) -> None:
    control, owner, client = TemporalControl(temporal.client), an_owner(), await temporal.client()
    await control.apply(owner, compiled(owner, Cron("0 5 * * *"), Cron("0 6 * * *")))
    name = compiled(owner, Cron("0 5 * * *")).entries[0].name
    await client.get_schedule_handle(name).pause(note="for the audit")

    async def paused() -> list[bool]:
        return sorted(entry.paused for entry in await control.list(owner))

    await eventually(lambda: equals(paused, [False, True]))
    assert (await control.apply(owner, compiled(owner, Cron("0 5 * * *"), Cron("0 6 * * *")))).written == 0
    assert (await control.apply(owner, compiled(owner, Cron("1 5 * * *"), Cron("0 6 * * *")))).updated == 1
    described = await client.get_schedule_handle(name).describe()
    assert described.schedule.state.paused
    assert described.schedule.state.note == "for the audit"


async def test_another_ledger_is_refused_and_takes_nothing_away(temporal: Server) -> None:
    control, owner = TemporalControl(temporal.client), an_owner()
    await control.apply(owner, compiled(owner, Cron("0 5 * * *")))
    other = Owner(owner.service, owner.environment, "ledger-2")
    for act in (control.list(other), control.apply(other, compiled(other))):
        with pytest.raises(RegistrationError, match="belongs to ledger ledger-1, this is ledger ledger-2"):
            await act
    assert len(await control.list(owner)) == 1


async def equals(question: Any, wanted: Any) -> bool:
    return bool(await question() == wanted)


async def test_a_foreign_schedule_with_our_id_is_reported_and_left_alone(temporal: Server) -> None:
    control, owner, client = TemporalControl(temporal.client), an_owner(), await temporal.client()
    wanted = compiled(owner, Cron("0 5 * * *"))
    theirs = await foreign(client, wanted.entries[0].name)
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await control.apply(owner, wanted)
    assert await control.list(owner) == []
    await control.apply(owner, compiled(owner))
    assert (await client.get_schedule_handle(wanted.entries[0].name).describe()).schedule.action == theirs


async def foreign(client: Client, name: str) -> Any:
    from temporalio.client import Schedule, ScheduleActionStartWorkflow, ScheduleIntervalSpec, ScheduleSpec

    action = ScheduleActionStartWorkflow("Theirs", id="theirs", task_queue="theirs")
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(days=9))])
    handle = await client.create_schedule(name, Schedule(action, spec))
    return (await handle.describe()).schedule.action


@pytest.mark.parametrize("count", [100, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_a_thousand_schedules_are_written_once(temporal: Server, count: int) -> None:
    counting, owner = Counting(), an_owner()

    async def connect() -> Client:
        return await Client.connect(temporal.address, interceptors=[counting])

    control = TemporalControl(connect)
    wanted = compiled(owner, *(Cron(f"{n % 60} {n % 24} * * *") for n in range(count)))
    assert (await control.apply(owner, wanted)).created == count
    counting.asked.clear()
    again = await control.apply(owner, wanted)
    assert (again.unchanged, again.written) == (count, 0)
    assert counting.asked == {"list_schedules": 1}


async def test_two_replicas_that_want_other_things_end_with_one_of_them(temporal: Server) -> None:
    owner = an_owner()
    both = [compiled(owner, Cron("0 5 * * *")), compiled(owner, Cron("0 6 * * *"))]
    ended = await asyncio.gather(
        *(TemporalControl(temporal.client).apply(owner, one) for one in both), return_exceptions=True
    )
    assert all(not isinstance(one, BaseException) or isinstance(one, RegistrationMismatch) for one in ended)
    (live,) = await TemporalControl(temporal.client).list(owner)
    assert live.digest in {one.entries[0].digest for one in both}


async def test_a_server_that_goes_down_and_comes_back_keeps_everything_and_makes_up(tmp_path: Path) -> None:
    server, owner = Server(tmp_path / "temporal.db"), an_owner()
    nothing: list[float] = []

    async def pause(seconds: float) -> None:
        nothing.append(seconds)
        await asyncio.sleep(0.01)

    server.start()
    try:
        control = TemporalControl(server.client, pause=pause)
        wanted = compiled(owner, Interval(1))
        await control.apply(owner, wanted)
        client = await server.client()
        query = "WorkflowType = 'PuristaTrigger'"

        async def started_by_it() -> list[str]:
            return [one.id async for one in client.list_workflows(query)]

        await eventually(started_by_it)  # what never fired has nothing to make up for
        server.stop()

        async def dead() -> Client:
            return await Client.connect(server.address)

        with pytest.raises(SchedulerUnavailable, match="got none in reach"):
            await TemporalControl(dead).apply(owner, wanted)
        with pytest.raises(SchedulerUnavailable):
            await TemporalControl(dead).preflight()
        down = await gap(3)
        server.start()
        client = await server.client()
        assert (await control.apply(owner, wanted)).written == 0

        async def made_up() -> bool:
            return any([one.id.endswith(down) async for one in client.list_workflows(query)])

        await eventually(made_up)
    finally:
        server.stop()


async def gap(seconds: int) -> str:
    """Let so many seconds pass; how the id ends of a workflow that was due within them."""
    from datetime import UTC, datetime

    await asyncio.sleep(seconds)
    return f"{datetime.now(UTC) - timedelta(seconds=seconds / 2):%Y-%m-%dT%H:%M:%SZ}"


async def test_what_is_not_allowed_names_what_is_needed() -> None:
    async def refused() -> Client:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    with pytest.raises(RegistrationError, match="needs write access to the namespace") as raised:
        await TemporalControl(refused).list(an_owner())
    assert not isinstance(raised.value, SchedulerUnavailable)


async def test_a_namespace_that_is_not_there_is_said(temporal: Server) -> None:
    async def connect() -> Client:
        return await Client.connect(temporal.address, namespace="nowhere")

    (finding,) = await TemporalControl(connect).preflight()
    assert finding.code == "T201"
    assert "nowhere" in finding.message


async def test_a_server_that_is_overloaded_is_asked_again_and_then_said() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def busy() -> Client:
        raise RPCError("namespace rate limit exceeded", RPCStatusCode.RESOURCE_EXHAUSTED, b"")

    with pytest.raises(SchedulerUnavailable, match="RESOURCE_EXHAUSTED"):
        await TemporalControl(busy, pause=pause).list(an_owner())
    assert pauses == [0.2, 0.4, 0.8]


def test_addresses_and_keys_are_looked_at_when_declared() -> None:
    for address in ("localhost", "http://localhost:7233", ":7233", "localhost:0", "localhost:x"):
        with pytest.raises(DeclarationError, match="host:port"):
            TemporalScheduler(address)
    with pytest.raises(DeclarationError, match="reference") as raised:
        TemporalScheduler(api_key="eyJ-the-key-itself")
    assert "eyJ" not in str(raised.value)
    with pytest.raises(DeclarationError, match="task_queue"):
        TemporalScheduler(task_queue="")


def service(owner: str, name: str = "nightly", hour: int = 3, renamed_from: str | None = None) -> ServiceBuilder:
    built = ServiceBuilder(owner, version="1")

    @built.command("clean")
    async def clean(context: Context) -> None:
        """Nothing to do."""

    more = {} if renamed_from is None else {"renamed_from": renamed_from}
    built.schedule(
        name, Cron(f"30 {hour} * * *"), timezone="Europe/Berlin", invoke=clean, concurrency_policy="forbid",
        missed_run_policy="skip", **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return built


@asynccontextmanager
async def started(path: Path, address: str, what: ServiceBuilder) -> AsyncIterator[DefaultEventBridge]:
    bridge = DefaultEventBridge(path, scheduler=TemporalScheduler(address))
    async with await what.get_instance(bridge):
        yield bridge


async def test_a_service_registers_edits_renames_and_is_shown_paused(temporal: Server, tmp_path: Path) -> None:
    client, file, name = await temporal.client(), tmp_path / "p.db", f"shop{secrets.token_hex(4)}"

    async def live() -> dict[str, Any]:
        found = [one async for one in await client.list_schedules("ScheduleId STARTS_WITH 'purista-'")]
        return {one.id.partition("/")[2]: one for one in found if f"/{name}/" in one.id}

    async with started(file, temporal.address, service(name)):
        assert set(await live()) == {f"{name}/1/nightly"}
    async with started(file, temporal.address, service(name, hour=4)):
        assert set(await live()) == {f"{name}/1/nightly"}
    async with started(file, temporal.address, service(name, "cleanUp", hour=4, renamed_from="nightly")) as bridge:
        ((key, one),) = (await live()).items()
        assert key == f"{name}/1/cleanUp"
        await client.get_schedule_handle(one.id).pause()

        async def paused() -> bool:
            return (await bridge.registrar().drift(name)).paused == (one.id,)

        await eventually(paused)
        drift = await bridge.registrar().drift(name)
        assert drift.nothing, "and nothing is written over"


async def test_a_service_starts_while_temporal_is_away(tmp_path: Path) -> None:
    async with started(tmp_path / "p.db", f"127.0.0.1:{free_port()}", service("away")) as bridge:
        ((_, lineages),) = await bridge.ledger.registered()
        assert [lineage.key for lineage in lineages] == ["away/1/nightly"]
