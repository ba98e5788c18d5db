"""Somebody who works in the place of an app's handlers: takes time, and sometimes fails. Nothing real happens."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from purista.service.context import Context
from purista.service.handlers import HandlerDef

__all__ = ["StandIns"]

FAILURES = 0.05
LONGEST_S = 6 * 3600


class StandIns:
    """How long each takes is decided by seed, message and attempt alone: most seconds, few longer than the schedule's gap.

    ``resting``: everything succeeds at once, so that a world comes to an end.
    """

    def __init__(self, seed: int, gaps: dict[str, float]) -> None:
        self._seed, self._gaps, self.resting = seed, gaps, False

    async def __call__(self, context: Context, definition: HandlerDef) -> Any:
        """Work a message."""
        if self.resting:
            return None
        rng = random.Random(f"purista work {self._seed} {context._delivery.id} {context.attempt}")  # noqa: S311
        gap = self._gaps.get(context.schedule.key if context.schedule else definition.name, 60.0)
        await asyncio.sleep(self._seconds(rng, gap))
        if rng.random() < FAILURES:
            raise RuntimeError("a stand-in fails now and then")
        return None

    def _seconds(self, rng: random.Random, gap: float) -> float:
        kind = rng.random()
        if kind < 0.3:
            return 0.0
        if kind < 0.8:
            return rng.uniform(0, 5)
        if kind < 0.96:
            return rng.uniform(0, 120)
        return min(LONGEST_S, rng.uniform(0, 1.5) * gap)
