"""Clocks that move only when they are told to: in one process, or for several at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import heapq
import mmap
import struct
from collections.abc import Callable
from pathlib import Path

from purista.clock import to_datetime, to_ms

__all__ = ["ManualClock", "SharedClock"]

TURNS = 25
"""How many turns of the event loop who was woken has for its work, before the clock moves on."""
_STAMP = struct.Struct("<q")


class ManualClock:
    """A :class:`~purista.clock.Clock` for tests. ``advance`` wakes sleepers in the order of their time.

    ::

        clock = ManualClock("2026-03-29T00:00Z")
        await clock.advance(hours=1)
    """

    def __init__(self, start: dt.datetime | str = "2026-01-01T00:00:00Z") -> None:
        self._now = to_ms(_instant(start))
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []
        self._count = 0
        self._watching: list[Callable[[], None]] = []

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._now

    @property
    def datetime(self) -> dt.datetime:
        """The same as an aware datetime in UTC."""
        return to_datetime(self._now)

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody has advanced the clock so far."""
        until = self._now + max(0, round(seconds * 1000))
        if until <= self._now:
            await asyncio.sleep(0)
            return
        self._count += 1
        event = asyncio.Event()
        heapq.heappush(self._sleepers, (until, self._count, event))
        await event.wait()

    async def advance(self, delta: dt.timedelta | None = None, **units: float) -> None:
        """Move on by a time, stopping at every sleeper on the way and letting it run."""
        await self.advance_to(
            self._now + int(((delta or dt.timedelta()) + dt.timedelta(**units)).total_seconds() * 1000)
        )

    async def advance_to(self, instant: dt.datetime | str | int) -> None:
        """Move on to an instant (ms, datetime or ISO text). Moving back only sets the time."""
        target = instant if isinstance(instant, int) else to_ms(_instant(instant))
        if target < self._now:
            self.jump(target)
        while self._sleepers and self._sleepers[0][0] <= target:
            until, _, event = heapq.heappop(self._sleepers)
            self._now = max(self._now, until)
            event.set()
            await _settle()
        self._now = target
        await _settle()

    def jump(self, instant: dt.datetime | str | int) -> None:
        """Set the time without letting anybody run in between: a suspend, or a clock that was wrong."""
        self._now = instant if isinstance(instant, int) else to_ms(_instant(instant))
        while self._sleepers and self._sleepers[0][0] <= self._now:
            heapq.heappop(self._sleepers)[2].set()
        for told in self._watching:
            told()

    def watch(self, told: Callable[[], None]) -> None:
        """Have ``told`` called after every jump."""
        self._watching.append(told)


def _instant(value: dt.datetime | str) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    parsed = dt.datetime.fromisoformat(value)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=dt.UTC)


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class SharedClock:
    """A clock in a file, for tests with several processes: who sets it sets it for all of them.

    Waiting looks at the file every few milliseconds of real time, so the processes need no connection to each other.
    """

    POLL_SECONDS = 0.005

    def __init__(self, path: str | Path, start: dt.datetime | str | None = None) -> None:
        self._path = Path(path)
        if start is not None:
            self._path.write_bytes(_STAMP.pack(to_ms(_instant(start))))
        with self._path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _STAMP.size)

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return int(_STAMP.unpack_from(self._map)[0])

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody has set the clock so far."""
        until = self.now() + max(0, round(seconds * 1000))
        await asyncio.sleep(0)
        while self.now() < until:  # noqa: ASYNC110 - no event crosses from the process that sets it
            await asyncio.sleep(self.POLL_SECONDS)

    def set(self, instant: dt.datetime | str | int) -> None:
        """Set the time, forwards or back, for every process."""
        _STAMP.pack_into(self._map, 0, instant if isinstance(instant, int) else to_ms(_instant(instant)))

    def move(self, **units: float) -> None:
        """Move on by a time, as for ``timedelta``."""
        self.set(self.now() + int(dt.timedelta(**units).total_seconds() * 1000))

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
