"""Celery and dramatiq as targets: the schedule's run ends when *their* work has ended, with its result."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.services import rabbitmq, redis

TARGETS = Path(__file__).parents[2] / "examples/targets"


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PURISTA_")} | environment
    running = subprocess.Popen(
        [sys.executable, *arguments], cwd=TARGETS, env=own, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def told(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PURISTA_")} | environment
    return subprocess.run(
        [sys.executable, "-m", "purista", *arguments], cwd=TARGETS, env=own, text=True, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.fixture
def queue() -> Iterator[str]:
    name = f"test-{secrets.token_hex(6)}"
    yield name
    from kombu import Connection

    with Connection(rabbitmq()) as connection, connection.channel() as channel:
        for one in (name, f"{name}.DQ", f"{name}.XQ"):
            channel.queue_delete(one)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("app", "worker"),
    [
        ("over_celery", ("-m", "celery", "-A", "over_celery:celery", "worker", "-P", "solo", "--without-mingle")),
        ("over_dramatiq", ("-m", "dramatiq", "over_dramatiq", "-p", "1", "-t", "1")),
    ],
)  # fmt: skip
def test_the_work_is_done_there_and_accounted_for_here(
    app: str, worker: tuple[str, ...], queue: str, tmp_path: Path
) -> None:
    environment = {
        "CELERY_BROKER": rabbitmq(), "CELERY_RESULTS": redis(), "CELERY_QUEUE": queue, "DRAMATIQ_BROKER": rabbitmq(),
        "DRAMATIQ_RESULTS": redis(), "DRAMATIQ_QUEUE": queue, "PURISTA_LEDGER": str(tmp_path / "p.db"),
        "PURISTA_REGISTRATION": "off", "PYTHONPATH": str(TARGETS), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(process("-m", "purista", "worker", "--app", f"{app}:app", **environment))
        stack.enter_context(process(*worker, **environment))
        for _ in range(30):
            ran = told("run", "dailyReport", "--app", f"{app}:app", "--request", "one", "--json", **environment)
            if ran.returncode == 0:
                break
            time.sleep(0.2)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        for _ in range(150):
            shown = told("history", "dailyReport", "--app", f"{app}:app", "--json", **environment)
            (one,) = json.loads(shown.stdout)["occurrences"]
            if one["run"] != "open":
                break
            time.sleep(0.2)
    assert one["run"] == "finished", one
    assert [part["begins"] for part in one["parts"]] == [1]


def test_check_has_little_to_say(tmp_path: Path) -> None:
    for app in ("over_celery", "over_dramatiq"):
        found = told("check", "--app", f"{app}:app", "--strict", DRAMATIQ_BROKER=rabbitmq())
        assert found.returncode == 0, found.stdout + found.stderr
