"""The wall clock of a simulated host: it follows the loop's time, and can be wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

from purista.clock import to_datetime

__all__ = ["SimulatedClock"]

_SLACK = 1e-5  # a timer may be called this much early


class SimulatedClock:
    """A :class:`~purista.clock.Clock` of which ``sleep`` goes by the loop, as the monotonic clock of a machine does.

    ``jump`` moves what ``now`` says; nobody's sleep is shortened or lengthened by it.
    """

    def __init__(self, start: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._offset = start - round(self._loop.time() * 1000)
        self.jumped = 0
        self._watching: list[Callable[[], None]] = []

    def now(self) -> int:
        """Milliseconds since the epoch, UTC, as this host believes."""
        return self._offset + int((self._loop.time() + _SLACK) * 1000)

    @property
    def datetime(self) -> dt.datetime:
        """The same as an aware datetime in UTC."""
        return to_datetime(self.now())

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(max(0.0, seconds))

    def jump(self, milliseconds: int) -> None:
        """Set the clock forward or back: NTP, a suspend, an administrator."""
        self._offset += milliseconds
        self.jumped += milliseconds
        for told in self._watching:
            told()

    def watch(self, told: Callable[[], None]) -> None:
        """Have ``told`` called after every jump."""
        self._watching.append(told)
