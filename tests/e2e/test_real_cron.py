"""The real thing: a starting service registers, Debian's cron fires, another process works, the ledger shows it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.schedulers.crond import cron_daemon

HERE = Path(__file__).parent
WORKER = """
import asyncio, signal
from clockwork import app

async def main():
    await app.start()
    print("started", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await app.stop()

asyncio.run(main())
"""


@pytest.mark.privileged
@pytest.mark.slow
def test_the_cron_daemon_drives_a_service(tmp_path: Path) -> None:
    ledger, log = tmp_path / "led ger%.db", tmp_path / "work.log"
    environment = {
        **os.environ, "PURISTA_LEDGER": str(ledger), "PURISTA_ENVIRONMENT": "e2e", "CLOCKWORK_LOG": str(log),
        "PYTHONPATH": str(HERE),
    }  # fmt: skip
    environment.pop("PURISTA_REGISTRATION", None)
    with cron_daemon() as folder:
        before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "started\n"
            (ours,) = list(folder.glob("purista-e2e-clockwork-*"))
            assert _wait_for(lambda: log.exists() and "work " in log.read_text(), 130), ours.read_text()
            # A minute that began between the registration and the writing of the file is made up for by the next minute's call.
            assert _wait_for(lambda: ("cron", "published", "finished") in _rows(ledger), 130), ours.read_text()
        finally:
            worker.terminate()
            worker.wait(20)
            if worker.stdout is not None:
                worker.stdout.close()
            for path in folder.glob("purista-e2e-clockwork-*"):
                path.unlink()
        assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    lines = [line.split() for line in log.read_text().splitlines()]
    assert {int(line[2]) for line in lines} == {worker.pid}, "somebody else did the work"
    assert _keys(ledger) == ["clockwork/1/everyMinute % 'quoted' $HOME"]
    worked = [line[1] for line in lines if line[0] == "work"]
    assert len(worked) == len(set(worked))


def _rows(ledger: Path) -> list[tuple[str, str, str]]:
    return _read(ledger, "SELECT source, decision, run FROM occurrences ORDER BY scheduled_at")


def _keys(ledger: Path) -> list[str]:
    return [key for (key,) in _read(ledger, "SELECT DISTINCT key FROM occurrences")]


def _read(ledger: Path, question: str) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(ledger)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def _wait_for(condition: object, seconds: float) -> bool:
    """cron wakes at the full minute: this one test has to wait for the real time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False
