"""Takes messages out of one durable consumer of JetStream, a bounded number at once, also when the connection breaks.

JetStream counts every delivery. Where one was no attempt (nobody let it begin), the message stays here, kept alive, until it is
handed on again: waiting costs neither an attempt nor a place. When this consumer is closed meanwhile, a copy takes its place
and says how often it was tried. (Not for events: the subscriptions of a stream share its messages.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from purista.clock import Clock
from purista.delivery import Deliver, Limits, readable
from purista.errors import BridgeError
from purista.jetstream import wire
from purista.jetstream.link import Link
from purista.jetstream.pulls import Pulls

__all__ = ["MAX_ATTEMPTS", "UNBOUNDED", "NatsConsumer", "NatsDelivery", "Source", "dead_subject"]

log = logging.getLogger("purista.nats")
AGAIN_SECONDS, LOOK_SECONDS, LOOK_EVERY = 1.0, 1.0, 10
MAX_ATTEMPTS = 10
UNBOUNDED = -1
"""For ``max_ack_pending``: what waits for its time counts there, and would stop everything else. What a worker takes is bounded
by what it asks for."""
PARKED_AT_MOST = 1_000  # messages that one consumer keeps alive till they may begin
LEAST_REASON = 60  # bytes of a dead letter's reason that are worth more than the headers that the message had


@dataclass(frozen=True, slots=True)
class Source:
    """What is consumed: an address, and the stream and consumer that ``declare`` makes. ``identify`` gives a message's
    delivery id and attempts; ``wants`` says whether it is meant for this address at all. ``subject``: a copy that is sent there
    comes to this consumer, and to no other."""

    address: str
    stream: str
    consumer: str
    declare: Callable[[], Awaitable[None]]
    identify: Callable[[str], tuple[str, int]]
    wants: Callable[[str], bool] = lambda _: True
    subject: str | None = None


def dead_subject(prefix: str, consumer: str) -> str:
    """Where the dead letters of a consumer are; the stream ``<prefix>_dead`` keeps them."""
    return f"{prefix}.dead.{consumer}"


class NatsDelivery:
    """A :class:`~purista.delivery.Delivery` out of JetStream. Its lease ends when it is not renewed."""

    def __init__(self, consumer: NatsConsumer, message: Any, body: str, id: str, max_attempts: int) -> None:
        self.id, self.body, self.max_attempts = id, body, max_attempts
        self.address = consumer.source.address
        self._consumer, self._message = consumer, message
        meta = message.metadata
        self.due = _number(message, wire.DUE)
        taken = meta.num_delivered
        if self.due > consumer.clock.now():
            taken = 1  # nobody can have begun it, however often it was handed out
        elif taken > 1 and self.due > int(meta.timestamp.timestamp() * 1000):
            taken -= 1  # it was seen once before its time
        self.attempt = max(1, _number(message, wire.ATTEMPT)) + max(1, taken) - 1
        self.lease = f"{id}#{meta.sequence.stream}#{meta.num_delivered}"
        self.settled, self.parked_until = False, 0
        self.until = 0

    @property
    def held(self) -> bool:
        """Whether it is still ours."""
        return not self.settled and self._consumer.clock.now() < self.until

    async def ack(self) -> bool:
        """See :class:`~purista.delivery.Delivery`. Confirmed by the server."""
        return await self._end(lambda: self._message.ack_sync(timeout=self._consumer.link.patience))

    async def retry(self, delay_ms: int, reason: str | None = None, *, count: bool = True) -> bool:  # noqa: ARG002
        """See :class:`~purista.delivery.Delivery`."""
        if not self.held:
            return False
        if not count and self._consumer.closed:
            return await self.give_back(self._consumer.clock.now() + delay_ms)
        if not count:
            self.parked_until = self._consumer.clock.now() + max(1, delay_ms)
            return await self.renew()
        return await self._end(lambda: self._message.nak(delay=delay_ms / 1000 if delay_ms > 0 else None))

    async def give_back(self, due: int) -> bool:
        """It was not begun, and shall not be before ``due``: a copy in its place, so that this does not count."""
        if not self.held:
            return False
        subject, link, now = self._consumer.source.subject, self._consumer.link, self._consumer.clock.now()
        if subject is not None:
            meta, headers = self._message.metadata, dict(self._message.headers or {})
            headers |= {wire.ATTEMPT: str(self.attempt), wire.DUE: str(due if due > now else 0)}
            headers["Nats-Msg-Id"] = f"back-{self.id}-{meta.sequence.stream}-{meta.num_delivered}"
            if (failed := await link.send(subject, self._message.data, headers)) is None:
                return await self.ack()
            log.info("given back, and counted: %s", failed, extra={"action": "back_counted", "delivery": self.id})
        return await self._end(lambda: self._message.nak(delay=(due - now) / 1000 if due > now else None))

    async def dead(self, reason: str) -> bool:
        """See :class:`~purista.delivery.Delivery`.

        :raises BridgeError: the copy was not confirmed; the message comes again when its lease ends.
        """
        if not self.held:
            return False
        consumer = self._consumer
        subject = dead_subject(consumer.link.prefix, consumer.source.consumer)
        headers = self._dead_headers(" ".join(readable(reason).split()))
        if (failed := await consumer.link.send(subject, self._message.data, headers)) is not None:
            raise failed
        return await self.ack()

    def _dead_headers(self, reason: str) -> dict[str, str]:
        """As many of them as there is room for: a message may be as large as the server allows, and its copy no larger."""
        consumer, body = self._consumer, self._message.data
        id_ = f"dead-{consumer.source.consumer}-{self._message.metadata.sequence.stream}"
        ours = {wire.DEAD_REASON: "", wire.DIED_AT: str(consumer.clock.now()), "Nats-Msg-Id": id_}
        for headers in (dict(self._message.headers or {}) | ours, ours, {wire.DEAD_REASON: ""}):
            if (room := consumer.link.room(body, headers)) >= min(len(reason), LEAST_REASON):
                return headers | {wire.DEAD_REASON: wire.cut(reason, room)}
        return {}

    async def renew(self) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        if not self.held:
            return False
        try:
            await self._message.in_progress()
        except self._consumer.link.errors as error:
            log.info("not renewed: %s", error, extra={"action": "renew_failed", "delivery": self.id})
            return False
        self.until = self._consumer.clock.now() + self._consumer.limits.visibility_ms
        return True

    async def _end(self, act: Callable[[], Awaitable[Any]]) -> bool:
        if not self.held:
            return False
        self.settled = True
        try:
            await act()
        except self._consumer.link.errors as error:
            log.info("settled too late: %s", error, extra={"action": "settle_failed", "delivery": self.id})
            return False
        return True


class NatsConsumer:
    """One durable consumer, ``limits.concurrency`` messages at a time."""

    def __init__(self, link: Link, clock: Clock, source: Source, deliver: Deliver, limits: Limits) -> None:
        self.link, self.clock, self.source, self.limits = link, clock, source, limits
        self._deliver = deliver
        self._busy: set[asyncio.Task[None]] = set()
        self._parked: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._freed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._idle = 0
        self._pulls: Pulls | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more."""
        return self._stopping.is_set()

    async def start(self) -> None:
        """Begin to take messages; returns when the server knows this consumer.

        :raises BridgeError: the server refuses.
        """
        await self.source.declare()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"consume {self.source.address}")

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing new; wait for what is in work, or cancel it. May be called again, also while another call waits."""
        self._stopping.set()
        self._freed.set()
        if self._pulls is not None:
            await self._pulls.stop()  # or what is given back now would come again, here
        for task in self._parked if drain else self._parked | self._busy:
            if not task.cancelling():  # it puts its message down now: once is enough
                task.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})
        await self._settled()

    async def _settled(self) -> None:
        while self._busy or self._parked:
            await asyncio.wait(self._busy | self._parked)

    async def _run(self) -> None:
        declared = True
        while not self._stopping.is_set():
            try:
                if not declared:
                    await self.source.declare()
                declared = True
                await self._session()
            except Exception as error:  # noqa: BLE001 - the server may be away for hours: this consumer outlives it
                declared = False
                log.warning(
                    "cannot take messages: %s", error, extra={"action": "take_failed", "of": self.source.address}
                )
                await self._pause(AGAIN_SECONDS)
        await self._settled()

    async def _session(self) -> None:
        """From one subscription to its end, or to ours."""
        client = self.link.client
        pulls = self._pulls = Pulls(client, self.source.stream, self.source.consumer, self._begin, self._freed.set)
        await pulls.start()
        try:
            while not self._stopping.is_set():
                if self.link.client is not client:
                    raise BridgeError("the connection was closed")
                self._freed.clear()
                free = self.limits.concurrency - len(self._busy) - pulls.asked
                if free > 0 and len(self._parked) < PARKED_AT_MOST:
                    await pulls.ask(free)
                try:
                    await asyncio.wait_for(self._freed.wait(), LOOK_SECONDS)
                except TimeoutError:
                    await self._look()
        finally:
            await pulls.stop()

    async def _look(self) -> None:
        """Nothing came: because there is nothing, or because somebody deleted our consumer, who does not say so."""
        self._idle += 1
        if self._idle % LOOK_EVERY == 0 and self.link.connected:
            await self.link.stream.consumer_info(self.source.stream, self.source.consumer)

    def _begin(self, message: Any) -> None:
        text = bytes(message.data).decode("utf-8", "backslashreplace")
        id_, max_attempts = self.source.identify(text)
        delivery = NatsDelivery(self, message, text, id_, max_attempts)
        delivery.until = self.clock.now() + self.limits.visibility_ms
        self._spawn(self._busy, self._work(delivery, message))

    def _spawn(self, place: set[asyncio.Task[None]], work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        place.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            place.discard(ended)
            self._freed.set()

        task.add_done_callback(done)

    async def _work(self, delivery: NatsDelivery, message: Any) -> None:
        early = delivery.due - self.clock.now()
        try:
            if early > 0 and message.metadata.num_delivered == 1:
                await message.nak(delay=early / 1000)
                delivery.settled = True
                return
            if early > 0 or self.closed:  # the server forgot how long it should wait, or it came when we were leaving
                await delivery.give_back(delivery.due)
                return
            if not self.source.wants(delivery.body):
                await delivery.ack()  # another name with the same subject
                return
            delivery.parked_until = 0
            await self._deliver(delivery)
        except Exception:
            log.exception("a delivery was not settled", extra={"action": "unsettled", "delivery": delivery.id})
        if delivery.parked_until and delivery.held:
            self._spawn(self._parked, self._park(delivery, message))
            return
        await self._lease_ends(delivery, message)

    async def _park(self, delivery: NatsDelivery, message: Any) -> None:
        """Wait here, and keep it alive."""
        try:
            while (left := delivery.parked_until - self.clock.now()) > 0:
                await self.clock.sleep(min(left, self.limits.visibility_ms // 3) / 1000)
                if not await delivery.renew():
                    return
        except asyncio.CancelledError:
            await delivery.give_back(delivery.parked_until)
            raise
        self._spawn(self._busy, self._work(delivery, message))

    async def _lease_ends(self, delivery: NatsDelivery, message: Any) -> None:
        """Nobody settled it: the server gives it to somebody when its lease is over; at the end of this consumer, at once."""
        while delivery.held:
            waits = {
                asyncio.ensure_future(self.clock.sleep(max(0, delivery.until - self.clock.now()) / 1000)),
                asyncio.ensure_future(self._stopping.wait()),
            }
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waits:
                    task.cancel()
            if self._stopping.is_set() and delivery.held:
                delivery.settled = True
                await message.nak()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _number(message: Any, header: str) -> int:
    """A number out of a header, which anybody may have written; 0 where there is none."""
    text = (message.headers or {}).get(header, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
