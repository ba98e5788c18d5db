"""A local runner in virtual time, with contracts and answers that a test sets, and a record of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from purista.recurrence import Recurrence
from purista.schedulers.base import Call
from purista.schedulers.local import LocalRunner
from purista.simulation.clock import SimulatedClock

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class DeafClock:
    """A clock that tells nobody when it is set."""

    def __init__(self, start: int = START) -> None:
        self._clock = SimulatedClock(start)
        self.now, self.sleep, self.jump = self._clock.now, self._clock.sleep, self._clock.jump


class World:
    """Calls are kept as ``(time, key)``. ``answer(key)`` may return a reply, raise, or wait."""

    def __init__(self, rules: dict[str, Recurrence], *, clock: Any = None, **options: Any) -> None:
        self.clock: Any = clock or SimulatedClock(START)
        self.rules, self.calls, self.under_way, self.most = dict(rules), [], 0, 0
        self.reads = 0
        self.answer: Callable[[str], Awaitable[Any]] | None = None
        self.runner = LocalRunner(self._contracts, self._trigger, clock=self.clock, **options)

    async def __aenter__(self) -> World:
        await self.runner.start()
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.stop(drain=False)

    async def settle(self) -> None:
        """Until nothing is left to do at this instant."""
        await asyncio.get_running_loop().quiet()  # type: ignore[attr-defined]

    async def pass_seconds(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)
        await self.settle()

    async def jump(self, seconds: float) -> None:
        """The wall clock is set, and no time passes."""
        self.clock.jump(round(seconds * 1000))
        await self.settle()

    async def refresh(self, changed: dict[str, Recurrence | None] | None = None) -> None:
        """The contracts changed."""
        self.runner.refresh(changed)
        await self.settle()

    def taken(self) -> list[tuple[float, str]]:
        """The calls since the last time, in seconds after the start."""
        calls, self.calls = self.calls, []
        return [((at - START) / 1000, key) for at, key in calls]

    async def _contracts(self) -> list[tuple[str, Recurrence]]:
        self.reads += 1
        return list(self.rules.items())

    async def _trigger(self, call: Call) -> Any:
        assert call.source == "local"
        self.calls.append((self.clock.now(), call.key))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self.answer(call.key) if self.answer is not None else None
        finally:
            self.under_way -= 1


def reply(retry_after_ms: int | None = None) -> Any:
    """What the gateway answers."""
    return SimpleNamespace(retry_after_ms=retry_after_ms)
