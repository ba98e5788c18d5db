"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

APP = """
from purista import App, Context, Cron, ServiceBuilder
user = ServiceBuilder("user", version="1")
@user.queue_worker("billing.run")
async def run_billing(context: Context, payload: object) -> None: ...
user.schedule("monthly", Cron("0 2 1 * *"), timezone="Europe/Berlin", enqueue=run_billing, missed_run_policy="skip")
app = App(services=[user])
"""
TESTS = """
import asyncio, pytest
from purista.testing import virtual_time, World

@pytest.mark.purista(start="2026-02-01T00:00Z")
def test_a_year(purista_world):
    purista_world.run(days=365)
    purista_world.assert_published("monthly", times=12)

@virtual_time
async def test_async(purista_app, tmp_path):
    assert tmp_path.is_dir()
    async with World(purista_app) as world:
        await world.run(days=2)
        world.assert_published("user/1/monthly", at="2026-01-01T02:00+01:00")
"""


def run(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "purista.testing.plugin", *options],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def project(folder: Path, *, app: str = 'app = "billing:app"') -> Path:
    (folder / "billing.py").write_text(APP)
    (folder / "test_billing.py").write_text(TESTS)
    (folder / "pyproject.toml").write_text(f"[tool.purista]\n{app}\n[tool.pytest.ini_options]\n")
    return folder


def test_the_fixtures(tmp_path: Path) -> None:
    assert "2 passed" in run(project(tmp_path))


def test_beside_an_asyncio_plugin(tmp_path: Path) -> None:
    assert "2 passed" in run(project(tmp_path), "-p", "pytest_asyncio", "-o", "asyncio_mode=auto")


def test_the_app_may_be_named_in_pytests_own_configuration(tmp_path: Path) -> None:
    assert "2 passed" in run(project(tmp_path, app=""), "-o", "purista_app=billing:app")


def test_no_app_is_said(tmp_path: Path) -> None:
    assert 'write [tool.purista] app = "billing:app"' in run(project(tmp_path, app=""))


def test_the_plugin_loads_next_to_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import purista.testing.plugin;"
        " print(sorted(set(sys.modules) - before))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert eval(out) == ["purista", "purista.testing", "purista.testing.plugin"]
