"""What the suites share: a bounded wait for other threads, and deliveries collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from purista.clock import Clock, SystemClock
from purista.delivery import Delivery
from purista.testing.clock import ManualClock

__all__ = ["Inbox", "Pace", "RealTime", "until"]


async def until(condition: Callable[[], Any], tick: Callable[[], Awaitable[Any]] | None = None) -> None:
    """Wait in real time, at most about twenty seconds, until something has happened.

    :raises AssertionError: it did not.
    """
    for _ in range(4_000):
        if condition():
            return
        if tick is not None:
            await tick()
        await asyncio.sleep(0.005)
    raise AssertionError("did not happen in time")


class Pace:
    """How time passes in a suite. Adapters that go by a given clock need nothing of it."""

    unit_ms = 1_000
    """What the suites call a second."""

    @pytest.fixture
    async def clock(self) -> Clock:
        """A clock that stands still."""
        return ManualClock()

    async def pass_time(self, clock: Clock, units: float) -> None:
        """Let so many units go by."""
        assert isinstance(clock, ManualClock)
        await clock.advance(milliseconds=units * self.unit_ms)


class RealTime(Pace):
    """For adapters whose server waits by its own clock: write it before the suite, ``class TestMine(RealTime, QueueSuite)``."""

    unit_ms = 100

    @pytest.fixture
    async def clock(self) -> Clock:
        """The real one."""
        return SystemClock()

    async def pass_time(self, clock: Clock, units: float) -> None:
        """Wait: the server's clock cannot be moved."""
        await asyncio.sleep(units * self.unit_ms / 1000)


class Inbox:
    """A receiver that keeps what it gets; ``act`` settles each delivery (default: acknowledges).

    Wait with ``until_settled`` before the clock moves: a lease may end while its acknowledgement is on the way.
    """

    def __init__(self, act: Callable[[Delivery], Awaitable[Any]] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self._settled = 0
        self._act = act

    async def __call__(self, delivery: Delivery) -> None:
        """Take one delivery."""
        self.deliveries.append(delivery)
        await (delivery.ack() if self._act is None else self._act(delivery))
        self._settled += 1

    async def until_settled(self, number: int) -> None:
        """Wait until so many deliveries have been acted on.

        :raises AssertionError: they were not, or more were.
        """
        await until(lambda: self._settled >= number)
        assert self._settled == number, f"expected {number} settled deliveries, got {self.ids}"

    def __len__(self) -> int:
        return len(self.deliveries)

    @property
    def ids(self) -> list[str]:
        """The ids in the order of arrival."""
        return [delivery.id for delivery in self.deliveries]
