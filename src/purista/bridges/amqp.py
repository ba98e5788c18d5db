"""PURISTA's messages over RabbitMQ: the same exchange, queues, headers and bodies as PURISTA in TypeScript."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from purista.amqp import queues, wire
from purista.amqp.consumer import MAX_ATTEMPTS, AmqpConsumer, Source
from purista.amqp.link import Link, Parcel, Unroutable
from purista.bridges.base import Delivered, Health, Subscription
from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver, Delivery
from purista.errors import BridgeError
from purista.messages import Message, derived_id, dump, load, run_of

__all__ = ["AmqpExchange"]

log = logging.getLogger("purista.amqp")
ASKED_AT_MOST = 10_000
_ANSWERS = ("commandSuccessResponse", "commandErrorResponse")


class AmqpExchange:
    """An :class:`~purista.bridges.base.EventBridge` over a headers exchange of RabbitMQ.

    Durable once ``publish`` has answered: quorum queues, messages confirmed. Nothing remembers ids here: a message that is
    published again is delivered again, with the same delivery id.
    """

    volatile = False
    remembers = False

    def __init__(self, link: Link, *, clock: Clock | None = None) -> None:
        self.link = link
        self._clock = clock or SystemClock()
        self._consumers: set[AmqpConsumer] = set()
        self._asked: OrderedDict[str, str] = OrderedDict()  # correlation id → who waits for the answer

    async def start(self) -> None:
        """Connect."""
        await self.link.open()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then disconnect."""
        consumers, self._consumers = self._consumers, set()
        await asyncio.gather(*(consumer.close(drain=drain) for consumer in consumers))
        await self.link.close()

    async def publish(self, messages: Sequence[Message]) -> list[Delivered]:
        """Send with confirmation. ``receivers`` is 1 where at least one queue took it: RabbitMQ does not say how many."""
        results = await self.link.send([self._parcel(message) for message in messages])
        return [_delivered(message, result) for message, result in zip(messages, results, strict=True)]

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """See :class:`~purista.bridges.base.EventBridge`."""
        for subscription in subscriptions:
            async with self.link.channel() as channel:
                await self._source(subscription).declare(channel)

    async def subscribe(self, subscription: Subscription, deliver: Deliver) -> Closeable:
        """Declare the queue and its binding, and start to deliver."""
        source = self._source(subscription)
        receive = deliver if subscription.event is None else self._only(subscription, source, deliver)
        consumer = AmqpConsumer(self.link, self._clock, source, receive, subscription.limits)
        await consumer.start()
        self._consumers = {known for known in self._consumers if not known.closed} | {consumer}
        return consumer

    async def health(self) -> Health:
        """Whether there is a connection."""
        if self.link.connected:
            return Health(ok=True, detail=f"RabbitMQ, exchange {self.link.exchange}")
        return Health(ok=False, detail=self.link.trouble)

    def _source(self, subscription: Subscription) -> Source:
        address, link = subscription.address, self.link
        queue = wire.queue_name(link.prefix, address)
        binding = wire.binding_of(address, subscription.event, queue)
        if address.startswith("reply:"):
            declare = queues.temporary(queue, link.exchange, binding)
            return Source(address, queue, declare, identify=self._identify(address), no_ack=True)
        declare = queues.durable(queue, link.exchange, [binding])
        return Source(address, queue, declare, identify=self._identify(address))

    def _identify(self, address: str) -> Any:
        def identify(text: str, properties: Any) -> tuple[str, int]:
            try:
                message = load(text)
                run = run_of(message)
                id_ = (
                    derived_id(run.run, address) if run else derived_id(message["id"], message["messageType"], address)
                )
            except (ValueError, KeyError, TypeError, RecursionError):
                return derived_id(str(properties.message_id), text, address), MAX_ATTEMPTS
            if message["messageType"] == "command" and properties.reply_to:
                self._remember(str(message.get("correlationId")), properties.reply_to)
            return id_, MAX_ATTEMPTS

        return identify

    def _remember(self, correlation: str, reply_to: str) -> None:
        self._asked[correlation] = reply_to
        while len(self._asked) > ASKED_AT_MOST:
            self._asked.popitem(last=False)

    def _only(self, subscription: Subscription, source: Source, deliver: Deliver) -> Deliver:
        """RabbitMQ keeps the bindings of earlier deployments: what this address does not want any more is put aside."""

        async def receive(delivery: Delivery) -> None:
            try:
                event = load(delivery.body).get("eventName")
            except (ValueError, RecursionError):
                event = subscription.event  # the receiver says what is wrong with it
            if event == subscription.event:
                await deliver(delivery)
                return
            log.warning(
                "%s does not subscribe to %r any more: unbound", source.address, event, extra={"action": "unbound"}
            )
            old = wire.binding_of(source.address, str(event), source.queue)
            async with self.link.channel() as channel:
                await channel.queue_unbind(source.queue, self.link.exchange, arguments=old)
            await delivery.dead(f"{source.address} does not subscribe to {event!r} any more")

        return receive

    def _parcel(self, message: Message) -> Parcel:
        kind = message["messageType"]
        asks = answers = None
        if kind == "command":
            asks = wire.queue_name(self.link.prefix, f"reply:{message['sender'].get('instanceId', '')}")
        elif kind in _ANSWERS:
            answers = self._asked.pop(message.get("correlationId", ""), None)
            if answers is None:
                answers = wire.queue_name(self.link.prefix, f"reply:{message['receiver'].get('instanceId', '')}")
        properties = wire.properties_of(message, wire.headers_of(message, answers), reply_to=asks)
        return Parcel(dump(message).encode(), properties, self.link.exchange)


def _delivered(message: Message, result: BridgeError | None) -> Delivered:
    if result is None:
        return Delivered(1)
    if not isinstance(result, Unroutable):
        return Delivered(error=str(result))
    if message["messageType"] != "command":
        return Delivered(0)
    to = message["receiver"]
    name = f"{to.get('serviceName')}/{to.get('serviceVersion')}/{to.get('serviceTarget')}"
    return Delivered(error=f"expected a service that takes the command {name}, got none: start it")
