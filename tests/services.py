"""Real servers for tests: an environment variable's, else this machine's, else one started from an installed binary."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from tests.conftest import needed

__all__ = ["nats", "postgres", "rabbitmq", "redis"]


@lru_cache(maxsize=1)
def _postgres() -> str | None:
    named = os.environ.get("PURISTA_TEST_POSTGRES")
    if named:
        return named
    if _listens(5432):
        return "postgresql://postgres@127.0.0.1:5432/postgres"
    return _started()


def postgres() -> str:
    """The URL of a PostgreSQL in which a test may make a schema."""
    url = _postgres()
    if url is None:
        needed("PostgreSQL: PURISTA_TEST_POSTGRES, a server on localhost, or apt-get install postgresql")
    assert url is not None
    return url


def rabbitmq() -> str:
    """The URL of a RabbitMQ in which a test may make queues under a prefix of its own."""
    url = os.environ.get("PURISTA_TEST_AMQP") or ("amqp://guest:guest@127.0.0.1/" if _listens(5672) else None)
    if url is None:
        needed("RabbitMQ: PURISTA_TEST_AMQP, or a server on localhost: apt-get install rabbitmq-server")
    assert url is not None
    return url


def nats() -> str:
    """The URL of a NATS server with JetStream in which a test may make streams under a prefix of its own."""
    url = os.environ.get("PURISTA_TEST_NATS") or ("nats://127.0.0.1:4222" if _listens(4222) else None)
    if url is None:
        needed("NATS with JetStream: PURISTA_TEST_NATS, or a server on localhost: apt-get install nats-server")
    assert url is not None
    return url


def redis() -> str:
    """The URL of a Redis in which a test may keep names under a prefix of its own."""
    url = os.environ.get("PURISTA_TEST_REDIS") or ("redis://127.0.0.1:6379/0" if _listens(6379) else None)
    if url is None:
        needed("Redis: PURISTA_TEST_REDIS, or a server on localhost: apt-get install redis-server")
    assert url is not None
    return url


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _started() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = str(found[-1]) if found else shutil.which("initdb")
    if program is None:
        return None
    bin_ = Path(program).parent
    place = Path(tempfile.mkdtemp(prefix="purista-postgres-"))
    user = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        about = pwd.getpwnam("postgres")
        os.chown(place, about.pw_uid, about.pw_gid)
        user = {"user": about.pw_uid, "group": about.pw_gid}
    subprocess.run(
        [program, "-D", str(place / "data"), "-U", "postgres", "-A", "trust", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, **user,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [bin_ / "postgres", "-D", str(place / "data"), "-p", str(port), "-k", str(place), "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user,
    )  # fmt: skip
    atexit.register(_ended, server, place)
    deadline = time.monotonic() + 20
    while not _listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _ended(server: subprocess.Popen[bytes], place: Path) -> None:
    server.terminate()
    server.wait(10)
    shutil.rmtree(place, ignore_errors=True)
