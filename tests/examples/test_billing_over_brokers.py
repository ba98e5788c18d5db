"""The billing example, unchanged, over a broker and a ledger of its own: only the environment differs."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.services import nats, postgres, rabbitmq, redis
from tests.subjects import Subjects

BILLING = Path(__file__).parents[2] / "examples/billing"


@pytest.fixture
def postgresql() -> Iterator[str]:
    import asyncpg

    schema = f"test_{secrets.token_hex(6)}"
    yield f"{postgres()}?schema={schema}"

    async def drop() -> None:
        connection = await asyncpg.connect(postgres())
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await connection.close()

    asyncio.run(drop())


@pytest.fixture
def in_redis() -> Iterator[str]:
    import redis as library

    prefix = f"test_{secrets.token_hex(6)}"
    yield f"{redis()}?prefix={prefix}"
    client = library.Redis.from_url(redis())
    for key in client.scan_iter(f"{{{prefix}}}:*"):
        client.delete(key)
    client.close()


def story(bridge: str, prefix: str, ledger: str, tmp_path: Path) -> None:
    """A worker and a person who asks for a run; the addresses come by reference, as from a secret."""
    (tmp_path / "bridge").write_text(bridge + "\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PURISTA_")},
        "PURISTA_BRIDGE": f"file:{tmp_path / 'bridge'}", "PURISTA_LEDGER": ledger, "PURISTA_REGISTRATION": "off",
        "PURISTA_PREFIX": prefix, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip

    def purista(*arguments: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "purista", *arguments, "--app", "billing:app", "--json"], cwd=BILLING, env=environment,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    worker = subprocess.Popen(
        [sys.executable, "-m", "purista", "worker", "--app", "billing:app"], cwd=BILLING, env=environment,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert worker.stderr is not None
        for line in worker.stderr:
            if "started: user/1" in line:
                break
        names = ("monthlyBillingCycle", "paymentImport", "nightlyCleanup")
        for name in names:
            assert purista("run", name)["answer"] == "accepted"
        for _ in range(100):
            rows = {row["key"]: row["run"] for row in purista("history")["occurrences"] if row["class"] == "manual"}
            if set(rows.values()) == {"finished"} and len(rows) == len(names):
                break
            time.sleep(0.1)
        assert rows == {f"user/1/{name}": "finished" for name in names}
        assert not list(BILLING.glob("*.db*"))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=30)
    assert worker.returncode == 0


@pytest.mark.slow
def test_over_rabbitmq_and_postgresql(postgresql: str, tmp_path: Path) -> None:
    broker = Broker("sub:user/1/startBilling", "queue:billing.run", "queue:billing.import", "cmd:user/1/cleanup")
    try:
        story(rabbitmq(), broker.prefix, postgresql, tmp_path)
    finally:
        asyncio.run(broker.end())


@pytest.mark.slow
def test_over_nats_and_redis(in_redis: str, tmp_path: Path) -> None:
    subjects = Subjects()
    try:
        story(nats(), subjects.prefix, in_redis, tmp_path)
    finally:
        asyncio.run(subjects.end())
