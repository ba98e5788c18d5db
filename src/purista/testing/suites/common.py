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

    Wait for ``settled`` before the clock moves: a lease may end while its acknowledgement is on the way.
    """

    def __init__(self, act: Callable[[Delivery], Awaitable[Any]] | None = None) -> None:
        self.deliveries: list[Delivery] = []
        self.settled = 0
        self._act = act

    async def __call__(self, delivery: Delivery) -> None:
        """Take one delivery."""
        self.deliveries.append(delivery)
        await (delivery.ack() if self._act is None else self._act(delivery))
        self.settled += 1

    def __len__(self) -> int:
        return len(self.deliveries)

    @property
    def ids(self) -> list[str]:
        """The ids in the order of arrival."""
        return [delivery.id for delivery in self.deliveries]
