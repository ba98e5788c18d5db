"""Registrations for which the scheduler was not in reach: tried again in the background until it is.

The ledger has the contracts by then, so nothing is lost meanwhile: what is due and not called for is decided by `recover`, and
by the hourly look of a gateway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from purista import metrics
from purista.clock import Clock
from purista.errors import PuristaError

__all__ = ["Later"]

log = logging.getLogger("purista.registration")
FIRST_S, LONGEST_S = 1.0, 60.0
Attempt = Callable[[], Awaitable[object]]


class Later:
    """One attempt at a time for each name; a newer one takes the place of an older. Waits by the clock it is given."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Whose entries are not in the scheduler yet."""
        return tuple(sorted(self._tasks))

    def put(self, name: str, attempt: Attempt, error: Exception) -> None:
        """Try again after a second, then less and less often, at last once a minute. ``error`` is what the last one said."""
        log.warning(
            "%s is in the ledger, and not in the scheduler: %s; tried again in the background", name, error,
            extra={"action": "register_later"},
        )  # fmt: skip
        self.drop(name)
        self._tasks[name] = asyncio.create_task(self._until_done(name, attempt), name=f"register {name}")
        self._count()

    def drop(self, name: str) -> None:
        """No more attempts for it: it was registered otherwise."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            self._count()

    async def stop(self) -> None:
        """Give up all of them. The next start tries again."""
        tasks = list(self._tasks.values())
        for name in self.waiting:
            self.drop(name)
        if tasks:
            await asyncio.wait(tasks)

    async def _until_done(self, name: str, attempt: Attempt) -> None:
        delay = FIRST_S
        while True:
            await self._clock.sleep(delay)
            try:
                await attempt()
            except PuristaError as error:
                log.warning("%s is not in the scheduler yet: %s", name, error, extra={"action": "register_later"})
            except Exception:
                log.exception("%s is not in the scheduler yet", name, extra={"action": "register_later"})
            else:
                break
            delay = min(LONGEST_S, delay * 2)
        log.info("%s is in the scheduler now", name, extra={"action": "registered"})
        del self._tasks[name]
        self._count()

    def _count(self) -> None:
        metrics.standing("registrations.waiting", len(self._tasks))
