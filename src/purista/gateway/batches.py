"""Calls that come while others are being decided wait here, and share the next batch: one load and one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from purista.errors import LedgerError, PuristaError

__all__ = ["BATCH_LIMIT", "IN_FLIGHT", "Batches"]

BATCH_LIMIT = 512
IN_FLIGHT = 2
"""So many batches at once: one is decided while the commit of the other is on its way to the disk."""


class Waits(Protocol):
    """A call that somebody waits for."""

    def fail(self, error: BaseException) -> None:
        """Nothing was decided."""
        ...


W = TypeVar("W", bound=Waits)


class Batches(Generic[W]):
    """``decide`` gets a batch and returns those of it that must be decided again."""

    def __init__(self, decide: Callable[[list[W]], Awaitable[list[W]]]) -> None:
        self._decide = decide
        self._waiting: list[W] = []
        self._parked: list[W] = []  # to be decided again when a batch in flight has ended, which may be in their way
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, calls: list[W]) -> None:
        """Have calls decided. Where nothing is being decided, this is done here, without the way through a task."""
        if self._running or not calls:
            self._waiting += calls
            self._more()
        else:
            self._waiting += calls[BATCH_LIMIT:]
            await self._batch(calls[:BATCH_LIMIT])

    def _more(self) -> None:
        if self._waiting and self._running < IN_FLIGHT:
            self._running += 1  # from now on: whoever comes before the task's first step shares its batch
            task = asyncio.get_running_loop().create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        self._running -= 1
        batch, self._waiting = self._waiting[:BATCH_LIMIT], self._waiting[BATCH_LIMIT:]
        if batch:
            await self._batch(batch)

    async def _batch(self, batch: list[W]) -> None:
        self._running += 1
        again: list[W] = []
        try:
            again = await self._decide(batch)
        except PuristaError as error:
            for call in batch:
                call.fail(error)
        except BaseException as error:
            for call in batch:
                call.fail(LedgerError(f"the gateway stopped: {error!r}"))
            raise
        finally:
            self._running -= 1
            self._waiting, self._parked = self._parked + self._waiting, []
            if self._running:
                self._parked = again
            else:
                self._waiting = again + self._waiting
            self._more()
