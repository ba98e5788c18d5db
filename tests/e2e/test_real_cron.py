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
            assert _wait_for(lambda: "finished" in _runs(ledger), 10)
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
    with sqlite3.connect(ledger) as connection:
        rows = connection.execute("SELECT key, decision, run, source FROM occurrences ORDER BY scheduled_at").fetchall()
    connection.close()
    assert rows[0] == ("clockwork/1/everyMinute % 'quoted' $HOME", "published", "finished", "cron")
    worked = [line[1] for line in lines if line[0] == "work"]
    assert len(worked) == len(set(worked))


def _runs(ledger: Path) -> list[str]:
    connection = sqlite3.connect(ledger)
    try:
        return [row[0] for row in connection.execute("SELECT run FROM occurrences")]
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
