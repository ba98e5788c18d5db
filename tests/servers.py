"""Servers of a test's own: stopped, killed and started again on the same port and the same data, without harm to anybody."""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.conftest import needed

__all__ = ["Disk", "Server", "nats_server", "place_for_servers", "postgres_server", "rabbitmq_server", "redis_server"]

HOST = "127.0.0.1"
PATIENCE = 60.0


class Server:
    """A program that listens. ``gentle`` is the signal that ends it in order, ``harsh`` the one that is a crash."""

    def __init__(
        self, name: str, url: str, port: int, command: list[str], *, place: Path, harsh: signal.Signals = signal.SIGKILL,
        gentle: signal.Signals = signal.SIGTERM, **options: Any,
    ) -> None:  # fmt: skip
        self.name, self.url, self.port = name, url, port
        self._command, self._options = command, options
        self._log = place / f"{name}.log"
        self._signals = {True: gentle, False: harsh}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(gently=False)

    def spawned(self) -> subprocess.Popen[bytes]:
        """Started beside any event loop, for whoever ends it himself."""
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True, **self._options)

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Returns when it listens; who dies at the start is started again."""
        async with asyncio.timeout(PATIENCE):
            while not self.runs or not _listens(self.port):
                if not self.runs:
                    with self._log.open("ab") as log:
                        self._process = await asyncio.create_subprocess_exec(
                            *self._command, stdout=log, stderr=log, start_new_session=True, **self._options
                        )
                await asyncio.sleep(0.05)

    async def stop(self, *, gently: bool) -> None:
        """Returns when it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, self._signals[gently])
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), PATIENCE / 2)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        while _listens(self.port):  # a child of it still does
            await asyncio.sleep(0.02)


class Disk:
    """A small one, that can be full."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self) -> None:
        """To the last byte."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            for size in (65_536, 512, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """As an administrator does."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def place_for_servers(size: str | None = None) -> Iterator[Path]:
    """A directory that other users may reach; on a disk of its own where a ``size`` is given, which root may do."""
    place = Path(tempfile.mkdtemp(prefix="purista-servers-"))
    place.chmod(0o755)
    if size is not None:
        if os.geteuid() != 0:
            needed("root, to mount a small disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", str(place)], check=True)
    try:
        yield place
    finally:
        if size is not None:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        shutil.rmtree(place, ignore_errors=True)


def nats_server(place: Path, logs: Path) -> Server:
    """NATS with JetStream."""
    program, port = _program("nats-server", "nats-server"), _free_port()
    command = [program, "-js", "-sd", str(place / "nats"), "-p", str(port), "-a", HOST]
    return Server("nats", f"nats://{HOST}:{port}", port, command, place=logs)


def redis_server(place: Path, logs: Path) -> Server:
    """Redis that keeps everything: an fsync for each write."""
    program, port = _program("redis-server", "redis-server"), _free_port()
    command = [program, "--port", str(port), "--bind", HOST, "--dir", str(place), "--save", "", "--appendonly", "yes",
               "--appendfsync", "always"]  # fmt: skip
    return Server("redis", f"redis://{HOST}:{port}/0", port, command, place=logs)


class RabbitServer(Server):
    """Its quorum queues may be left without a leader by a crash (https://github.com/rabbitmq/rabbitmq-server/issues/10070):
    they are told to elect one, as an administrator would."""

    async def start(self) -> None:
        """See :class:`Server`."""
        again = self._log.exists()
        await super().start()
        if again:
            elect = "[ra:trigger_election(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list()]."
            await self._control("eval", f"rabbit:await_startup(), {elect}")

    async def _control(self, *words: str) -> None:
        program = Path(self._command[0]).with_name("rabbitmqctl")
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                str(program), "-q", *words, stdout=log, stderr=log, **self._options
            )
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


def rabbitmq_server(place: Path, logs: Path) -> Server:
    """A RabbitMQ node without plugins."""
    program, port = _program("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin"), _free_port()
    environment = os.environ | {
        "HOME": str(place), "RABBITMQ_NODENAME": f"storm{port}@localhost", "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_DIST_PORT": str(_free_port()), "RABBITMQ_CONFIG_FILE": str(place / "none"),
        "RABBITMQ_MNESIA_BASE": str(place / "rabbit"), "RABBITMQ_LOG_BASE": str(logs),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
    }  # fmt: skip
    return RabbitServer(
        "rabbitmq", f"amqp://guest:guest@{HOST}:{port}/", port, [program], place=logs, env=environment, cwd="/"
    )


def postgres_server(place: Path, logs: Path, *settings: str) -> Server:
    """A PostgreSQL cluster; its crash is ``pg_ctl -m immediate``."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    initdb = _program("initdb", "postgresql", str(found[-1]) if found else "")
    data, port, user = place / "postgres", _free_port(), {}
    data.mkdir()
    if os.geteuid() == 0:  # the server refuses to run as root
        about = pwd.getpwnam("postgres")
        os.chown(data, about.pw_uid, about.pw_gid)
        user = {"user": about.pw_uid, "group": about.pw_gid}
    subprocess.run(
        [initdb, "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize", "1"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **user,
    )  # fmt: skip
    command = [str(Path(initdb).parent / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data), "-h", HOST]
    options = [part for setting in settings for part in ("-c", setting)]
    return Server(
        "postgresql", f"postgresql://postgres@{HOST}:{port}/postgres", port, command + options, place=logs, cwd="/",
        gentle=signal.SIGINT, harsh=signal.SIGQUIT, **user,
    )  # fmt: skip


def _program(name: str, package: str, folder: str = "") -> str:
    found = shutil.which(name, path=folder or None) or shutil.which(name)
    if found is None:
        needed(f"{name}: apt-get install {package}")
    assert found is not None
    return found


def _free_port() -> int:
    """Below those that the system gives to clients: who asks for a server that is away must not meet himself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as free, suppress(OSError):
            free.bind((HOST, port))
            return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
