"""Commands that run until a signal: worker and dev. Real processes where signals matter."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from purista.app import load_app
from purista.cli.commands import run
from purista.cli.dev import OffsetClock, dev
from purista.cli.output import Output
from purista.cli.signals import Stopping, logging_to_stderr
from purista.cli.work import worker
from purista.clock import from_iso
from purista.testing import ManualClock


class Process:
    """A `purista` of its own. ``until`` waits for a line on its stderr, with an end."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "purista", *arguments], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._guard = threading.Timer(20, self._process.kill)
        self._guard.start()
        self.err = ""

    def until(self, text: str) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.err += line
            if text in line:
                return
        raise AssertionError(f"ended without {text!r}: {self.err}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        out, err = self._process.communicate()
        self._guard.cancel()
        self.out, self.err = out, self.err + err
        return self._process.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_drains_on_a_signal_and_says_so_in_one_line_each(home, number):
    process = Process(home, "worker")
    process.until("started: shop/1 on ")
    process.signal(number)
    assert process.end() == 0
    lines = [line for line in process.err.splitlines() if "purista.worker" in line]
    assert [line.split(": ", 1)[1].split(":")[0] for line in lines] == [
        "started",
        signal.Signals(number).name,
        "stopped",
    ]
    assert "Traceback" not in process.err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_second_signal_stops_at_once(home):
    text = (home / "shopapp.py").read_text()
    head = "async def cleanup(context: Context) -> dict:\n"
    stuck = "    import asyncio, sys; print('begun', file=sys.stderr, flush=True)\n    await asyncio.Event().wait()\n"
    text = text.replace(head, head + stuck)
    (home / "shopapp.py").write_text(text)
    process = Process(home, "worker")
    process.until("started: ")
    asked = Process(home, "run", "nightly")
    assert asked.end() == 0
    process.until("begun")
    process.signal(signal.SIGTERM)
    process.until("waiting for handlers in work")
    process.signal(signal.SIGTERM)
    assert process.end() == 130
    assert "stopped at once" in process.err


def test_worker_logs_json_lines(home, capsys):
    app = load_app("shopapp:app", home)

    async def work() -> int:
        stopping = Stopping()
        stopping.stop()
        return await worker(app, Output(as_json=True), names=["shop"], stopping=stopping)

    assert asyncio.run(work()) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [r["action"] for r in records if r["logger"] == "purista.worker"] == ["started", "stopped"]


def test_worker_wants_services_of_the_app(purista):
    result = purista("worker", "--service", "shpo")
    assert (result.code, result.out) == (64, "")
    assert "expected services of the app (shop/1), got 'shpo'" in result.err


def test_signals_first_drain_then_leave():
    left: list[int] = []

    async def work() -> None:
        stopping = Stopping(left.append)
        stopping.signalled("SIGTERM")
        assert stopping.stopping
        assert left == []
        stopping.signalled("SIGTERM")

    asyncio.run(work())
    assert left == [130]


def test_log_lines_cannot_be_forged(capsys):
    with logging_to_stderr(as_json=False):
        logging.getLogger("purista.worker").info("a\n2026-01-01T00:00:00.000Z info purista.worker: stopped")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_offset_clock_runs_from_where_it_was_put():
    base = ManualClock("2026-01-01T00:00:00Z")
    clock = OffsetClock(from_iso("2030-06-01T12:00:00Z"), base)
    assert clock.now() == from_iso("2030-06-01T12:00:00Z")
    base.jump("2026-01-01T00:00:05Z")
    assert clock.now() == from_iso("2030-06-01T12:00:05Z")


class Told(Output):
    """Lets time pass once something was printed, and stops the command once enough was."""

    def __init__(self, stopping: Stopping, word: str, *, as_json: bool) -> None:
        super().__init__(as_json=as_json, terminal=False)
        self._stopping, self._word = stopping, word
        self.begun = asyncio.Event()

    def table(self, columns, rows) -> None:
        super().table(columns, rows)
        self.begun.set()

    def line(self, text: object = "", style: str = "") -> None:
        super().line(text, style)
        if self._word in str(text):
            self._stopping.stop()

    def record(self, value) -> None:
        super().record(value)
        self.begun.set()
        if value.get("run") == self._word:
            self._stopping.stop()


def developed(home: Path, word: str, *, as_json: bool, ledger: str | None = None) -> None:
    app = load_app("shopapp:app", home)

    async def work() -> None:
        clock, stopping = ManualClock("2026-03-29T00:59:58Z"), Stopping()

        async def pass_time() -> None:
            await out.begun.wait()
            while not stopping.stopping:
                await asyncio.sleep(0)
                await clock.advance(milliseconds=100)

        out = Told(stopping, word, as_json=as_json)
        passing = asyncio.ensure_future(pass_time())
        async with asyncio.timeout(10):
            assert await dev(app, out, at=None, ledger=ledger, clock=clock, stopping=stopping) == 0
        await passing

    asyncio.run(work())


def test_dev_says_what_it_is_and_shows_each_decision(home, capsys):
    developed(home, "run finished", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "for development only: this process keeps the time; decisions are forgotten at the end"
    assert lines[2].split() == ["SCHEDULE", "DUE", "NEXT", "WHEN"]
    assert any("shop/1/nightly  Sun 2026-03-29 03:00:00 +02:00  published (due)" in line for line in lines)
    assert any(line.startswith("next: ") for line in lines)
    assert any("run finished" in line for line in lines)


def test_dev_as_json_lines_on_a_ledger_that_stays(home, capsys):
    developed(home, "finished", as_json=True, ledger="dev.db")
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["event"] for r in records][:1] == ["dueNext"]
    assert {"decided", "run"} >= {r["event"] for r in records} - {"dueNext"}
    assert (home / "dev.db").is_file()
    assert run(["history", "--ledger", "dev.db"]) == 0
    assert "shop/1/nightly" in capsys.readouterr().out


def test_dev_warns_where_another_time_would_be_remembered(home, capsys):
    (home / "old.db").touch()
    app = load_app("shopapp:app", home)

    async def work() -> None:
        stopping = Stopping()
        stopping.stop()
        await dev(app, Output(), at=0, ledger="old.db", clock=ManualClock(), stopping=stopping)

    asyncio.run(work())
    assert "--at with old.db" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_worker_is_scraped_where_it_is_told(home):
    from urllib.request import urlopen

    process = Process(home, "worker", "--metrics", "0")
    process.until("metrics on http://127.0.0.1:")
    address = process.err.rpartition("metrics on ")[2].split()[0]
    process.until("started: ")
    assert Process(home, "run", "nightly").end() == 0
    for _ in range(200):
        with urlopen(address) as answer:
            text = answer.read().decode()
        if "purista_work_duration_seconds_count" in text:
            break
    process.signal(signal.SIGTERM)
    assert process.end() == 0
    assert 'purista_work_duration_seconds_count{address="cmd:shop/1/cleanup",outcome="finished"} 1.0' in text


@pytest.mark.parametrize("place", ["x", "127.0.0.1:", "127.0.0.1:70000", "host.invalid.:1"])
def test_where_nobody_can_listen_is_said(purista, place):
    result = purista("worker", "--metrics", place)
    assert result.code != 0
    assert "metrics: expected" in result.err
    assert "Traceback" not in result.err
