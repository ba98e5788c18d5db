"""The examples run, and the billing example is one that check has nothing to say about."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def _run(*arguments: str, where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")} | environment
    return subprocess.run(
        [sys.executable, *arguments], cwd=where, env=own, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("today", [None, "2026-03-28T23:00Z", "2027-06-01T00:00Z"])
def test_the_demo_holds_on_every_day_and_leaves_nothing_behind(today: str | None, tmp_path: Path) -> None:
    began = time.monotonic()
    arguments = ["demo.py", "--plain", *([] if today is None else ["--today", today])]
    done = _run(*arguments, where=EXAMPLES / "billing", TMPDIR=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 60
    assert "\x1b" not in done.stdout
    assert "WRONG" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("the story holds")
    for word in ("duplicate", "skipped_overlap", "coalesced", "SIGKILL", "not_due"):
        assert word in done.stdout
    star = done.stdout[done.stdout.index("what has a star") : done.stdout.index("== 4")]
    assert set(re.findall(r":00 (\+\d\d:\d\d)", star)) == {"+01:00", "+02:00"}, "before the change and after it"
    assert list(tmp_path.iterdir()) == []
    assert list((EXAMPLES / "billing").glob("*.db*")) == []


def test_the_demo_says_when_the_story_breaks(tmp_path: Path) -> None:
    """An account in which a month is missing is not accepted."""
    script = (
        "import sys, demo; true = demo.Demo.claims;"
        "demo.Demo.claims = lambda self, stage, runs: true(self, stage, [r for r in runs if r.row.key != demo.MONTHLY]);"
        "sys.exit(demo.main(['--plain']))"
    )
    done = _run("-c", script, where=EXAMPLES / "billing", TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert "WRONG  every month has exactly one decision" in done.stdout


@pytest.mark.parametrize(("folder", "app"), [("billing", "billing:app"), ("hello", "hello:app")])
def test_check_has_nothing_to_say(folder: str, app: str) -> None:
    done = _run("-m", "purista", "check", "--app", app, "--strict", where=EXAMPLES / folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors, 0 warnings" in done.stdout


def test_check_has_something_to_say_of_the_draft() -> None:
    done = _run("-m", "purista", "check", "--app", "draft:app", where=EXAMPLES / "billing")
    assert done.returncode == 1
    assert {"P101", "P103", "P107", "P111"} <= set(done.stdout.split())


def test_hello_is_small_and_says_hello(tmp_path: Path) -> None:
    text = (EXAMPLES / "hello/hello.py").read_text("utf-8")
    assert len(text.splitlines()) <= 25
    script = """
import asyncio
from hello import greeter
from purista import DefaultEventBridge
from purista.schedulers.base import Call
from purista.testing import ManualClock

async def main():
    clock = ManualClock("2026-03-29T00:59:30Z")
    bridge = DefaultEventBridge(clock=clock)
    async with await greeter.get_instance(bridge):
        clock.jump("2026-03-29T01:00:00Z")
        print((await bridge.gateway.trigger(Call("greeter/1/everyMinute"))).answer)

asyncio.run(main())
"""
    done = _run("-c", script, where=EXAMPLES / "hello")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["accepted", "hello at 03:00"]


def test_the_adapter_of_the_contract_suites_page_keeps_the_laws(tmp_path: Path) -> None:
    """Where its author would run it: in a folder of its own, without anything of ours but the package."""
    for file in (EXAMPLES / "adapter").glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    done = _run("-m", "pytest", "-q", where=tmp_path)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
