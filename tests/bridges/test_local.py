"""The local bridge keeps the laws, durable and volatile."""

from __future__ import annotations

from pathlib import Path

import pytest

from purista.bridges.local import LocalBridge
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from purista.testing.suites import BridgeSuite


class TestFile(BridgeSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path: Path | str = tmp_path / "purista.db"

    async def make(self, clock: ManualClock) -> LocalBridge:
        bridge = LocalBridge(SqliteFile(self.path), clock=clock)
        await bridge.start()
        return bridge


class TestMemory(BridgeSuite):
    volatile = True

    async def make(self, clock: ManualClock) -> LocalBridge:
        bridge = LocalBridge(SqliteFile(":memory:"), clock=clock)
        await bridge.start()
        return bridge
