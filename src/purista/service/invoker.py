"""Commands that wait for their answer."""

from __future__ import annotations

import asyncio
from typing import Any

from purista.bridges.base import EventBridge, Subscription
from purista.delivery import Closeable, Delivery, readable
from purista.errors import HandlerError, InvokeTimeout, UnhandledError
from purista.messages import Message, load

__all__ = ["Invoker"]


class Invoker:
    """Sends commands and pairs answers with them by ``correlationId``. One per process; its address is the instance."""

    def __init__(self, bridge: EventBridge, instance: str) -> None:
        self._bridge, self._instance = bridge, instance
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._replies: Closeable | None = None
        self._opening = asyncio.Lock()

    async def invoke(self, message: Message, timeout: float) -> Any:
        """The result of a command. An answer that comes after ``timeout`` seconds is dropped.

        :raises HandlerError: the command's expected error, with its data.
        :raises UnhandledError: any other failure there.
        :raises InvokeTimeout: no answer in time.
        """
        async with self._opening:
            if self._replies is None:
                self._replies = await self._bridge.subscribe(Subscription(f"reply:{self._instance}"), self._receive)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[message["correlationId"]] = future
        try:
            await self._bridge.publish([message])
            answer = await asyncio.wait_for(future, timeout)
        except TimeoutError:
            to = message["receiver"]
            name = f"{to['serviceName']}/{to['serviceVersion']}/{to['serviceTarget']}"
            raise InvokeTimeout(
                f"expected an answer of {name} within {timeout:g} s, got none; it may still be worked"
            ) from None
        finally:
            self._waiting.pop(message["correlationId"], None)
        return _result(answer)

    async def close(self) -> None:
        """Stop to listen for answers."""
        if self._replies is not None:
            await self._replies.close(drain=False)
            self._replies = None

    async def _receive(self, delivery: Delivery) -> None:
        try:
            answer = load(delivery.body)
        except (ValueError, RecursionError) as error:
            await delivery.dead(readable(f"expected an answer, got something else: {error}"))
            return
        future = self._waiting.get(answer.get("correlationId", ""))
        if future is not None and not future.done():
            future.set_result(answer)
        await delivery.ack()


def _result(answer: Message) -> Any:
    if answer["messageType"] == "commandSuccessResponse":
        return answer.get("payload")
    payload = answer.get("payload") or {}
    text, status = str(payload.get("message", "")), int(payload.get("status", 500))
    if answer.get("isHandledError"):
        raise HandlerError(text, status=status, data=payload.get("data"))
    raise UnhandledError(text)
