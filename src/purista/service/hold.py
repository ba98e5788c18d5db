"""Lease and permit of one delivery, renewed for as long as its handler works."""

from __future__ import annotations

import asyncio
import logging

from purista.delivery import Delivery
from purista.ledgers.base import RunRef, RunState
from purista.messages import RunInfo
from purista.permits import Refused
from purista.service.node import Node

__all__ = ["LOST", "Hold"]

log = logging.getLogger("purista.service")
LOST = "lost"


class Hold:
    """Renews after a third of lease or permit, whichever is shorter, until it is cancelled.

    ``verdict`` is set when the handler must end: ``lost``, or ``superseded``. What can still be renewed is renewed after
    that, too: a handler that cleans up, and a thread, which nobody can end, still work.
    """

    def __init__(
        self, node: Node, delivery: Delivery, run: RunInfo | None, fence: int | None, permit_ms: int | None, lease_ms: int
    ) -> None:  # fmt: skip
        self._node, self._delivery, self._run, self._fence = node, delivery, run, fence
        self._leased = True
        self._period = max(0, lease_ms if permit_ms is None else min(permit_ms, lease_ms)) / 3000
        self.verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def keep(self) -> None:
        """Renew; returns when there is nothing left to renew."""
        failures = 0
        while self._leased or self._fence is not None:
            await self._node.clock.sleep(self._period)
            if await self._renewed(self._period / (1 + failures)):
                failures = 0
                continue
            failures += 1
            if failures >= 2:  # two of three periods are gone: stop before the right runs out
                self._say(LOST)

    async def _renewed(self, patience: float) -> bool:
        """Whether renewing worked. A file or gateway that does not answer at all must not let the right run out."""
        asking = asyncio.ensure_future(self._renew())
        waiting = asyncio.ensure_future(self._node.clock.sleep(patience))
        try:
            await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            log.error("no answer", extra={"action": "renew_failed", "delivery": self._delivery.id})
            self._say(LOST)
            return False
        finally:
            asking.cancel()
            waiting.cancel()

    async def _renew(self) -> bool:
        try:
            if self._leased and not await self._delivery.renew():
                self._leased = False
                self._say(LOST)
            if self._run is None or self._fence is None:
                return True
            ref = RunRef(self._run.run, self._run.at)
            answer = await self._node.permits.renew(self._run.key, ref, self._delivery.id, self._fence)
        except Exception:
            log.exception("cannot renew", extra={"action": "renew_failed", "delivery": self._delivery.id})
            return False
        if isinstance(answer, Refused):
            self._fence = None
            self._say(LOST)
        elif answer.give_way:
            self._say(RunState.SUPERSEDED)
        return True

    def _say(self, why: str) -> None:
        if not self.verdict.done():
            self.verdict.set_result(why)
