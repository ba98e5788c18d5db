"""Temporal schedules keep the laws of dialects and of controls, on the real server."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from temporalio.service import RPCError, RPCStatusCode

from purista.schedulers.temporal.control import TemporalControl
from purista.schedulers.temporal.dialect import TemporalDialect
from purista.testing.suites import ControlSuite, DialectSuite
from tests.schedulers.temporal.server import Server, eventually
from tests.schedulers.temporal.world import dialect


class TestDialect(DialectSuite):
    refuses = frozenset[str]()
    sweeps = False

    def make(self) -> TemporalDialect:
        return dialect()


async def namespace(server: Server) -> str:
    """A new one, once it can be used."""
    client, name = await server.client(), f"n{secrets.token_hex(6)}"
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await client.workflow_service.register_namespace(request)

    async def usable() -> bool:
        try:
            inside = await Client.connect(server.address, namespace=name)
            return [one async for one in await inside.list_schedules()] == []
        except RPCError:
            return False

    await eventually(usable)
    return name


class TestControl(ControlSuite):
    names_ledger = True
    can_break = True

    @pytest.fixture(autouse=True)
    async def _namespace(self, temporal: Server) -> None:
        self.server, self.namespace = temporal, await namespace(temporal)
        action = ScheduleActionStartWorkflow("Theirs", id="theirs", task_queue="theirs")
        spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(days=9))])
        await (await self.client()).create_schedule("theirs", Schedule(action, spec))

    async def client(self) -> Client:
        return await Client.connect(self.server.address, namespace=self.namespace)

    def dialect(self) -> TemporalDialect:
        return dialect()

    async def make(self) -> TemporalControl:
        return TemporalControl(self.client)

    async def strangers(self) -> Any:
        return str((await (await self.client()).get_schedule_handle("theirs").describe()).schedule)

    async def broken(self) -> TemporalControl:
        async def refused() -> Client:
            await asyncio.sleep(0)
            raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

        return TemporalControl(refused)
