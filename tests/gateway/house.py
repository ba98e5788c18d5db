"""A whole house on one in-memory file: one hourly schedule, its queue, a clock, and workers as short as the test needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from purista import Cron, DefaultEventBridge, ServiceBuilder
from purista.ledgers.base import Lineage, OccurrenceRow, Query, RunRef, RunState
from purista.permits import Begin, End, Granted
from purista.schedulers.base import Call
from purista.testing import ManualClock

KEY = "s/1/hourly"


def ms(text: str) -> int:
    """``10:00`` on 1 June 2026 UTC, or a whole ISO instant."""
    whole = text if "T" in text else f"2026-06-01T{text}"
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp() * 1000)


@dataclass
class House:
    """What a test does to one schedule."""

    bridge: DefaultEventBridge
    clock: ManualClock

    def at(self, text: str) -> None:
        self.clock.jump(ms(text))

    async def call(self, text: str | None = None, **options: Any) -> str:
        if text is not None:
            self.at(text)
        return str((await self.bridge.gateway.trigger(Call(KEY, **options))).answer)

    async def rows(self, key: str = KEY) -> list[OccurrenceRow]:
        page = await self.bridge.ledger.history(Query(key=key, limit=1_000))
        return [run.row for run in reversed(page.rows)]

    async def decisions(self) -> list[str]:
        """``10:00 published``, replays with a plus, oldest first."""
        return [f"{'+' if row.request else ''}{clock(row.scheduled_at)} {row.decision}" for row in await self.rows()]

    async def lineage(self) -> Lineage:
        view = (await self.bridge.ledger.load([KEY]))[0]
        assert view is not None
        return view.lineage

    async def work(self, state: RunState = RunState.FINISHED) -> int:
        """Work every open run to its end; returns how many there were."""
        done = 0
        page = await self.bridge.ledger.history(Query(key=KEY, limit=1_000))
        for run in page.rows:
            if run.row.run is not RunState.OPEN:
                continue
            for part in run.parts:
                ref = RunRef(run.row.occurrence_id, run.row.scheduled_at)
                granted = await self.bridge.gateway.begin(KEY, Begin(ref, part.part, part.address, "w"))
                assert isinstance(granted, Granted), granted
                assert await self.bridge.gateway.end(KEY, End(ref, part.part, part.address, granted.fence, state))
                done += 1
        return done


def clock(at: int) -> str:
    """The UTC time of day."""
    minutes = at // 60_000 % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@asynccontextmanager
async def house(*, cron: str = "0 * * * *", start: str = "09:30", **options: Any) -> AsyncIterator[House]:
    """Opens at ``start``; the schedule is registered then."""
    moment = ManualClock("2026-06-01T00:00:00Z")
    moment.jump(ms(start))
    bridge = DefaultEventBridge(clock=moment)
    service = ServiceBuilder("s", "1", "a service")
    usual = {"concurrency_policy": "forbid", "missed_run_policy": "skip", "timezone": "UTC"}
    service.schedule("hourly", Cron(cron), enqueue="work", **{**usual, **options})
    instance = await service.get_instance(bridge)
    await instance.start(consume=False)
    try:
        yield House(bridge, moment)
    finally:
        await instance.stop()
