"""A message in a worker's hands: what event bridges and queues deliver, and how it is given back.

What belongs here: the shape that both share, so that handlers need not know what carried a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Closeable", "Deliver", "Delivery", "Limits", "readable", "this_worker"]

LONGEST_REASON = 4_000
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Delivery(Protocol):
    """One delivery of one message. Exactly one of ``ack``, ``retry`` and ``dead`` ends it; False: the lease was lost."""

    @property
    def id(self) -> str:
        """The same at every redelivery."""
        ...

    @property
    def address(self) -> str:
        """``sub:service/version/name``, ``cmd:service/version/name`` or ``queue:name``."""
        ...

    @property
    def body(self) -> str:
        """The message's JSON."""
        ...

    @property
    def attempt(self) -> int:
        """Counted from 1."""
        ...

    @property
    def max_attempts(self) -> int:
        """After this many attempts a failing message goes to the dead letters."""
        ...

    @property
    def lease(self) -> str:
        """Whose it is now: lets a ledger in the same file settle it in its own commit."""
        ...

    async def ack(self) -> bool:
        """Worked; remembered, so that the same id is not worked again."""
        ...

    async def retry(self, delay_ms: int, reason: str | None = None, *, count: bool = True) -> bool:
        """Give it back, to be seen again after the delay. ``count=False``: this was no attempt (nobody let it begin)."""
        ...

    async def dead(self, reason: str) -> bool:
        """Put it aside with a reason; nothing is lost."""
        ...

    async def renew(self) -> bool:
        """Keep it hidden from others for another visibility time."""
        ...


Deliver = Callable[[Delivery], Awaitable[None]]


class Closeable(Protocol):
    """Something that can be ended."""

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing new; with ``drain`` wait for what is in work, else let go of it at once."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How a consumer works: messages at once, and how long a taken one is hidden from others without renewal."""

    concurrency: int = 4
    visibility_ms: int = 30_000


def this_worker() -> str:
    """This process in records and permits: ``host:pid``."""
    import socket  # noqa: PLC0415 - only those who work have a name

    return f"{socket.gethostname()}:{os.getpid()}"


def readable(text: str) -> str:
    """``text`` as every store can keep it: a reason may quote a file's name that is no Unicode, or a whole payload."""
    if len(text) > LONGEST_REASON:
        text = text[:LONGEST_REASON] + " …"
    text = _UNSEEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return text.encode("utf-8", "backslashreplace").decode()
