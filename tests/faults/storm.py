"""Three gateways and three workers over a broker and a ledger, while everything around them breaks."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from purista.clock import SystemClock
from purista.distributed import ledger_at
from tests.faults.fleet import Account, Fleet
from tests.proxy import Proxy

__all__ = ["storm"]

SECONDS = float(os.environ.get("PURISTA_FAULT_SECONDS", "25"))
SEED = int(os.environ.get("PURISTA_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)
EVERY_MS = 3_000
PORTS = {"amqp": 5672, "nats": 4222, "postgresql": 5432, "redis": 6379}


async def storm(bridge: str, url: str, options: dict[str, Any], ledger_url: str, place: Path) -> Account:
    """Start everything, break it for ``PURISTA_FAULT_SECONDS``, wait until it is quiet, and count."""
    async with _proxy(url) as to_broker, _proxy(ledger_url) as to_ledger:
        config = {
            "bridge": bridge, "url": _behind(url, to_broker), "ledger": _behind(ledger_url, to_ledger),
            "options": options, "log": str(place / "work.jsonl"), "schedules": 12, "every": EVERY_MS // 1_000,
        }  # fmt: skip
        fleet, clock = Fleet(config, seed=SEED), SystemClock()
        async with ledger_at(ledger_url, None, clock) as ledger:
            await fleet.start("worker")
            await fleet.ready()
            since = clock.now() // EVERY_MS * EVERY_MS + 2 * EVERY_MS
            await fleet.start("worker", "worker", "gateway", "gateway", "gateway")
            await fleet.harass(
                SECONDS, lambda: fleet.kill("gateway"), lambda: fleet.kill("worker"),
                lambda: _cut(fleet, to_broker, "broker cut"), lambda: _cut(fleet, to_ledger, "ledger cut"),
                lambda: _cut_in_the_middle(fleet, fleet.random.choice([to_broker, to_ledger])),
            )  # fmt: skip
            until = clock.now() // EVERY_MS * EVERY_MS
            await asyncio.sleep(1)
            await fleet.quiet(ledger, since, until)
            await fleet.stop()
            account = await fleet.check(ledger, since, until)
    print(f"seed {SEED}, {SECONDS:g} s: {account}")
    assert account.finished > 0
    assert account.faults.total() >= SECONDS / 4
    return account


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


def _proxy(url: str) -> Proxy:
    place = urlsplit(url)
    return Proxy(place.hostname or "127.0.0.1", place.port or PORTS[place.scheme])


def _behind(url: str, proxy: Proxy) -> str:
    place = urlsplit(url)
    user = place.netloc.rpartition("@")[0]
    query = f"?{place.query}" if place.query else ""
    return f"{place.scheme}://{user + '@' if user else ''}127.0.0.1:{proxy.port}{place.path}{query}"
