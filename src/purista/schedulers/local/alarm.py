"""Waiting for a time that may change: asleep until it has come, or until somebody rings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from purista.clock import Clock
from purista.schedulers.local.hostclock import HostClock

__all__ = ["LOOK_AGAIN_SECONDS", "LOOK_SELDOM_SECONDS", "Alarm", "TellingClock"]

LOOK_AGAIN_SECONDS = 60.0
"""The longest sleep where nobody tells of a clock that was set: so late can a jump be noticed."""
LOOK_SELDOM_SECONDS = 3600.0
"""The longest sleep by a clock that tells of its jumps."""


@runtime_checkable
class TellingClock(Protocol):
    """A clock that says when it was set, as those for tests do."""

    def watch(self, told: Callable[[], None]) -> None:
        """Have ``told`` called after every jump."""
        ...


class Alarm:
    """One sleeper at a time. ``ring`` wakes it, or keeps it from falling asleep."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sleeper: asyncio.Task[None] | None = None
        self._rung = False
        self._host: HostClock | None = None
        self._longest = LOOK_AGAIN_SECONDS
        if isinstance(clock, TellingClock):
            clock.watch(self.ring)
            self._longest = LOOK_SELDOM_SECONDS
        else:
            self._host = HostClock(self.ring)

    def ring(self) -> None:
        """Something changed: look now."""
        self._rung = True
        if self._sleeper is not None:
            self._sleeper.cancel()

    async def wait(self, until: int | None) -> None:
        """Sleep until ``until`` (ms; None: nothing to wait for), for a bounded time, or until it rings."""
        if not self._rung:
            seconds = self._longest
            if until is not None:
                seconds = min(seconds, max(0, until - self._clock.now()) / 1000)
            await self._sleep(seconds)
        self._rung = False

    async def _sleep(self, seconds: float) -> None:
        self._sleeper = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((self._sleeper,))
            if not self._sleeper.cancelled():
                self._sleeper.result()
        finally:
            self._sleeper.cancel()
            self._sleeper = None

    def close(self) -> None:
        """Watch no more."""
        if self._host is not None:
            self._host.close()
