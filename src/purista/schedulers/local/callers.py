"""Calls what is due, so many at a time. Callers share what is in their queue, so that the gateway can group their calls."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from purista.schedulers.local.timetable import Slot

__all__ = ["Called", "Callers"]

log = logging.getLogger("purista.local")

Called = tuple[Slot, int, int | None, bool]
"""A slot that was called, when it was taken (ms), and in how many milliseconds it shall be called again (None: when it is
due next); True when that is for want of an answer."""


class Callers:
    """At most ``width`` calls under way. ``told`` is called when there is something to collect."""

    def __init__(self, call: Callable[[str], Awaitable[Any]], told: Callable[[], None], *, width: int) -> None:
        self._one, self._told, self._width = call, told, width
        self._queue: deque[tuple[Slot, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._called: list[Called] = []
        self._closing = False

    @property
    def busy(self) -> bool:
        """Whether anything waits to be called or is under way."""
        return bool(self._queue or self._tasks)

    def hand(self, slots: Sequence[Slot], now: int) -> None:
        """Call these as soon as there is room, in their order."""
        self._queue.extend((slot, now) for slot in slots)
        loop = asyncio.get_running_loop()
        for _ in range(min(len(slots), self._width - len(self._tasks))):
            task = loop.create_task(self._work(), name="purista local caller")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def collect(self) -> list[Called]:
        """What was called since the last time."""
        called = self._called
        if called:
            self._called = []
        return called

    async def close(self, *, drain: bool) -> None:
        """Finish what waits and what is under way, or give both up."""
        self._closing = True
        if not drain:
            self._queue.clear()
            for task in self._tasks:
                task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self) -> None:
        queue = self._queue
        while queue:
            slot, taken = queue.popleft()
            after, failed = await self._call(slot)
            self._called.append((slot, taken, after, failed))
            if len(self._called) == 1:
                self._told()

    async def _call(self, slot: Slot) -> tuple[int | None, bool]:
        try:
            reply = await self._one(slot.key)
        except asyncio.CancelledError:
            if self._closing:
                raise
            log.warning("call given up by the gateway", extra={"action": "call_failed", "key": slot.key})
            return 0, True
        except Exception as error:
            first = not slot.owed  # its traceback once, not with every attempt
            log.error("call failed: %r", error, exc_info=first, extra={"action": "call_failed", "key": slot.key})  # noqa: TRY400
            return 0, True
        after: int | None = getattr(reply, "retry_after_ms", None)
        return after, False
