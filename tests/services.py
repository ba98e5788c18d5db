"""Real servers for tests: an environment variable's, else this machine's, else one started from an installed binary."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from tests.servers import PATIENCE, Server, nats_server, postgres_server, rabbitmq_server, redis_server

__all__ = ["nats", "postgres", "rabbitmq", "redis"]


@lru_cache(maxsize=1)
def postgres() -> str:
    """The URL of a PostgreSQL in which a test may make a schema."""
    if os.environ.get("PURISTA_TEST_POSTGRES"):
        return os.environ["PURISTA_TEST_POSTGRES"]
    return "postgresql://postgres@127.0.0.1:5432/postgres" if _listens(5432) else _own(postgres_server)


@lru_cache(maxsize=1)
def rabbitmq() -> str:
    """The URL of a RabbitMQ in which a test may make queues under a prefix of its own."""
    if os.environ.get("PURISTA_TEST_AMQP"):
        return os.environ["PURISTA_TEST_AMQP"]
    return "amqp://guest:guest@127.0.0.1/" if _listens(5672) else _own(rabbitmq_server)


@lru_cache(maxsize=1)
def nats() -> str:
    """The URL of a NATS server with JetStream in which a test may make streams under a prefix of its own."""
    if os.environ.get("PURISTA_TEST_NATS"):
        return os.environ["PURISTA_TEST_NATS"]
    return "nats://127.0.0.1:4222" if _listens(4222) else _own(nats_server)


@lru_cache(maxsize=1)
def redis() -> str:
    """The URL of a Redis in which a test may keep names under a prefix of its own."""
    if os.environ.get("PURISTA_TEST_REDIS"):
        return os.environ["PURISTA_TEST_REDIS"]
    return "redis://127.0.0.1:6379/0" if _listens(6379) else _own(redis_server)


def _own(make: Callable[[Path, Path], Server]) -> str:
    """A server from an installed binary, for as long as the tests run; none installed skips, or fails where CI is set."""
    place = Path(tempfile.mkdtemp(prefix="purista-service-"))
    place.chmod(0o755)
    server = make(place, place)
    process = server.spawned()
    atexit.register(_ended, process, place)
    deadline = time.monotonic() + PATIENCE
    while not _listens(server.port) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return server.url


def _ended(process: subprocess.Popen[bytes], place: Path) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(place, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
