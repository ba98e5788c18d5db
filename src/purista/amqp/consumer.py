"""Takes messages out of one queue of RabbitMQ, a bounded number at once, over as many connections as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from purista.amqp import wire
from purista.amqp.delays import delayed
from purista.amqp.link import Link, Parcel, cancelled
from purista.clock import Clock
from purista.delivery import Deliver, Limits, readable
from purista.errors import BridgeError

__all__ = ["AmqpConsumer", "AmqpDelivery", "Source"]

log = logging.getLogger("purista.amqp")
AGAIN_SECONDS = 1.0
LEAST_MS = 250  # that a message is kept which can neither be worked nor wait elsewhere
MAX_ATTEMPTS = 10
COUNT = "x-delivery-count"  # of a quorum queue: how often it was taken and not settled


class Source:
    """What is consumed: an address and its queue. ``declare`` makes queue and bindings on a channel."""

    def __init__(
        self,
        address: str,
        queue: str,
        declare: Callable[[Any], Awaitable[None]],
        *,
        identify: Callable[[str, Any], tuple[str, int]],
        no_ack: bool = False,
    ) -> None:
        self.address, self.queue, self.declare, self.identify, self.no_ack = address, queue, declare, identify, no_ack


class AmqpDelivery:
    """A :class:`~purista.delivery.Delivery` out of a queue. Its lease ends when it is not renewed, or with its channel."""

    def __init__(
        self, consumer: AmqpConsumer, channel: Any, message: Any, body: str, id: str, max_attempts: int
    ) -> None:
        self.id, self.body, self.max_attempts = id, body, max_attempts
        self.address = consumer.source.address
        self._consumer, self._channel, self._message = consumer, channel, message
        self._tag = message.delivery.delivery_tag
        properties = message.header.properties
        headers = properties.headers or {}
        self.due = _number(headers.get(wire.DUE), 0)
        self.early = self.due > consumer.clock.now()  # then nobody can have begun it, however often it was taken
        self.attempt = _number(headers.get(wire.ATTEMPT), 1) + (0 if self.early else _number(headers.get(COUNT), 0))
        self.lease = f"{id}#{self.attempt}#{self._tag}"
        self.settled = consumer.source.no_ack
        self.until = 0

    @property
    def held(self) -> bool:
        """Whether it is still ours."""
        return not self.settled and not self._channel.is_closed

    async def ack(self) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        if self._consumer.source.no_ack:
            return True
        return await self._let_go(lambda: self._channel.basic_ack(self._tag))

    async def retry(self, delay_ms: int, reason: str | None = None, *, count: bool = True) -> bool:  # noqa: ARG002
        """See :class:`~purista.delivery.Delivery`. A copy is sent first, so nothing is lost between the two.

        :raises BridgeError: the copy was not confirmed; the message comes again when its channel ends.
        """
        if not self.held:
            return False
        headers = {wire.ATTEMPT: self.attempt + 1 if count else self.attempt}
        if delay_ms > 0:
            headers[wire.DUE] = self._consumer.clock.now() + delay_ms
        await self._send_on(self._parcel(self._consumer.source.queue, headers), delay_ms)
        return await self.ack()

    async def dead(self, reason: str) -> bool:
        """See :class:`~purista.delivery.Delivery`.

        :raises BridgeError: the copy was not confirmed; the message comes again when its channel ends.
        """
        if not self.held:
            return False
        headers = {wire.DEAD_REASON: readable(reason), wire.DIED_AT: self._consumer.clock.now()}
        await self._send_on(self._parcel(wire.dead_name(self._consumer.source.queue), headers), 0)
        return await self.ack()

    async def renew(self) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        if not self.held:
            return False
        self.until = self._consumer.clock.now() + self._consumer.limits.visibility_ms
        return True

    async def wait_again(self) -> None:
        """It came too early: let it wait for the rest.

        :raises BridgeError: the copy was not confirmed; this one comes again when its lease ends.
        """
        await self._back(max(1, self.due - self._consumer.clock.now()))

    async def release(self) -> bool:
        """Back to the queue at once. The broker counts it, unless it came too early: then a copy goes back, if it can."""
        if self.early and self.held:
            try:
                return await self._back(0)
            except BridgeError as error:
                log.info("given back, and counted: %s", error, extra={"action": "early_counted", "delivery": self.id})
        return await self._let_go(lambda: self._channel.basic_nack(self._tag, requeue=True))

    async def _back(self, delay_ms: int) -> bool:
        headers = {wire.ATTEMPT: self.attempt, wire.DUE: self.due}
        await self._send_on(self._parcel(self._consumer.source.queue, headers), delay_ms)
        return await self.ack()

    async def _let_go(self, act: Callable[[], Awaitable[Any]]) -> bool:
        if not self.held:
            return False
        self.settled = True
        try:
            # The driver waits for ever to write to what broke; its errors are many, and all mean that the channel is gone.
            async with asyncio.timeout(self._consumer.link.patience):
                await act()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and cancelled():
                raise
            log.info("settled too late: %s", error, extra={"action": "settle_failed", "delivery": self.id})
            return False
        return True

    def _parcel(self, queue: str, headers: dict[str, Any]) -> Parcel:
        known = self._message.header.properties
        old = {name: value for name, value in (known.headers or {}).items() if not name.startswith("x-")}
        properties = {
            "message_id": known.message_id or self.id, "content_type": known.content_type,
            "content_encoding": known.content_encoding, "delivery_mode": 2, "message_type": known.message_type,
            "correlation_id": known.correlation_id, "reply_to": known.reply_to, "timestamp": known.timestamp,
            "headers": old | headers,
        }  # fmt: skip
        return Parcel(self._message.body, {n: v for n, v in properties.items() if v is not None}, "", queue)

    async def _send_on(self, parcel: Parcel, delay_ms: int) -> None:
        link = self._consumer.link
        (result,) = await delayed(link, [(parcel, delay_ms)]) if delay_ms > 0 else await link.send([parcel])
        if result is not None:
            raise result


class AmqpConsumer:
    """One queue, ``limits.concurrency`` messages at a time. Begins again whenever its channel ends."""

    def __init__(self, link: Link, clock: Clock, source: Source, deliver: Deliver, limits: Limits) -> None:
        self.link, self.clock, self.source, self.limits = link, clock, source, limits
        self._deliver = deliver
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more."""
        return self._stopping.is_set()

    async def start(self) -> None:
        """Begin to take messages; returns when the broker knows this consumer.

        :raises BridgeError: the broker refuses, such as a queue that exists with other options.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"consume {self.source.address}")
        try:
            await asyncio.shield(self._begun)
        except BaseException:
            await self.close(drain=False)
            raise

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing new; wait for what is in work, or cancel it. May be called again, also while another call waits."""
        self._stopping.set()
        if not drain:
            for task in self._busy:
                if not task.cancelling():  # it puts its message down now: once is enough
                    task.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._session()
            except Exception as error:  # noqa: BLE001 - the broker may be away for hours: this consumer outlives it
                if not self._begun.done():
                    self._begun.set_exception(error)
                    self._begun.exception()  # whoever waits hears it; nobody must
                    return
                log.warning(
                    "cannot take messages: %s", error, extra={"action": "take_failed", "queue": self.source.queue}
                )
                await self._pause(AGAIN_SECONDS)
        while self._busy:
            await asyncio.wait(set(self._busy))

    async def _session(self) -> None:
        """From a channel's beginning to its end, or to ours."""
        async with self.link.channel(prefetch=self.limits.concurrency) as channel:
            gone = asyncio.get_running_loop().create_future()
            channel.on_consumer_cancel_callbacks.add(lambda _: None if gone.done() else gone.set_result(True))
            async with asyncio.timeout(self.link.patience):
                await self.source.declare(channel)

                async def take(message: Any) -> None:
                    self._take(channel, message)

                tag = (await channel.basic_consume(self.source.queue, take, no_ack=self.source.no_ack)).consumer_tag
            if not self._begun.done():
                self._begun.set_result(None)
            stopping = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({stopping, channel.closing, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
            if self._stopping.is_set() and not channel.is_closed:
                async with asyncio.timeout(self.link.patience):
                    await channel.basic_cancel(tag)
                while self._busy:  # they settle on this channel
                    await asyncio.wait(set(self._busy))
            elif gone.done():
                raise BridgeError(f"the queue {self.source.queue!r} was deleted")
            else:
                raise BridgeError("the channel was closed")

    def _take(self, channel: Any, message: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._work(channel, message))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _work(self, channel: Any, message: Any) -> None:
        text = bytes(message.body).decode("utf-8", "backslashreplace")
        id_, max_attempts = self.source.identify(text, message.header.properties)
        delivery = AmqpDelivery(self, channel, message, text, id_, max_attempts)
        now = self.clock.now()
        delivery.until = now + self.limits.visibility_ms
        try:
            if delivery.early:
                # Where it cannot wait it is kept, no longer than it shall wait: it would come again at once.
                delivery.until = min(delivery.until, max(delivery.due, now + LEAST_MS))
                await delivery.wait_again()
                return
            await self._deliver(delivery)
        except Exception:
            log.exception("a delivery was not settled", extra={"action": "unsettled", "delivery": id_})
        await self._lease_ends(delivery)

    async def _lease_ends(self, delivery: AmqpDelivery) -> None:
        """Nobody settled it: it comes again when its lease is over."""
        while delivery.held:
            left = delivery.until - self.clock.now()
            if left <= 0:
                await delivery.release()
                return
            await self._sleep(left / 1000)
            if self._stopping.is_set() and delivery.held:
                await delivery.release()

    async def _sleep(self, seconds: float) -> None:
        """Till then, or till this consumer is closed."""
        waits = {asyncio.ensure_future(self.clock.sleep(seconds)), asyncio.ensure_future(self._stopping.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def _number(value: Any, otherwise: int) -> int:
    """A number out of a header, which anybody may have written."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return otherwise
    try:
        return int(value)
    except ValueError:
        return otherwise
