"""A service on a bridge under a clock that stands still, and a wait with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from purista import DefaultEventBridge, Interval, ServiceBuilder
from purista.delivery import Limits
from purista.ledgers.base import OccurrenceRow, Query, RunState
from purista.messages import Address, custom_message, job, new_id
from purista.schedulers.base import Call
from purista.testing import ManualClock

KEY = "s/1/hourly"


class Stage:
    """A service on a bridge (volatile without a ``path``) under a clock that stands still."""

    def __init__(self, permit_ms: int = 3 * 3_600_000, path: Path | None = None, concurrency: int = 4) -> None:
        self.clock = ManualClock("2026-01-01T00:30:00Z")
        limits = Limits(concurrency=concurrency, visibility_ms=permit_ms)
        self.bridge = DefaultEventBridge(path, clock=self.clock, limits=limits, permit_ms=permit_ms)
        self.service = ServiceBuilder("s", "1", "under test")

    async def __aenter__(self) -> Stage:
        self.instance = await self.service.get_instance(self.bridge)
        await self.instance.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.instance.stop(drain=False)

    async def emit(self, event: str, payload: Any = None) -> None:
        message = custom_message(event, payload, Address("t", "1", "test"), id=new_id(), timestamp=self.clock.now())
        await self.bridge.publish([message])

    async def enqueue(self, queue: str, payload: Any = None, **options: Any) -> None:
        await self.bridge.queue.enqueue([job(new_id(), queue, payload, created_at=self.clock.now(), **options)])

    async def put(self, body: str, address: str = "queue:work", attempts: int = 0) -> None:
        """A letter as no code of ours would write it."""
        await self.bridge.file.write(
            lambda c: c.execute(
                "INSERT INTO mail (id, address, body, state, visible_at, attempts, max_attempts, created_at)"
                " VALUES ('x', ?, ?, 'ready', 0, ?, 10, 0)", (address, body, attempts)
            )
        )  # fmt: skip

    def hourly(self, policy: str = "forbid", **options: Any) -> None:
        options = {"emit": "due"} | options
        self.service.schedule(
            "hourly", Interval(timedelta(hours=1)), concurrency_policy=policy, missed_run_policy="runOnce", **options
        )

    async def call(self) -> None:
        await self.clock.advance_to(self.clock.now() // 3_600_000 * 3_600_000 + 3_600_000)
        await self.bridge.gateway.trigger(Call(KEY))

    async def rows(self) -> list[OccurrenceRow]:
        return [run.row for run in (await self.bridge.ledger.history(Query(key=KEY))).rows]

    def mail(self, state: str) -> list[tuple[str, str, int]]:
        statement = "SELECT address, coalesce(reason, ''), attempts FROM mail WHERE state = ? ORDER BY address"
        return self.bridge.file.read(lambda c: c.execute(statement, (state,)).fetchall())

    def taken(self) -> bool:
        return any(attempts for _, _, attempts in self.mail("ready"))

    async def working(self) -> bool:
        runs = (await self.bridge.ledger.history(Query(key=KEY))).rows
        return any(part.state == "working" for run in runs for part in run.parts)

    async def ended(self, state: RunState) -> bool:
        return any(row.run is state for row in await self.rows())


async def until(condition: Callable[[], Any], *, tick: Callable[[], Awaitable[None]] | None = None) -> None:
    """Other threads take real time; the wait has an end."""
    for _ in range(4_000):
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        if tick is not None:
            await tick()
        await asyncio.sleep(0.005)
    raise AssertionError("did not happen in time")
