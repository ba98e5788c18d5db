"""The ticker keeps the laws of dialects and controls."""

from pathlib import Path

import pytest
from ticker import TickerControl, TickerDialect

from purista.testing.suites import ControlSuite, DialectSuite


class TestDialect(DialectSuite):
    def make(self) -> TickerDialect:
        return TickerDialect()


class TestControl(ControlSuite):
    can_break = True

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "ticker.json"
        self.path.write_text('{"somebody else": {"backup": "{}"}}')

    async def make(self) -> TickerControl:
        return TickerControl(self.path)

    def dialect(self) -> TickerDialect:
        return TickerDialect()

    async def strangers(self) -> object:
        return TickerControl(self.path)._read()["somebody else"]

    async def broken(self) -> TickerControl:
        return TickerControl(self.path.parent / "nowhere" / "ticker.json")
