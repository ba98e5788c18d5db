"""Google Cloud keeps the laws of dialects and controls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.cloud.scheduler_v1 import Job

from purista.schedulers.gcp.control import GcpControl
from purista.schedulers.gcp.dialect import GcpDialect
from purista.testing.suites import ControlSuite, DialectSuite
from tests.schedulers.gcp.cloud import PARENT, Cloud
from tests.schedulers.gcp.world import DOOR, dialect


class TestDialect(DialectSuite):
    """Over Pub/Sub."""

    def make(self) -> GcpDialect:
        return dialect()


class TestDialectOverHttp(DialectSuite):
    sweeps = False

    def make(self) -> GcpDialect:
        return dialect(target=DOOR)


class TestControl(ControlSuite):
    """Through the real client, over the wire."""

    names_ledger = True
    can_break = True

    @pytest.fixture(autouse=True)
    async def _cloud(self) -> AsyncIterator[None]:
        async with Cloud().open() as self.cloud:
            stranger = Job(name=f"{PARENT}/jobs/purista-theirs", schedule="* * * * *", description="purista owner=x")
            self.cloud.jobs[stranger.name] = stranger
            yield

    async def make(self) -> GcpControl:
        return GcpControl(self.cloud.client, parent=PARENT, quota=5_000, pause=at_once)

    def dialect(self) -> GcpDialect:
        return dialect()

    async def strangers(self) -> Any:
        return Job.to_dict(self.cloud.jobs[f"{PARENT}/jobs/purista-theirs"])

    async def broken(self) -> GcpControl:
        self.cloud.rights.clear()
        return await self.make()


async def at_once(_seconds: float) -> None:
    return
