"""What breaks between us and NATS: nothing that was confirmed is lost, nobody waits for ever, everybody goes on."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import nats as library
import pytest

from purista.bridges.base import Subscription
from purista.bridges.nats import NatsSubjects
from purista.clock import SystemClock
from purista.delivery import Delivery, Limits
from purista.jetstream import wire
from purista.jetstream.link import Link
from purista.messages import Address, Message, command, command_success, custom_message, load, new_id
from purista.testing.suites.common import Inbox, until
from tests.proxy import Proxy
from tests.services import nats
from tests.subjects import Subjects

SENDER = Address("suite", "1", "test", "me")
ONE = Subscription("sub:a/1/one", "x")


@pytest.fixture
async def bridge(subjects: Subjects) -> AsyncIterator[NatsSubjects]:
    bridge = NatsSubjects(subjects.link(), instance="me")
    await bridge.start()
    yield bridge
    await bridge.stop(drain=False)


def event(number: int = 0, name: str = "x") -> Message:
    return custom_message(name, {"n": number}, SENDER, id=new_id(), timestamp=0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_connection_that_is_cut_under_load_loses_nothing_that_was_confirmed(subjects: Subjects) -> None:
    """nats-py leaves the sockets of attempts that failed to the collector, which is therefore called here."""
    place = urlsplit(nats())
    async with Proxy(place.hostname or "127.0.0.1", place.port or 4222) as proxy:
        url = f"nats://127.0.0.1:{proxy.port}"
        sender, receiver = (
            NatsSubjects(Link(url, prefix=subjects.prefix, patience=2), instance=name, clock=SystemClock())
            for name in ("me", "you")
        )
        await sender.start()
        await receiver.start()
        got: set[int] = set()

        async def take(delivery: Delivery) -> None:
            got.add(load(delivery.body)["payload"]["n"])
            await delivery.ack()

        limits = Limits(concurrency=20, visibility_ms=3_000)
        await receiver.subscribe(Subscription("sub:a/1/one", "x", limits), take)
        confirmed: set[int] = set()
        failed = 0
        for begin in range(0, 1_000, 50):
            if begin in (200, 500, 800):
                proxy.cut_after = proxy.forwarded + 10_000
            numbers = range(begin, begin + 50)
            results = await sender.publish([event(number) for number in numbers])
            confirmed |= {n for n, result in zip(numbers, results, strict=True) if result.error is None}
            failed += sum(result.error is not None for result in results)
            if not proxy.is_open:
                proxy.restore()
        assert failed, "the connection was cut in the middle of something"
        assert len(confirmed) > 500
        await until(lambda: confirmed <= got)
        await receiver.stop()
        await sender.stop()
    gc.collect()


async def test_a_stream_that_somebody_deletes_is_made_again(
    bridge: NatsSubjects, subjects: Subjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("purista.jetstream.consumer.LOOK_EVERY", 1)
    inbox = Inbox()
    await bridge.subscribe(ONE, inbox)
    stream = wire.stream_name(wire.event_filter("x", subjects.prefix), subjects.prefix)
    await bridge.link.stream.delete_stream(stream)
    for number in range(400):
        (delivered,) = await bridge.publish([event(number)])
        if delivered.receivers == 1:
            break
        await asyncio.sleep(0.05)
    await until(lambda: len(inbox) >= 1)


async def test_names_that_share_a_subject_are_told_apart(bridge: NatsSubjects) -> None:
    dotted, plain = Inbox(), Inbox()
    await bridge.subscribe(Subscription("sub:a/1/dotted", "a.b"), dotted)
    await bridge.subscribe(Subscription("sub:a/1/plain", "a_b"), plain)
    await bridge.publish([event(1, "a.b"), event(2, "a_b")])
    await until(lambda: len(dotted) == 1 and len(plain) == 1)
    assert [load(d.body)["payload"]["n"] for d in (*dotted.deliveries, *plain.deliveries)] == [1, 2]


async def test_waiting_for_a_permit_costs_no_attempt_and_no_place(bridge: NatsSubjects) -> None:
    attempts: list[tuple[int, int]] = []

    async def act(delivery: Delivery) -> None:
        number = load(delivery.body)["payload"]["n"]
        attempts.append((number, delivery.attempt))
        if number == 0 and len([n for n, _ in attempts if n == 0]) < 4:
            await delivery.retry(100, "not now", count=False)
        else:
            await delivery.ack()

    await bridge.subscribe(Subscription("sub:a/1/one", "x", Limits(concurrency=1)), act)
    await bridge.publish([event(0)])
    await until(lambda: attempts)
    await bridge.publish([event(1)])
    await until(lambda: len(attempts) == 5)
    assert {attempt for _, attempt in attempts} == {1}
    assert attempts.index((1, 1)) < 4, "the second was worked while the first waited"


async def test_a_command_that_nobody_takes_is_an_error(bridge: NatsSubjects) -> None:
    asked = command(Address("a", "1", "cleanup"), None, None, SENDER, id=new_id(), timestamp=0)
    (delivered,) = await bridge.publish([asked])
    assert delivered.error == "expected a service that takes the command a/1/cleanup, got none: start it"


async def test_a_peer_in_another_language_calls_and_is_called(bridge: NatsSubjects, subjects: Subjects) -> None:
    """Core NATS as PURISTA in TypeScript does it: request without headers, answer in the reply."""

    async def answer(delivery: Delivery) -> None:
        await bridge.publish([command_success(load(delivery.body), {"deleted": 12}, "me", 5)])
        await delivery.ack()

    await bridge.subscribe(Subscription("cmd:UserService/2.1/cleanUp"), answer)
    peer = await library.connect(nats())
    asked = command(Address("UserService", "2.1", "cleanUp"), {"days": 30}, {}, SENDER, id=new_id(), timestamp=1)
    reply = await peer.request(wire.subject_of(asked, subjects.prefix), json.dumps(asked).encode(), timeout=5)
    body = json.loads(reply.data)
    assert (body["messageType"], body["payload"], body["correlationId"]) == (
        "commandSuccessResponse", {"deleted": 12}, asked["correlationId"],
    )  # fmt: skip

    async def respond(message: library.aio.msg.Msg) -> None:
        await message.respond(json.dumps(command_success(json.loads(message.data), "done", "ts1", 9)).encode())

    await peer.subscribe(wire.command_filter("b", "1", "ts", subjects.prefix), queue="G", cb=respond)
    await peer.flush()
    inbox = Inbox()
    await bridge.subscribe(Subscription("reply:me"), inbox)
    ours = command(Address("b", "1", "ts"), {"n": 1}, None, SENDER, id=new_id(), timestamp=1)
    assert (await bridge.publish([ours]))[0].error is None
    await until(lambda: len(inbox) == 1)
    assert load(inbox.deliveries[0].body)["payload"] == "done"
    await peer.close()
