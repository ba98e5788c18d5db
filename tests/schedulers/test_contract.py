"""cron keeps the laws of dialects and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purista.schedulers.cron.control import CronControl
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.cron.place import Place
from purista.testing.suites import ControlSuite, DialectSuite
from purista.testing.suites.dialect import NOW


def dialect(host_zone: str = "Europe/Berlin") -> CronDialect:
    return CronDialect(
        Place(host_zone, "root", ("/usr/bin/python3", "-m", "purista"), "/var/lib/p.db", NOW, single_host=True)
    )


class TestDialect(DialectSuite):
    def make(self) -> CronDialect:
        return dialect()


class TestDialectElsewhere(DialectSuite):
    def make(self) -> CronDialect:
        return dialect("Australia/Lord_Howe")


class TestControl(ControlSuite):
    names_ledger = True
    can_break = True

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "neighbour").write_bytes(b"* * * * * root true \xff\n")

    async def make(self) -> CronControl:
        return CronControl(self.folder, dialect())

    def dialect(self) -> CronDialect:
        return dialect()

    async def strangers(self) -> Any:
        return (self.folder / "neighbour").read_bytes(), (self.folder / "neighbour").stat().st_mtime_ns

    async def broken(self) -> CronControl:
        return CronControl(self.folder / "nowhere", dialect())
