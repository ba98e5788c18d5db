"""The SQLite ledger keeps the laws, in a file and in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from purista.errors import LedgerMismatch
from purista.ledgers.sqlite import SqliteLedger
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from purista.testing.suites import LedgerSuite


class TestFile(LedgerSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "purista.db"

    async def make(self, clock: ManualClock) -> SqliteLedger:
        return await SqliteLedger(SqliteFile(self.path), clock=clock).__aenter__()

    async def again(self, ledger: object, clock: ManualClock) -> SqliteLedger:
        return await self.make(clock)


class TestFileWithOutbox(TestFile):
    async def make(self, clock: ManualClock) -> SqliteLedger:
        return await SqliteLedger(SqliteFile(self.path), clock=clock, deliver=False).__aenter__()


class TestMemory(LedgerSuite):
    durable = False

    async def make(self, clock: ManualClock) -> SqliteLedger:
        return await SqliteLedger(SqliteFile(":memory:"), clock=clock).__aenter__()


async def test_a_file_remembers_that_a_broker_carries_its_messages(tmp_path: Path) -> None:
    """Whoever put messages into its mail would put them where no worker looks."""
    path = tmp_path / "p.db"
    async with SqliteLedger(SqliteFile(path)):
        pass
    async with SqliteLedger(SqliteFile(path), deliver=None) as ledger:
        assert ledger.transactional
    async with SqliteLedger(SqliteFile(path), deliver=False):
        pass
    with pytest.raises(LedgerMismatch, match="whose messages a broker carries"):
        await SqliteLedger(SqliteFile(path)).__aenter__()
    async with SqliteLedger(SqliteFile(path), deliver=None) as ledger:
        assert not ledger.transactional
    async with SqliteLedger(SqliteFile(path), deliver=False) as ledger:
        assert not ledger.transactional
