"""Jobs in RabbitMQ: quorum queues with delays, counted attempts and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from purista.amqp import queues, wire
from purista.amqp.consumer import MAX_ATTEMPTS, AmqpConsumer, Source
from purista.amqp.delays import delayed
from purista.amqp.link import Link, Parcel
from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver, Limits
from purista.errors import BridgeError
from purista.messages import Message, derived_id, dump, load
from purista.queues.base import DeadJob, Enqueued

__all__ = ["AmqpQueue"]

LOOKED_THROUGH = 10_000
"""So many dead letters are looked through for those that are asked for."""


class AmqpQueue:
    """A :class:`~purista.queues.base.QueueBridge` over quorum queues of RabbitMQ.

    Nothing remembers ids here: a job that is enqueued again is worked again, unless it belongs to a run that needs a permit.
    """

    remembers = False

    def __init__(self, link: Link, *, clock: Clock | None = None) -> None:
        self.link = link
        self._clock = clock or SystemClock()
        self._consumers: set[AmqpConsumer] = set()

    async def start(self) -> None:
        """Connect."""
        await self.link.open()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then disconnect."""
        consumers, self._consumers = self._consumers, set()
        await asyncio.gather(*(consumer.close(drain=drain) for consumer in consumers))
        await self.link.close()

    async def enqueue(self, jobs: Sequence[Message]) -> list[Enqueued]:
        """Put jobs in, confirmed one by one: some may be in when others failed."""
        now = self._clock.now()
        refused = await self._refused({job["queueName"] for job in jobs})
        good = [job for job in jobs if job["queueName"] not in refused]
        soon = [job for job in good if job["scheduledAt"] <= now]
        late = [job for job in good if job["scheduledAt"] > now]
        sent, waiting = await asyncio.gather(
            self.link.send([self._parcel(job) for job in soon]),
            delayed(self.link, [(self._parcel(job), job["scheduledAt"] - now) for job in late]),
        )
        results = {id(job): result for job, result in zip(soon + late, sent + waiting, strict=True)}
        return [Enqueued(job["id"], error=_said(refused.get(job["queueName"]) or results.get(id(job)))) for job in jobs]

    async def _refused(self, names: set[str]) -> dict[str, BridgeError]:
        """The queues that cannot be declared, and why."""

        async def declared(name: str) -> BridgeError | None:
            try:
                await self._declared(name)
            except BridgeError as error:
                return error
            return None

        errors = await asyncio.gather(*map(declared, names))
        return {name: error for name, error in zip(names, errors, strict=True) if error is not None}

    async def consume(self, queue: str, work: Deliver, limits: Limits) -> Closeable:
        """Work a queue until closed."""
        name = self._name(queue)
        source = Source(f"queue:{queue}", name, queues.durable(name, "", []), identify=_identify)
        consumer = AmqpConsumer(self.link, self._clock, source, work, limits)
        await consumer.start()
        self._consumers = {known for known in self._consumers if not known.closed} | {consumer}
        return consumer

    async def dead(self, queue: str, limit: int = 100) -> list[DeadJob]:
        """The dead letters, oldest first."""
        found: list[DeadJob] = []
        await self._declared(queue)
        async for _, message in self._dead_letters(queue, limit):
            text = bytes(message.body).decode("utf-8", "backslashreplace")
            headers = message.header.properties.headers or {}
            reason = str(headers.get(wire.DEAD_REASON) or "taken too often and never settled")
            died = headers.get(wire.DIED_AT)
            found.append(
                DeadJob(
                    _identify(text, message.header.properties)[0], text, reason, died if isinstance(died, int) else 0
                )
            )
        return found

    async def requeue(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Bring dead letters back with fresh attempts."""
        wanted, back = set(ids), []
        await self._declared(queue)
        async for channel, message in self._dead_letters(queue, LOOKED_THROUGH):
            properties = message.header.properties
            id_ = _identify(bytes(message.body).decode("utf-8", "backslashreplace"), properties)[0]
            if id_ not in wanted:
                continue
            headers = {name: value for name, value in (properties.headers or {}).items() if not name.startswith("x-")}
            kept = {"message_id": properties.message_id or id_, "content_type": properties.content_type,
                    "content_encoding": properties.content_encoding, "delivery_mode": 2, "headers": headers}  # fmt: skip
            (failed,) = await self.link.send([Parcel(message.body, kept, "", self._name(queue))])
            if failed is None:
                await channel.basic_ack(message.delivery.delivery_tag)
                back.append(id_)
            wanted.discard(id_)
            if not wanted:
                break
        return back

    async def _dead_letters(self, queue: str, limit: int) -> AsyncIterator[tuple[Any, Any]]:
        """Each one taken, and given back when this ends, unless it was acknowledged."""
        name = wire.dead_name(self._name(queue))
        async with self.link.channel() as channel:
            for _ in range(limit):
                message = await channel.basic_get(name)
                if message.delivery is None or not hasattr(message.delivery, "delivery_tag"):
                    return
                yield channel, message

    async def _declared(self, queue: str) -> None:
        name = self._name(queue)
        await self.link.once(name, queues.durable(name, "", []))

    def _name(self, queue: str) -> str:
        return wire.queue_name(self.link.prefix, f"queue:{queue}")

    def _parcel(self, job: Message) -> Parcel:
        headers: dict[str, Any] = {}
        if job["scheduledAt"] > self._clock.now():
            headers[wire.DUE] = job["scheduledAt"]
        return Parcel(dump(job).encode(), wire.properties_of(job, headers), "", self._name(job["queueName"]))


def _identify(text: str, properties: Any) -> tuple[str, int]:
    try:
        job = load(text)
        return str(job["id"]), int(job.get("maxAttempts", MAX_ATTEMPTS))
    except (ValueError, KeyError, TypeError, RecursionError):
        return derived_id(str(properties.message_id), text), MAX_ATTEMPTS


def _said(error: BridgeError | None) -> str | None:
    return None if error is None else str(error)
