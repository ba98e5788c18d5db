"""What the suites share: a bounded wait for other threads, and deliveries collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from purista.delivery import Delivery

__all__ = ["Inbox", "until"]


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
