"""Time is passed in. What belongs here: the clock port and the machine's own clock; nothing else may ask for the time.

All instants inside purista are ``int`` milliseconds since the epoch, UTC; ``datetime`` appears only at the edges.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

__all__ = ["Clock", "SystemClock", "from_iso", "to_datetime", "to_iso", "to_ms"]


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC: isoformat() must not append an offset


class Clock(Protocol):
    """Where the time comes from, and how to wait for it."""

    def now(self) -> int:
        """The present, in milliseconds since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long by this clock. May return early; callers look at the time again."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> int:
        """The present, in milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        import asyncio  # noqa: PLC0415 - 40 ms that only those pay who wait

        await asyncio.sleep(max(0.0, seconds))


@lru_cache(maxsize=1024)  # the present and what is due now are asked for by every caller of a batch
def to_iso(ms: int) -> str:
    """ISO 8601 in UTC with three fraction digits and ``Z``, as JavaScript's ``toISOString`` writes it.

    :raises OverflowError: for an instant outside the years 1 to 9999.
    """
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def to_ms(instant: datetime) -> int:
    """Milliseconds since the epoch. Microseconds are cut, as PURISTA cuts them.

    :raises ValueError: for a naive datetime, which names no instant.
    """
    if instant.tzinfo is None:
        msg = f"expected an aware datetime, got {instant.isoformat()} without a zone; write datetime(…, tzinfo=UTC)"
        raise ValueError(msg)
    whole = instant.replace(microsecond=0)
    return int(whole.timestamp()) * 1000 + instant.microsecond // 1000


def from_iso(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 text that carries its offset.

    :raises ValueError: for text that is no instant or has no offset.
    """
    return to_ms(datetime.fromisoformat(text))


def to_datetime(ms: int) -> datetime:
    """An aware datetime in UTC."""
    seconds, milli = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milli * 1000)
