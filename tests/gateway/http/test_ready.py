"""Readiness is asked by anybody, and must not become load."""

from __future__ import annotations

import asyncio

from purista.gateway.http.ready import Readiness
from purista.testing import ManualClock


class Ledger:
    """Counts who looks; answers when it is let."""

    epoch = 0

    def __init__(self) -> None:
        self.clock, self.looks, self.gate = ManualClock("2026-06-01T00:00:00Z"), 0, asyncio.Event()

    async def due(self, limit: int) -> list[str]:
        self.looks += 1
        await self.gate.wait()
        return []


async def test_whoever_asks_at_once_shares_one_look() -> None:
    ledger = Ledger()
    readiness = Readiness(ledger, {})
    asking = [asyncio.ensure_future(readiness.checks()) for _ in range(200)]
    await asyncio.sleep(0)
    asking[0].cancel()  # who gives up takes nothing from the others
    ledger.gate.set()
    answers = await asyncio.gather(*asking[1:])
    assert ledger.looks == 1
    assert all(answer == {"ledger": True, "clock": True} for answer in answers)
