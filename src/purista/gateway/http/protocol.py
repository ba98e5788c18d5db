"""uvicorn's HTTP/1.1 over h11, with an end to its patience: it would wait for the head of a request for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["patient"]


class _Patient(H11Protocol):
    """Ends a connection whose request's head is not there after ``head_seconds``."""

    head_seconds = 10.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._between():
            self._arm()
        else:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def _between(self) -> bool:
        """Whether no request is being answered: what comes is the head of the next."""
        return self.cycle is None or self.cycle.response_complete

    def _arm(self) -> None:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(self.head_seconds, self._cut)

    def _disarm(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _cut(self) -> None:
        self._waiting = None
        if self._between() and not self.transport.is_closing():
            self.transport.close()


def patient(head_seconds: float) -> type[asyncio.Protocol]:
    """The protocol with that patience."""
    return type("Patient", (_Patient,), {"head_seconds": head_seconds})
