"""Three gateways and three workers over a broker and a ledger, while everything around them breaks."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from purista.clock import SystemClock
from purista.distributed import ledger_at
from tests.faults.fleet import Account, Fleet
from tests.proxy import Proxy
from tests.servers import Disk, Server

__all__ = ["Fault", "Scene", "Setting", "full_disk", "kills", "restarts", "stalls", "storm", "thorough", "usual"]

SECONDS = float(os.environ.get("PURISTA_FAULT_SECONDS", "25"))
SCHEDULES = int(os.environ.get("PURISTA_FAULT_SCHEDULES", "12"))
SEED = int(os.environ.get("PURISTA_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)
EVERY_MS = 3_000
PORTS = {"amqp": 5672, "nats": 4222, "postgresql": 5432, "redis": 6379}
Fault = Callable[[], Coroutine[Any, Any, None]]
thorough = pytest.mark.skipif(SECONDS < 60, reason="in long storms only: PURISTA_FAULT_SECONDS=60 or more")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a storm takes place. ``ledger`` may be the path of a file. ``config`` is told to every node; ``before`` begins
    their command lines; ``listen`` is the address at which they find broker and ledger.
    """

    bridge: str
    url: str
    ledger: str
    place: Path
    options: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    before: Sequence[str] = ()
    listen: str = "127.0.0.1"
    share: float = 1.0  # of PURISTA_FAULT_SECONDS


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to break."""

    fleet: Fleet
    proxies: dict[str, Proxy]


def usual(scene: Scene) -> list[Fault]:
    """Processes are killed, connections are cut."""
    return [*kills(scene), *cuts(scene)]


def kills(scene: Scene) -> list[Fault]:
    """``kill -9``."""
    return [lambda: scene.fleet.kill("gateway"), lambda: scene.fleet.kill("worker")]


def cuts(scene: Scene) -> list[Fault]:
    """Of connections, between frames and in the middle of one."""
    fleet, proxies = scene.fleet, scene.proxies
    cut: list[Fault] = [lambda name=name: _cut(fleet, proxies[name], f"{name} cut") for name in proxies]  # type: ignore[misc]
    return [*cut, lambda: _cut_in_the_middle(fleet, fleet.random.choice(list(proxies.values())))]


def stalls(scene: Scene) -> list[Fault]:
    """Connections through which nothing comes for seconds."""
    fleet, proxies = scene.fleet, scene.proxies
    return [lambda name=name: _stall(fleet, proxies[name], f"{name} stalled") for name in proxies]  # type: ignore[misc]


def restarts(*servers: Server) -> Callable[[Scene], list[Fault]]:
    """Of servers, in order and by a crash, while processes are killed, too."""

    def faults(scene: Scene) -> list[Fault]:
        found: list[Fault] = []
        for server in servers:
            for gently in (True, False):
                found.append(lambda server=server, gently=gently: _restart(scene.fleet, server, gently=gently))  # type: ignore[misc]
        return [*found, *kills(scene)]

    return faults


def full_disk(disk: Disk, *servers: Server) -> Callable[[Scene], list[Fault]]:
    """The disk is full and freed again, whereupon an administrator starts the servers on it anew: some gave up, some hang."""

    def faults(scene: Scene) -> list[Fault]:
        return [lambda: _fill(scene.fleet, disk, servers), *kills(scene)]

    return faults


async def storm(setting: Setting, faults_of: Callable[[Scene], list[Fault]] = usual) -> Account:
    """Start everything, break it for ``PURISTA_FAULT_SECONDS``, wait until it is quiet, and count."""
    seconds, clock = SECONDS * setting.share, SystemClock()
    async with AsyncExitStack() as stack:
        scene = await _scene(setting, stack)
        fleet = scene.fleet
        await fleet.start("worker")
        await fleet.ready()
        since = clock.now() // EVERY_MS * EVERY_MS + 2 * EVERY_MS
        await fleet.start("worker", "worker", "gateway", "gateway", "gateway")
        await fleet.harass(seconds, *faults_of(scene))
        until = clock.now() // EVERY_MS * EVERY_MS
        await asyncio.sleep(1)
        async with ledger_at(setting.ledger, None, clock) as ledger:
            await fleet.quiet(ledger, since, until)
            await fleet.stop()
            account = await fleet.check(ledger, since, until)
    print(f"seed {SEED}, {seconds:g} s: {account}")
    assert account.finished > 0
    return account


async def _scene(setting: Setting, stack: AsyncExitStack) -> Scene:
    proxies: dict[str, Proxy] = {}
    places = {"broker": setting.url, "ledger": setting.ledger}
    for name, url in places.items():
        if "://" in url:
            proxies[name] = await stack.enter_async_context(_proxy(url, setting.listen))
            places[name] = _behind(url, proxies[name])
    config = {
        "bridge": setting.bridge, "url": places["broker"], "ledger": places["ledger"], "options": setting.options,
        "log": str(setting.place / "work.jsonl"), "schedules": SCHEDULES, "every": EVERY_MS // 1_000, **setting.config,
    }  # fmt: skip
    fleet = Fleet(config, seed=SEED, before=setting.before)
    stack.push_async_callback(fleet.stop)
    return Scene(fleet, proxies)


async def _cut(fleet: Fleet, proxy: Proxy, name: str) -> None:
    proxy.cut()
    await asyncio.sleep(fleet.random.uniform(0.05, 1.0))
    proxy.restore()
    fleet.account.faults[name] += 1


async def _cut_in_the_middle(fleet: Fleet, proxy: Proxy) -> None:
    """Of a frame: of a publish or of a commit."""
    proxy.cut_after = proxy.forwarded + fleet.random.randrange(200, 20_000)
    for _ in range(100):
        if not proxy.is_open:
            break
        await asyncio.sleep(0.01)
    proxy.restore()
    fleet.account.faults["cut in the middle of a frame"] += 1


async def _stall(fleet: Fleet, proxy: Proxy, name: str) -> None:
    proxy.stall()
    await asyncio.sleep(fleet.random.uniform(0.5, 4.0))
    proxy.flow()
    fleet.account.faults[name] += 1


async def _restart(fleet: Fleet, server: Server, *, gently: bool) -> None:
    await server.stop(gently=gently)
    await asyncio.sleep(fleet.random.uniform(0.05, 1.5))
    await server.start()
    fleet.account.faults[f"{server.name} {'restarted' if gently else 'crashed'}"] += 1


async def _fill(fleet: Fleet, disk: Disk, servers: Sequence[Server]) -> None:
    disk.fill()
    for _ in range(20):  # what is given back meanwhile is taken, too
        await asyncio.sleep(fleet.random.uniform(0.1, 0.2))
        disk.fill()
    disk.free()
    for server in servers:
        await server.stop(gently=False)
        await server.start()
    fleet.account.faults["disk full"] += 1


def _proxy(url: str, listen: str) -> Proxy:
    place = urlsplit(url)
    return Proxy(place.hostname or "127.0.0.1", place.port or PORTS[place.scheme], listen=listen)


def _behind(url: str, proxy: Proxy) -> str:
    place = urlsplit(url)
    user = place.netloc.rpartition("@")[0]
    query = f"?{place.query}" if place.query else ""
    return f"{place.scheme}://{user + '@' if user else ''}{proxy.host}:{proxy.port}{place.path}{query}"
