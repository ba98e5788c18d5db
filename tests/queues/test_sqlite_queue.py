"""The SQLite queue keeps the laws."""

from __future__ import annotations

from pathlib import Path

import pytest

from purista.queues.sqlite import SqliteQueue
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from purista.testing.suites import QueueSuite


class TestFile(QueueSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path: Path | str = tmp_path / "purista.db"

    async def make(self, clock: ManualClock) -> SqliteQueue:
        queue = SqliteQueue(SqliteFile(self.path), clock=clock)
        await queue.start()
        return queue


class TestMemory(QueueSuite):
    async def make(self, clock: ManualClock) -> SqliteQueue:
        queue = SqliteQueue(SqliteFile(":memory:"), clock=clock)
        await queue.start()
        return queue
