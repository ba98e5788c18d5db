"""systemd keeps the laws of dialects and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purista.schedulers.systemd.control import SystemdControl
from purista.schedulers.systemd.dialect import SystemdDialect
from purista.testing.suites import ControlSuite, DialectSuite
from tests.schedulers.systemd.world import Systemd, dialect


class TestDialect(DialectSuite):
    def make(self) -> SystemdDialect:
        return dialect()


class _Files(ControlSuite):
    names_ledger = True
    can_break = True

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "neighbour.timer").write_bytes(b"[Timer]\nOnCalendar=daily\n\xff")
        (tmp_path / "purista-somebody.timer").write_bytes(b"[Timer]\nOnCalendar=daily\n")

    def dialect(self) -> SystemdDialect:
        return dialect()

    async def strangers(self) -> Any:
        paths = [self.folder / "neighbour.timer", self.folder / "purista-somebody.timer"]
        return [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]

    async def broken(self) -> SystemdControl:
        return SystemdControl(self.folder / "nowhere", dialect())


class TestControl(_Files):
    """With a systemd that does what it is told."""

    async def make(self) -> SystemdControl:
        return Systemd(self.folder).control()


class TestFilesOnly(_Files):
    """In a folder of another machine."""

    async def make(self) -> SystemdControl:
        return SystemdControl(self.folder, dialect())
