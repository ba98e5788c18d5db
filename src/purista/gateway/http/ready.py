"""Whether calls can be answered now: ledger, bridge, key sources, clock. Names and yes or no; why is for the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from purista.ledgers.base import Ledger

__all__ = ["BESIDE", "Probe", "Readiness"]

log = logging.getLogger("purista.gateway.http")
Probe = Callable[[], Awaitable[bool]]
TIMEOUT_S = 6.0
BELIEVED_MS = 1_000
"""So long an answer is good for whoever asks next: asking must not become load."""
BESIDE = frozenset({"scheduler"})
"""Said, and no reason to send calls elsewhere: a scheduler that is away does not keep this gateway from answering others."""
BACK_MS = 60_000
EARLIEST = 1_767_225_600_000
"""2026: a clock before it was never set."""


class Readiness:
    """Asks every part at once."""

    def __init__(self, ledger: Ledger, probes: Mapping[str, Probe]) -> None:
        self._ledger = ledger
        self._probes: Mapping[str, Probe] = {"ledger": self._reads, "clock": self._tells, **probes}
        self._latest = 0
        self._known: tuple[int, dict[str, bool]] | None = None
        self._asking: asyncio.Task[dict[str, bool]] | None = None

    async def checks(self) -> dict[str, bool]:
        """Each part's name, and whether it stands. Whoever comes while it is being asked hears the same answer."""
        now = self._ledger.clock.now()
        if self._known is not None and 0 <= now - self._known[0] < BELIEVED_MS:
            return self._known[1]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._all(now))
        return await asyncio.shield(self._asking)

    async def _all(self, now: int) -> dict[str, bool]:
        found = await asyncio.gather(*(self._asked(name, probe) for name, probe in self._probes.items()))
        self._known = now, dict(zip(self._probes, found, strict=True))
        return self._known[1]

    async def _asked(self, name: str, probe: Probe) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await probe()
        except Exception as error:  # noqa: BLE001 - whatever it is, this part does not stand
            log.warning("not ready: %s: %r", name, error, extra={"action": "not_ready"})
            return False

    async def _reads(self) -> bool:
        await self._ledger.due(1)
        return True

    async def _tells(self) -> bool:
        """Neither unset, nor set back while we ran, nor behind the moment the ledger was restored."""
        now = self._ledger.clock.now()
        self._latest = max(self._latest, now)
        return now >= max(EARLIEST, self._latest - BACK_MS, self._ledger.epoch - BACK_MS)
