"""Requests for messages that are on their way: no more are asked for than there are places, and none is thrown away.

(``fetch`` of nats-py may lose a message that arrives in the moment its time is up; it comes again, and has cost an attempt.)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from purista.errors import BridgeError

__all__ = ["Pulls"]

EXPIRES_SECONDS = 5.0
GRACE_SECONDS = 1.0
_OVER = ("404", "408")  # no messages, time is up
_IGNORED = ("100",)  # the server lives


@dataclass(slots=True)
class _Open:
    left: int
    until: float


class Pulls:
    """The open requests of one consumer. ``take`` gets each message; ``stirred`` is called when anything has changed."""

    def __init__(
        self, client: Any, stream: str, consumer: str, take: Callable[[Any], None], stirred: Callable[[], None]
    ) -> None:  # fmt: skip
        self._client, self._take, self._stirred = client, take, stirred
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._open: dict[str, _Open] = {}
        self._count = 0
        self._trouble = ""
        self._subscription: Any = None

    async def start(self) -> None:
        """Listen for what will be asked for."""
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._received)

    async def stop(self) -> None:
        """Listen no more: the server keeps what it has not sent, and what is here already is taken first."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._client.is_connected:
            with suppress(Exception):  # the connection broke: it knows nothing of this any more
                await asyncio.wait_for(subscription.drain(), GRACE_SECONDS)

    @property
    def asked(self) -> int:
        """How many messages are still to come, at most. What a broken connection took is forgotten by time."""
        now = asyncio.get_running_loop().time()
        self._open = {number: one for number, one in self._open.items() if one.until > now and one.left > 0}
        return sum(one.left for one in self._open.values())

    async def ask(self, count: int) -> None:
        """Ask for so many, to be sent within five seconds.

        :raises BridgeError: the server has answered that there is nobody to ask.
        """
        if self._trouble:
            raise BridgeError(self._trouble)
        self._count += 1
        until = asyncio.get_running_loop().time() + EXPIRES_SECONDS + GRACE_SECONDS
        self._open[str(self._count)] = _Open(count, until)
        request = {"batch": count, "expires": int(EXPIRES_SECONDS * 1_000_000_000)}
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=f"{self._inbox}.{self._count}")

    async def _received(self, message: Any) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            for one in self._open.values():  # the oldest request is served first
                if one.left > 0:
                    one.left -= 1
                    break
            self._take(message)
        elif status in _OVER:
            self._open.pop(message.subject.rpartition(".")[2], None)
        elif status not in _IGNORED:
            said = (message.headers or {}).get("Description", "nobody answers for it")
            self._trouble = f"the consumer cannot be asked: {status} {said}"
        self._stirred()
