"""PURISTA's messages over NATS: the same subjects, streams, headers and bodies as PURISTA in TypeScript."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from purista.bridges.base import Delivered, Health, Subscription
from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver
from purista.errors import BridgeError
from purista.jetstream import wire
from purista.jetstream.consumer import MAX_ATTEMPTS, UNBOUNDED, NatsConsumer, Source
from purista.jetstream.link import Link
from purista.messages import Message, derived_id, dump, load, run_of

__all__ = ["NatsSubjects"]

log = logging.getLogger("purista.nats")
ASKED_AT_MOST = 10_000
STREAM_KNOWN_MS = 5_000
_ANSWERS = ("commandSuccessResponse", "commandErrorResponse")


class NatsSubjects:
    """An :class:`~purista.bridges.base.EventBridge` over NATS with JetStream.

    Events are kept by a stream for each event name, for the subscriptions that are known then. A scheduled command waits in a
    stream of its own for a Python service that takes it, or is sent to whoever listens now. A message that is published again
    within two minutes is dropped by the server; later it is delivered again under the same delivery id.
    """

    volatile = False
    remembers = False

    def __init__(self, link: Link, *, instance: str, clock: Clock | None = None) -> None:
        self.link = link
        self._clock = clock or SystemClock()
        self._inbox = f"_INBOX.{link.prefix}.{instance}"
        self._consumers: set[NatsConsumer] = set()
        self._listening: set[_Listening] = set()
        self._replies: dict[str, Deliver] = {}
        self._asked: OrderedDict[str, str] = OrderedDict()  # correlation id → the subject that waits for the answer
        self._unheard: set[str] = set()
        self._inbound: Any = None
        self._streams: dict[str, tuple[int, str | None]] = {}

    async def start(self) -> None:
        """Connect, and listen for answers."""
        await self.link.open()
        self.link.reopened.add(self._listen_again)
        await self._listen_again()

    async def _listen_again(self) -> None:
        """On a new connection."""
        self._inbound = await self.link.client.subscribe(f"{self._inbox}.*", cb=self._answered)
        for listening in tuple(self._listening):
            await listening.begin()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then disconnect."""
        consumers, self._consumers = self._consumers, set()
        listening, self._listening = self._listening, set()
        self.link.reopened.discard(self._listen_again)
        everything: list[Closeable] = [*consumers, *listening]
        await asyncio.gather(*(one.close(drain=drain) for one in everything))
        await self.link.close()

    async def publish(self, messages: Sequence[Message]) -> list[Delivered]:
        """Send with confirmation. ``receivers`` is 1 where a stream took it: NATS does not say for how many."""
        return list(await asyncio.gather(*map(self._publish, messages)))

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """See :class:`~purista.bridges.base.EventBridge`."""
        for subscription in subscriptions:
            await self._source(subscription).declare()

    async def subscribe(self, subscription: Subscription, deliver: Deliver) -> Closeable:
        """Declare stream and consumer, and start to deliver. Commands are taken from whoever asks, too."""
        address = subscription.address
        if address.startswith("reply:"):
            return await self._reply_to(address.partition(":")[2], deliver)
        consumer = NatsConsumer(self.link, self._clock, self._source(subscription), deliver, subscription.limits)
        await consumer.start()
        self._consumers = {known for known in self._consumers if not known.closed} | {consumer}
        if subscription.event is not None:
            return consumer
        return _Both(consumer, await self._listen(subscription, deliver))

    async def health(self) -> Health:
        """Whether there is a connection."""
        if self.link.connected:
            return Health(ok=True, detail=f"NATS, subjects {self.link.prefix}.*")
        return Health(ok=False, detail="not connected")

    # Events and commands out

    async def _publish(self, message: Message) -> Delivered:
        try:
            kind = message["messageType"]
            if kind == "command":
                return await self._command(message)
            if kind in _ANSWERS:
                return await self._answer(message)
            return await self._event(message)
        except BridgeError as error:
            return Delivered(error=str(error))

    async def _event(self, message: Message) -> Delivered:
        subject, body = wire.subject_of(message, self.link.prefix), dump(message).encode()
        headers = wire.headers_of(message) | {"Nats-Msg-Id": message["id"]}
        stream = await self._stream_of(wire.event_filter(message["eventName"], self.link.prefix))
        if stream is None:
            failed = await self.link.tell(subject, body, headers)
            return Delivered(0) if failed is None else Delivered(error=str(failed))
        failed = await self.link.send(subject, body, headers)
        if failed is not None:
            self._streams.clear()  # somebody may have deleted it
        return Delivered(1) if failed is None else Delivered(error=str(failed))

    async def _command(self, message: Message) -> Delivered:
        to = message["receiver"]
        address = f"cmd:{to['serviceName']}/{to['serviceVersion']}/{to['serviceTarget']}"
        body, headers = dump(message).encode(), wire.headers_of(message)
        if run_of(message) is not None and await self._stream_of(self._durable(address)) is not None:
            headers["Nats-Msg-Id"] = message["id"]
            failed = await self.link.send(self._durable(address), body, headers)
            return Delivered(1) if failed is None else Delivered(error=str(failed))
        correlation = str(message.get("correlationId"))
        failed = await self.link.tell(
            wire.subject_of(message, self.link.prefix), body, headers, f"{self._inbox}.{correlation}"
        )
        for turn in range(1_000):  # what the server said before it answered the flush is here, and wants its turn
            await asyncio.sleep(0)
            if turn > 20 and not self._inbound.pending_msgs:
                break
        if failed is not None:
            return Delivered(error=str(failed))
        if correlation in self._unheard:
            self._unheard.discard(correlation)
            name = address.partition(":")[2]
            return Delivered(error=f"expected a service that takes the command {name}, got none: start it")
        return Delivered(1)

    async def _answer(self, message: Message) -> Delivered:
        reply = self._asked.pop(str(message.get("correlationId", "")), None)
        if reply is None:
            return Delivered(0)  # nobody waits: a scheduled command, or one from before this process
        failed = await self.link.tell(reply, dump(message).encode(), wire.headers_of(message))
        return Delivered(1) if failed is None else Delivered(error=str(failed))

    async def _stream_of(self, filter_: str) -> str | None:
        """The stream that keeps a subject; looked for again after five seconds where there was none."""
        at, known = self._streams.get(filter_, (0, None))
        now = self._clock.now()
        if known is not None or 0 <= now - at < STREAM_KNOWN_MS:
            return known
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - it is there: the connection is

        try:
            found: str | None = await self.link.stream.find_stream_name_by_subject(filter_)
        except NotFoundError:
            found = None
        except self.link.errors as error:
            raise BridgeError(f"the server does not answer: {type(error).__name__}") from error
        self._streams[filter_] = now, found
        return found

    # Events and commands in

    def _durable(self, address: str) -> str:
        """The subject of scheduled commands: theirs alone, because a stream over commands would answer the callers."""
        service, version, target = address.partition(":")[2].split("/", 2)
        return f"{self.link.prefix}.scheduled.{wire.token(service)}.{wire.token(version)}.{wire.token(target)}"

    def _source(self, subscription: Subscription) -> Source:
        address, link = subscription.address, self.link
        kind, _, rest = address.partition(":")
        subject = (
            self._durable(address) if subscription.event is None else wire.event_filter(subscription.event, link.prefix)
        )
        word = {"sub": "subscription", "cmd": "command"}.get(kind, kind)
        consumer = wire.sanitized(f"{word}_{rest.replace('/', '_')}_{derived_id(address, subject)[:8]}")
        stream = wire.stream_name(subject, link.prefix)

        async def declare() -> None:
            from nats.js import api  # noqa: PLC0415 - it is there: the connection is

            await link.make_stream(f"{link.prefix}_dead", [f"{link.prefix}.dead.*"])
            await link.make_stream(stream, [subject], retention=api.RetentionPolicy.INTEREST)
            config = api.ConsumerConfig(
                durable_name=consumer, ack_policy=api.AckPolicy.EXPLICIT, deliver_policy=api.DeliverPolicy.NEW,
                ack_wait=subscription.limits.visibility_ms / 1000, max_ack_pending=UNBOUNDED, filter_subject=subject,
            )  # fmt: skip
            try:
                await link.stream.add_consumer(stream, config)
            except link.errors as error:
                raise BridgeError(f"the server refuses the consumer {consumer!r}: {error}") from error
            self._streams[subject] = self._clock.now(), stream

        def wants(body: str) -> bool:
            try:
                return subscription.event is None or load(body).get("eventName") == subscription.event
            except (ValueError, RecursionError):
                return True  # the receiver says what is wrong with it

        alone = subject if subscription.event is None else None
        return Source(address, stream, consumer, declare, _identifier(address), wants, alone)

    async def _listen(self, subscription: Subscription, deliver: Deliver) -> _Listening:
        """Commands of callers that wait, as PURISTA sends them: by request, to one of a group."""
        listening = _Listening(self, subscription, deliver)
        await listening.begin()
        self._listening.add(listening)
        return listening

    def remember(self, body: str, reply: str) -> None:
        """Who waits for the answer to a command."""
        try:
            correlation = str(load(body).get("correlationId"))
        except (ValueError, RecursionError):
            return
        self._asked[correlation] = reply
        while len(self._asked) > ASKED_AT_MOST:
            self._asked.popitem(last=False)

    # Answers

    async def _reply_to(self, instance: str, deliver: Deliver) -> Closeable:
        self._replies[instance] = deliver
        return _Reply(self._replies, instance)

    async def _answered(self, message: Any) -> None:
        correlation = message.subject.rpartition(".")[2]
        if (message.headers or {}).get("Status") == "503":
            self._unheard.add(correlation)
            return
        body = bytes(message.data).decode("utf-8", "backslashreplace")
        try:
            answer = load(body)
            instance = str(answer["receiver"].get("instanceId"))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return  # such as a stream's own acknowledgement
        deliver = self._replies.get(instance)
        if deliver is not None:
            await deliver(_Heard(derived_id(correlation, str(answer.get("messageType"))), f"reply:{instance}", body))


def _identifier(address: str) -> Any:
    def identify(text: str) -> tuple[str, int]:
        try:
            message = load(text)
            run = run_of(message)
            id_ = derived_id(run.run, address) if run else derived_id(message["id"], message["messageType"], address)
        except (ValueError, KeyError, TypeError, RecursionError):
            return derived_id(text, address), MAX_ATTEMPTS
        return id_, MAX_ATTEMPTS

    return identify


@dataclass(slots=True)
class _Heard:
    """A :class:`~purista.delivery.Delivery` that nothing keeps: an answer, or a request whose caller waits."""

    id: str
    address: str
    body: str
    attempt: int = 1
    max_attempts: int = 1
    lease: str = ""
    again: list[int] = field(default_factory=list)

    async def ack(self) -> bool:
        """Nothing to acknowledge."""
        return True

    async def retry(self, delay_ms: int, reason: str | None = None, *, count: bool = True) -> bool:  # noqa: ARG002
        """It is handed on once more after the delay."""
        self.again.append(delay_ms)
        return True

    async def dead(self, reason: str) -> bool:
        """Its caller is told by the answer, or by silence."""
        log.warning("dropped a request: %s", reason, extra={"action": "request_dropped", "address": self.address})
        return True

    async def renew(self) -> bool:
        """Nobody else has it."""
        return True


class _Listening:
    """Requests of callers that wait, a bounded number at once."""

    def __init__(self, bridge: NatsSubjects, subscription: Subscription, deliver: Deliver) -> None:
        self.subscription: Any = None
        self._bridge, self._address, self._deliver = bridge, subscription.address, deliver
        self._slots = asyncio.Semaphore(subscription.limits.concurrency)
        self._busy: set[asyncio.Task[None]] = set()
        self._identify = _identifier(subscription.address)

    async def begin(self) -> None:
        """Listen, on the connection that there is now."""
        link, (service, version, target) = self._bridge.link, self._address.partition(":")[2].split("/", 2)
        self.subscription = await link.client.subscribe(
            wire.command_filter(service, version, target, link.prefix),
            wire.queue_group(service, version, target, link.prefix), cb=self.take,
        )  # fmt: skip
        await link.client.flush(timeout=max(1, int(link.patience)))

    async def take(self, message: Any) -> None:
        """One request."""
        body = bytes(message.data).decode("utf-8", "backslashreplace")
        if message.reply:
            self._bridge.remember(body, message.reply)
        task = asyncio.get_running_loop().create_task(self._work(_Heard(self._identify(body)[0], self._address, body)))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing new; wait for what is in work, or cancel it."""
        self._bridge._listening.discard(self)
        if self.subscription is not None and self._bridge.link.connected:
            subscription, self.subscription = self.subscription, None
            with suppress(*self._bridge.link.errors):  # it may be of a connection that was closed meanwhile
                await subscription.unsubscribe()
        if not drain:
            for task in self._busy:
                task.cancel()
        while self._busy:
            await asyncio.wait(set(self._busy))

    async def _work(self, delivery: _Heard) -> None:
        async with self._slots:
            while True:
                delivery.again = []
                try:
                    await self._deliver(delivery)
                except Exception:
                    log.exception("a request was not answered", extra={"action": "unsettled", "address": self._address})
                    return
                if not delivery.again:
                    return
                await self._bridge._clock.sleep(delivery.again[-1] / 1000)


@dataclass(slots=True)
class _Both:
    """A command's durable consumer and its listener, closed together."""

    durable: NatsConsumer
    listening: _Listening

    async def close(self, *, drain: bool = True) -> None:
        """See :class:`~purista.delivery.Closeable`."""
        await asyncio.gather(self.durable.close(drain=drain), self.listening.close(drain=drain))


@dataclass(slots=True)
class _Reply:
    replies: dict[str, Deliver]
    instance: str

    async def close(self, *, drain: bool = True) -> None:  # noqa: ARG002 - an answer is handed on at once
        """See :class:`~purista.delivery.Closeable`."""
        self.replies.pop(self.instance, None)
