"""Jobs in NATS JetStream: a work-queue stream for each queue, with delays, counted attempts and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver, Limits
from purista.errors import BridgeError
from purista.jetstream import wire
from purista.jetstream.consumer import MAX_ATTEMPTS, UNBOUNDED, NatsConsumer, Source, dead_subject
from purista.jetstream.link import Link
from purista.messages import Message, derived_id, dump, load
from purista.queues.base import DeadJob, Enqueued

__all__ = ["NatsQueue"]

LOOKED_THROUGH = 10_000
"""So many dead letters are looked through for those that are asked for."""
LOOK_SECONDS = 0.5


class NatsQueue:
    """A :class:`~purista.queues.base.QueueBridge` over work-queue streams of JetStream.

    Enqueued again within two minutes, a job is dropped by the server; later it is worked again, unless it belongs to a run that
    needs a permit.
    """

    remembers = False

    def __init__(self, link: Link, *, clock: Clock | None = None) -> None:
        self.link = link
        self._clock = clock or SystemClock()
        self._consumers: set[NatsConsumer] = set()
        self._declared: set[str] = set()

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
        try:
            for name in {job["queueName"] for job in jobs}:
                await self._declare(name)
        except BridgeError as error:
            return [Enqueued(job["id"], error=str(error)) for job in jobs]
        return await asyncio.gather(*(self._put(job) for job in jobs))

    async def _put(self, job: Message) -> Enqueued:
        put = await self._sent(job, job["id"])
        if isinstance(put, BridgeError):
            return Enqueued(job["id"], error=str(put))
        return Enqueued(job["id"], duplicate=put)

    async def consume(self, queue: str, work: Deliver, limits: Limits) -> Closeable:
        """Work a queue until closed."""

        async def declare() -> None:
            self._declared.discard(queue)
            await self._declare(queue, limits.visibility_ms)

        source = Source(
            f"queue:{queue}",
            self._stream(queue),
            self._consumer(queue),
            declare,
            _identify,
            subject=self._subject(queue),
        )
        consumer = NatsConsumer(self.link, self._clock, source, work, limits)
        await consumer.start()
        self._consumers = {known for known in self._consumers if not known.closed} | {consumer}
        return consumer

    async def dead(self, queue: str, limit: int = 100) -> list[DeadJob]:
        """The dead letters, oldest first."""
        return [_dead_job(message) for message in await self._dead_letters(queue, limit)]

    async def requeue(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Bring dead letters back with fresh attempts."""
        wanted, back = set(ids), []
        for message in await self._dead_letters(queue, LOOKED_THROUGH):
            text = bytes(message.data).decode("utf-8", "backslashreplace")
            id_ = _identify(text)[0]
            if id_ not in wanted:
                continue
            sequence = message.metadata.sequence.stream
            headers = {"Nats-Msg-Id": f"{id_}-again-{sequence}"}
            if await self.link.send(self._subject(queue), message.data, headers) is None:
                await self.link.stream.delete_msg(f"{self.link.prefix}_dead", sequence)
                back.append(id_)
        return back

    async def _dead_letters(self, queue: str, limit: int) -> list[Any]:
        """Copies of them: reading takes nothing away."""
        await self._declare(queue)
        from nats.js import api  # noqa: PLC0415 - it is there: the connection is

        subject = dead_subject(self.link.prefix, self._consumer(queue))
        found: list[Any] = []
        try:
            config = api.ConsumerConfig(
                ack_policy=api.AckPolicy.NONE, filter_subject=subject, deliver_policy=api.DeliverPolicy.ALL,
                inactive_threshold=30,
            )  # fmt: skip
            reading = await self.link.stream.pull_subscribe(subject, stream=f"{self.link.prefix}_dead", config=config)
            left = (await reading.consumer_info()).num_pending or 0
            while left > 0 and len(found) < limit:
                messages = await reading.fetch(min(100, limit - len(found), left), timeout=LOOK_SECONDS)
                found += messages
                left -= len(messages)
            await reading.unsubscribe()
        except TimeoutError:
            return found
        except self.link.errors as error:
            raise BridgeError(f"the server does not answer: {type(error).__name__}: {error}") from error
        return found

    async def _sent(self, job: Message, id_: str) -> BridgeError | bool:
        """Why it failed, else whether it was there already."""
        headers = {"Nats-Msg-Id": id_}
        if job["scheduledAt"] > self._clock.now():
            headers[wire.DUE] = str(job["scheduledAt"])
        return await self.link.put(self._subject(job["queueName"]), dump(job).encode(), headers)

    async def _declare(self, queue: str, visibility_ms: int | None = None) -> None:
        """Stream, dead letters and (where it is known how long a lease lasts) the consumer; once per connection."""
        if queue in self._declared and visibility_ms is None:
            return
        from nats.js import api  # noqa: PLC0415 - it is there: the connection is

        link = self.link
        await link.make_stream(f"{link.prefix}_dead", [f"{link.prefix}.dead.*"])
        await link.make_stream(self._stream(queue), [self._subject(queue)], retention=api.RetentionPolicy.WORK_QUEUE)
        if visibility_ms is not None:
            config = api.ConsumerConfig(
                durable_name=self._consumer(queue), ack_policy=api.AckPolicy.EXPLICIT, ack_wait=visibility_ms / 1000,
                max_ack_pending=UNBOUNDED, filter_subject=self._subject(queue),
            )  # fmt: skip
            try:
                await link.stream.add_consumer(self._stream(queue), config)
            except link.errors as error:
                raise BridgeError(f"the server refuses the consumer of queue {queue!r}: {error}") from error
        self._declared.add(queue)

    def _subject(self, queue: str) -> str:
        return f"{self.link.prefix}.queue.{_word(queue)}.pending"

    def _stream(self, queue: str) -> str:
        return wire.sanitized(f"{self.link.prefix}_queue_{_word(queue)}_pending")

    def _consumer(self, queue: str) -> str:
        return wire.sanitized(f"queue_{_word(queue)}_consumer")


def _word(queue: str) -> str:
    """A queue's name as one token: what had to be replaced is told apart by a hash."""
    word = wire.sanitized(queue)
    return word if word == queue else f"{word[:150]}_{derived_id(queue)[:8]}"


def _identify(text: str) -> tuple[str, int]:
    try:
        job = load(text)
        return str(job["id"]), int(job.get("maxAttempts", MAX_ATTEMPTS))
    except (ValueError, KeyError, TypeError, RecursionError):
        return derived_id(text), MAX_ATTEMPTS


def _dead_job(message: Any) -> DeadJob:
    text, headers = bytes(message.data).decode("utf-8", "backslashreplace"), message.headers or {}
    died = headers.get(wire.DIED_AT, "0")
    return DeadJob(
        _identify(text)[0],
        text,
        headers.get(wire.DEAD_REASON, "no reason was given"),
        int(died) if died.isdigit() else 0,
    )
