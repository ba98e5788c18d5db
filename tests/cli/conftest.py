"""A small app in a directory of its own, and a way to run commands on it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from purista import DefaultEventBridge
from purista.app import load_app
from purista.cli.commands import run
from purista.testing import ManualClock

APP = """
from datetime import timedelta
from purista import App, Context, Cron, Interval, ServiceBuilder

shop = ServiceBuilder("shop", version="1", description="Sells things")

@shop.queue_worker("billing.run")
def bill(context: Context, cycle: dict) -> None:
    if cycle.get("fail"):
        raise RuntimeError("no money")

@shop.command("cleanup")
async def cleanup(context: Context) -> dict:
    return {}

shop.schedule(
    "billing", Cron("0 2 1 * *"), timezone="Europe/Berlin", enqueue="billing.run", payload={"cycle": "{scheduled_at:%Y-%m}"},
    concurrency_policy="forbid", missed_run_policy="runOnce", description="Bills on the 1st",
)
shop.schedule(
    "nightly", Cron("30 2 * * *"), timezone="Europe/Berlin", invoke="cleanup", concurrency_policy="allow",
    missed_run_policy="skip", description="Tidies up",
)
app = App(services=[shop], ledger="shop.db")
"""


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Purista = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project directory that names its app; the current directory."""
    (tmp_path / "shopapp.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text('[tool.purista]\napp = "shopapp:app"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("PURISTA_LEDGER", "PURISTA_ENVIRONMENT", "PURISTA_REVISION", "PURISTA_REGISTRATION"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in sys.modules if name in ("shopapp", "brokenapp", "oddapp")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


@pytest.fixture
def purista(home: Path, capsys: pytest.CaptureFixture[str]) -> Purista:
    """Runs a command at an instant of 2026."""

    def purista(*arguments: str, now: str = "2026-03-27T12:00:00Z") -> Result:
        capsys.readouterr()
        code = run(list(arguments), clock=ManualClock(now))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return purista


Live = Callable[[DefaultEventBridge, ManualClock], Awaitable[None]]


@pytest.fixture
def live(home: Path) -> Callable[..., None]:
    """Does something with the started app (``consume=False``: nobody works) on the ledger ``shop.db``."""

    def live(act: Live, *, start: str = "2026-03-01T12:00:00Z", consume: bool = False) -> None:
        async def work() -> None:
            clock = ManualClock(start)
            app = load_app("shopapp:app", home)
            bridge = DefaultEventBridge(home / "shop.db", clock=clock)
            instances = [await service.get_instance(bridge) for service in app.services]
            for instance in instances:
                await instance.start(consume=consume)
            try:
                await act(bridge, clock)
            finally:
                for instance in instances:
                    await instance.stop()

        asyncio.run(work())

    return live
