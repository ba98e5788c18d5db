"""What breaks between us and RabbitMQ: nothing that was confirmed is lost, nobody waits for ever, everybody goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiormq
import pytest

from purista.amqp import wire
from purista.amqp.link import Link
from purista.bridges.amqp import AmqpExchange
from purista.bridges.base import Subscription
from purista.clock import SystemClock
from purista.delivery import Delivery, Limits
from purista.errors import BridgeError
from purista.messages import Address, Message, command, command_success, custom_message, load, new_id
from purista.testing.suites.common import Inbox, until
from tests.broker import Broker
from tests.proxy import Proxy
from tests.services import rabbitmq

SENDER = Address("suite", "1", "test", "me")
ONE = Subscription("sub:a/1/one", "x")


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("sub:a/1/one", "cmd:a/1/cleanup", "cmd:b/1/ts", "reply:me")
    yield broker
    await broker.end()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    place = urlsplit(rabbitmq())
    async with Proxy(place.hostname or "127.0.0.1", place.port or 5672) as proxy:
        yield proxy


def through(broker: Broker, proxy: Proxy, patience: float = 2.0) -> AmqpExchange:
    place = urlsplit(rabbitmq())
    url = f"amqp://{place.netloc.rpartition('@')[0] or 'guest:guest'}@127.0.0.1:{proxy.port}{place.path}"
    return AmqpExchange(Link(url, prefix=broker.prefix, exchange=broker.prefix, patience=patience), clock=SystemClock())


def event(number: int = 0, name: str = "x") -> Message:
    return custom_message(name, {"n": number}, SENDER, id=new_id(), timestamp=0)


async def test_a_connection_that_is_cut_under_load_loses_nothing_that_was_confirmed(
    broker: Broker, proxy: Proxy
) -> None:
    sender, receiver = through(broker, proxy), through(broker, proxy)
    await sender.start()
    await receiver.start()
    got: set[int] = set()

    async def take(delivery: Delivery) -> None:
        await asyncio.sleep(0)
        got.add(load(delivery.body)["payload"]["n"])
        await delivery.ack()

    await receiver.subscribe(Subscription("sub:a/1/one", "x", Limits(concurrency=20)), take)
    confirmed: set[int] = set()
    failed = 0
    for begin in range(0, 1_000, 50):
        if begin in (200, 500, 800):
            proxy.cut_after = proxy.forwarded + 20_000
        numbers = range(begin, begin + 50)
        results = await sender.publish([event(number) for number in numbers])
        confirmed |= {number for number, result in zip(numbers, results, strict=True) if result.error is None}
        failed += sum(result.error is not None for result in results)
        if failed:
            proxy.restore()
    assert failed, "the connection was cut in the middle of something"
    assert len(confirmed) > 500
    await until(lambda: confirmed <= got)
    await receiver.stop()
    await sender.stop()


async def test_without_a_connection_publishing_says_so_in_time(broker: Broker, proxy: Proxy) -> None:
    bridge = through(broker, proxy, patience=0.3)
    await bridge.start()
    proxy.cut()
    await until(lambda: not bridge.link.connected)
    (delivered,) = await bridge.publish([event()])
    assert delivered.error is not None
    assert "not confirmed" in delivered.error
    health = await bridge.health()
    assert not health.ok
    assert "guest" not in health.detail + delivered.error
    proxy.restore()
    await until(lambda: bridge.link.connected)
    assert (await bridge.publish([event()]))[0].error is None
    await bridge.stop()


async def test_what_is_settled_after_its_connection_broke_is_refused(broker: Broker, proxy: Proxy) -> None:
    bridge = through(broker, proxy)
    await bridge.start()
    held: list[Delivery] = []
    release = asyncio.Event()

    async def hold(delivery: Delivery) -> None:
        held.append(delivery)
        if len(held) == 1:
            await release.wait()
            return
        await delivery.ack()

    await bridge.subscribe(ONE, hold)
    await bridge.publish([event(7)])
    await until(lambda: len(held) == 1)
    assert await held[0].renew()
    proxy.cut()
    await until(lambda: not bridge.link.connected)
    assert not await held[0].renew()
    assert not await held[0].ack()
    proxy.restore()
    await until(lambda: len(held) == 2)
    assert (held[1].id, held[1].attempt) == (held[0].id, 2), "redelivery is counted"
    release.set()
    await bridge.stop()


async def test_a_queue_that_somebody_deletes_is_made_again(broker: Broker) -> None:
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    inbox = Inbox()
    await bridge.subscribe(ONE, inbox)
    async with bridge.link.channel() as channel:
        await channel.queue_delete(broker.queue("sub:a/1/one"))

    async def receives() -> bool:
        return (await bridge.publish([event()]))[0].receivers == 1

    for _ in range(300):
        if await receives():
            break
        await asyncio.sleep(0.02)
    await until(lambda: len(inbox) == 1)
    await bridge.stop()


async def test_a_queue_with_other_options_is_refused_at_the_start(broker: Broker) -> None:
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    async with bridge.link.channel() as channel:
        await channel.queue_declare(broker.queue("sub:a/1/one"), durable=False)
    with pytest.raises(BridgeError, match="PRECONDITION_FAILED"):
        await bridge.subscribe(ONE, Inbox())
    await bridge.stop()


async def test_a_command_that_nobody_takes_is_an_error(broker: Broker) -> None:
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    asked = command(Address("a", "1", "cleanup"), None, None, SENDER, id=new_id(), timestamp=0)
    (delivered,) = await bridge.publish([asked])
    assert delivered.error == "expected a service that takes the command a/1/cleanup, got none: start it"
    await bridge.stop()


async def test_what_an_address_does_not_subscribe_to_any_more_is_unbound_and_put_aside(broker: Broker) -> None:
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    await bridge.declare([Subscription("sub:a/1/one", "old.name")])  # an earlier deployment
    inbox = Inbox()
    await bridge.subscribe(ONE, inbox)
    assert (await bridge.publish([event(1, "old.name")]))[0].receivers == 1
    await bridge.publish([event(2)])
    await until(lambda: len(inbox) == 1)

    async def gone() -> bool:
        return (await bridge.publish([event(3, "old.name")]))[0].receivers == 0

    for _ in range(300):
        if await gone():
            break
        await asyncio.sleep(0.01)
    assert await gone()
    async with bridge.link.channel() as channel:
        for _ in range(1_000):  # it is unbound first, then put aside
            dead = await channel.basic_get(wire.dead_name(broker.queue("sub:a/1/one")), no_ack=True)
            if dead.body:
                break
            await asyncio.sleep(0.01)
    assert "does not subscribe to 'old.name'" in dead.header.properties.headers[wire.DEAD_REASON]
    assert [load(delivery.body)["payload"]["n"] for delivery in inbox.deliveries] == [2]
    await bridge.stop()


async def test_what_is_no_message_reaches_the_receiver_who_puts_it_aside(broker: Broker) -> None:
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    inbox = Inbox(lambda delivery: delivery.dead("no message"))
    await bridge.subscribe(ONE, inbox)
    async with bridge.link.channel() as channel:
        for body in (b"\xff\xfe", b"[]", b"{", b"", b'{"id":1,"messageType":2,"eventName":"x"}'):
            properties = aiormq.spec.Basic.Properties(headers={"eventName": "x", wire.ATTEMPT: "many", wire.DUE: [1]})
            await channel.basic_publish(body, exchange=broker.prefix, properties=properties)
    await until(lambda: len(inbox) == 5)
    assert len(set(inbox.ids)) == 5
    await bridge.stop()


async def test_a_peer_in_another_language_calls_and_is_called(broker: Broker) -> None:
    """Raw AMQP as PURISTA in TypeScript does it: server-named reply queue bound by ``replyTo``, transient command queue."""
    bridge = AmqpExchange(broker.link())
    await bridge.start()
    connection = await aiormq.connect(rabbitmq())
    peer = await connection.channel()
    replies = (await peer.queue_declare("", exclusive=True, auto_delete=True)).queue
    await peer.queue_bind(replies, broker.prefix, arguments={"x-match": "all", "replyTo": replies})
    answers: asyncio.Queue[aiormq.abc.DeliveredMessage] = asyncio.Queue()
    await peer.basic_consume(replies, answers.put, no_ack=True)

    async def answer(delivery: Delivery) -> None:
        await bridge.publish([command_success(load(delivery.body), {"deleted": 12}, "me", 5)])
        await delivery.ack()

    await bridge.subscribe(Subscription("cmd:a/1/cleanup"), answer)
    asked = command(
        Address("a", "1", "cleanup"), {"days": 30}, {}, Address("ts", "1", "x", "ts1"), id=new_id(), timestamp=1
    )
    properties = aiormq.spec.Basic.Properties(
        message_id=asked["id"], content_type="application/json", content_encoding="utf-8", message_type="command",
        correlation_id=asked["correlationId"], reply_to=replies, headers=dict(wire.headers_of(asked)),
    )  # fmt: skip
    await peer.basic_publish(json.dumps(asked).encode(), exchange=broker.prefix, properties=properties)
    got = await asyncio.wait_for(answers.get(), 10)
    body, headers = json.loads(got.body), got.header.properties.headers
    assert (body["messageType"], body["payload"], body["correlationId"]) == (
        "commandSuccessResponse", {"deleted": 12}, asked["correlationId"],
    )  # fmt: skip
    assert (headers["replyTo"], headers["receiverServiceInstanceId"]) == (replies, "ts1")
    assert got.header.properties.content_encoding == "utf-8"

    queue = broker.queue("cmd:b/1/ts")
    await peer.queue_declare(queue, durable=False, auto_delete=True)
    binding = {"x-match": "all", "messageType": "command", "receiverServiceName": "b", "receiverServiceVersion": "1",
               "receiverServiceTarget": "ts"}  # fmt: skip
    await peer.queue_bind(queue, broker.prefix, arguments=binding)
    inbox = Inbox()
    await bridge.subscribe(Subscription("reply:me"), inbox)
    calls: asyncio.Queue[aiormq.abc.DeliveredMessage] = asyncio.Queue()
    await peer.basic_consume(queue, calls.put, no_ack=True)
    ours = command(Address("b", "1", "ts"), {"n": 1}, None, SENDER, id=new_id(), timestamp=1)
    assert (await bridge.publish([ours]))[0].error is None
    call = await asyncio.wait_for(calls.get(), 10)
    reply_to = call.header.properties.reply_to
    response = command_success(json.loads(call.body), "done", "ts1", 9)
    await peer.basic_publish(
        json.dumps(response).encode(), exchange=broker.prefix,
        properties=aiormq.spec.Basic.Properties(headers={"replyTo": reply_to, "messageType": "commandSuccessResponse"}),
    )  # fmt: skip
    await until(lambda: len(inbox) == 1)
    assert load(inbox.deliveries[0].body)["payload"] == "done"
    await connection.close()
    await bridge.stop()
