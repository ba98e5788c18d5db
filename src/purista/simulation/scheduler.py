"""A scheduler for simulations: calls what is due by the host's clock, as cron does. It remembers nothing."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence

from purista.recurrence import Recurrence

__all__ = ["HOUSEKEEPING_MS", "RECOVER_MS", "SimulatedScheduler"]

HOUSEKEEPING_MS = 300_000
RECOVER_MS = 3_600_000
Clock = Callable[[], int]


class SimulatedScheduler:
    """Beside the schedules it has a sweep every five minutes and a recover every hour, as cron's file has.

    Both are left out where they would find nothing: ``sweeping`` says whether something can run out, and recover is asked
    for with :meth:`disturb`. So a quiet year costs what its occurrences cost.
    """

    def __init__(
        self,
        clock: Clock,
        call: Callable[[Sequence[str]], None],
        sweep: Callable[[], None],
        recover: Callable[[], None],
        sweeping: Callable[[], bool],
    ) -> None:
        self._clock, self._call, self._sweep, self._recover, self._sweeping = clock, call, sweep, recover, sweeping
        self._rules: list[tuple[str, Recurrence]] = []
        self._heap: list[tuple[int, int]] = []
        self._sweep_at: int | None = None
        self._recover_at: int | None = None
        self._nudge: asyncio.Future[None] | None = None
        self._planned = True

    def plan(self, rules: Sequence[tuple[str, Recurrence]]) -> None:
        """Call these from now on."""
        self._rules = list(rules)
        self.replan()

    def replan(self) -> None:
        """The clock was set: what is due next is asked anew. What it jumped over is not called."""
        self._planned = False
        self._wake()

    def disturb(self) -> None:
        """Something may have been missed: the next full hour's recover is not left out."""
        self._recover_at = _following(self._clock(), RECOVER_MS)
        self._sweep_at = _following(self._clock(), HOUSEKEEPING_MS)
        self._wake()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._planned:
                self._planned = True
                now = self._clock() // 1000
                found = [(rule.next_timestamp(now), number) for number, (_, rule) in enumerate(self._rules)]
                self._heap = [(at * 1000, number) for at, number in found if at is not None]
                heapq.heapify(self._heap)
            self._fire(self._clock())
            await self._wait()

    def _fire(self, now: int) -> None:
        due: list[str] = []
        while self._heap and self._heap[0][0] <= now:
            at, number = self._heap[0]
            key, rule = self._rules[number]
            due.append(key)
            following = rule.next_timestamp(at // 1000)
            if following is None:
                heapq.heappop(self._heap)
            else:
                heapq.heapreplace(self._heap, (following * 1000, number))
        if due:
            self._call(due)
            self._sweep_at = self._sweep_at or _following(now, HOUSEKEEPING_MS)
        if self._recover_at is not None and self._recover_at <= now:
            self._recover_at = None
            self._recover()
        if self._sweep_at is not None and self._sweep_at <= now:
            self._sweep_at = _following(now, HOUSEKEEPING_MS) if self._sweeping() else None
            self._sweep()

    async def _wait(self) -> None:
        times = [at for at in (self._sweep_at, self._recover_at) if at is not None]
        if self._heap:
            times.append(self._heap[0][0])
        loop = asyncio.get_running_loop()
        self._nudge = loop.create_future()
        timer = None
        if times:
            timer = loop.call_later(max(0, min(times) - self._clock()) / 1000, self._wake)
        try:
            if self._planned:
                await self._nudge
        finally:
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._nudge is not None and not self._nudge.done():
            self._nudge.set_result(None)


def _following(now: int, period: int) -> int:
    return (now // period + 1) * period
