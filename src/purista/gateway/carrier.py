"""What was decided, handed to the bridge or the queue that it is for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from purista.bridges.base import Delivered, EventBridge
from purista.errors import BridgeError
from purista.ledgers.base import Outgoing
from purista.messages import Message, load
from purista.queues.base import Enqueued, QueueBridge
from purista.telemetry import sending

__all__ = ["Carrier"]

log = logging.getLogger("purista.gateway")


class Carrier:
    """A :class:`~purista.gateway.publishing.Publisher` over an event bridge and a queue."""

    def __init__(self, bridge: EventBridge, queue: QueueBridge) -> None:
        self._bridge, self._queue = bridge, queue

    async def publish_raw(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
        """Send with confirmation; per message None or why it failed. An event that the ledger knows receivers of, and that
        the bridge can give to none of them, has failed."""
        wires = [load(message.message) for message in messages]
        jobs = [number for number, wire in enumerate(wires) if "queueName" in wire]
        events = [number for number, wire in enumerate(wires) if "queueName" not in wire]
        results: list[Exception | None] = [None] * len(messages)
        with sending(wires) as failures:
            await self._send(messages, wires, events, jobs, results)
            failures[:] = ["" if error is None else str(error) for error in results]
        return results

    async def _send(
        self, messages: Sequence[Outgoing], wires: Sequence[Message], events: list[int], jobs: list[int],
        results: list[Exception | None],
    ) -> None:  # fmt: skip
        """Bridge and queue, each for itself: what one of them confirmed is not sent again because the other failed."""
        for numbers, act in ((events, self._publish), (jobs, self._enqueue)):
            if not numbers:
                continue
            try:
                found = await act([messages[n] for n in numbers], [wires[n] for n in numbers])
            except Exception as error:
                log.exception("cannot publish", extra={"action": "publish_failed"})
                found = [error] * len(numbers)
            for number, result in zip(numbers, found, strict=True):
                results[number] = result

    async def _publish(self, messages: Sequence[Outgoing], wires: Sequence[Message]) -> list[Exception | None]:
        delivered = await self._bridge.publish(wires)
        return [_published(*each) for each in zip(messages, wires, delivered, strict=True)]

    async def _enqueue(self, _: Sequence[Outgoing], wires: Sequence[Message]) -> list[Exception | None]:
        return [_enqueued(one) for one in await self._queue.enqueue(wires)]


def _published(message: Outgoing, wire: Message, delivered: Delivered) -> Exception | None:
    if delivered.error is not None:
        return BridgeError(delivered.error)
    if delivered.receivers or not message.roots:
        return None
    expected = ", ".join(address for _, address in message.roots)
    return BridgeError(
        f"expected {wire.get('eventName')!r} to reach {expected}, it reached nobody: start its service, which subscribes"
    )


def _enqueued(enqueued: Enqueued) -> Exception | None:
    return None if enqueued.error is None else BridgeError(enqueued.error)
