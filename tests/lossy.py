"""A slow and lossy network between a namespace of Linux and this host: a tunnel whose packets pass through here.

No ``netem``, which not every kernel has. Packets are lost at random, and come late by amounts that change their order.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import secrets
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.conftest import needed

__all__ = ["Lossy"]

SET_INTERFACE, TUN, NO_INFO = 0x400454CA, 0x0001, 0x1000
MTU = 1_500


class Lossy:
    """``address`` is this host as the namespace sees it; ``before`` begins a command line that runs in there."""

    def __init__(self, *, delay: float, jitter: float, loss: float, seed: int) -> None:
        self.delay, self.jitter, self.loss = delay, jitter, loss
        self.carried = self.lost = 0
        self._random = random.Random(seed)
        self._name = f"purista{secrets.token_hex(3)}"
        net = f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(255)}"
        self.address, self._there = f"{net}.1", f"{net}.2"
        self.before = ["ip", "netns", "exec", self._name]
        self._ends: list[int] = []

    async def __aenter__(self) -> Self:
        if os.geteuid() != 0 or shutil.which("ip") is None or not Path("/dev/net/tun").exists():
            needed("root, iproute2 and /dev/net/tun, for a network that loses packets")
        _ip("netns", "add", self._name)
        names = [f"{self._name[:12]}{end}" for end in "ab"]
        self._ends = [_tunnel(name) for name in names]
        _ip("link", "set", names[1], "netns", self._name)
        for name, own, peer, inside in (
            (names[0], self.address, self._there, []),
            (names[1], self._there, self.address, ["-n", self._name]),
        ):
            _ip(*inside, "addr", "add", own, "peer", peer, "dev", name)
            _ip(*inside, "link", "set", name, "up")
        _ip("-n", self._name, "link", "set", "lo", "up")
        loop = asyncio.get_running_loop()
        for end, other in (self._ends, reversed(self._ends)):
            loop.add_reader(end, self._pass, end, other)
        return self

    async def __aexit__(self, *_: object) -> None:
        for end in self._ends:
            asyncio.get_running_loop().remove_reader(end)
            os.close(end)
        self._ends = []
        _ip("netns", "del", self._name)

    def _pass(self, end: int, other: int) -> None:
        with suppress(BlockingIOError):
            while packet := os.read(end, MTU + 100):
                self.carried += 1
                if self._random.random() < self.loss:
                    self.lost += 1
                else:
                    late = self.delay + self._random.uniform(-self.jitter, self.jitter)
                    asyncio.get_running_loop().call_later(late, self._arrive, other, packet)

    def _arrive(self, other: int, packet: bytes) -> None:
        if self._ends:
            with suppress(OSError):  # its queue is full: lost
                os.write(other, packet)


def _tunnel(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(end, SET_INTERFACE, struct.pack("16sH22x", name.encode(), TUN | NO_INFO))
    return end


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
