"""The driver's odd ways to end what waits for a connection: none of them ends what connects again."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from purista.amqp.consumer import AmqpDelivery
from purista.amqp.link import Link, Parcel
from purista.delivery import Delivery, Limits
from purista.errors import BridgeError
from purista.messages import job, new_id
from purista.queues.amqp import AmqpQueue
from purista.testing.suites.common import until
from tests.broker import Broker
from tests.services import rabbitmq

OPEN_OK = struct.pack(">HH", 10, 41)


class GoingDown:
    """In front of a broker that hangs up, cleanly, as soon as somebody is let in: while ``dying`` is set."""

    def __init__(self) -> None:
        place = urlsplit(rabbitmq())
        self.target = place.hostname or "127.0.0.1", place.port or 5672
        self.dying, self.hung_up = False, 0
        self.writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Future[object]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)
        self.writers |= {writer, back}
        pumps = {asyncio.ensure_future(self.pump(reader, back)), asyncio.ensure_future(self.pump(there, writer))}
        self.tasks |= pumps
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        writer.close()
        back.close()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            if self.dying and OPEN_OK in data:
                self.hung_up += 1
                writer.close()  # at once, so that it ends like a broker that goes down, and not with a reset
                return

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.close()


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    yield broker
    await broker.end()


async def test_a_broker_that_hangs_up_on_whoever_it_lets_in_is_tried_again(broker: Broker) -> None:
    """The driver rejects what waits for an answer with a bare Exception when a connection ends cleanly."""
    front = GoingDown()
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    place = urlsplit(rabbitmq())
    user, port = place.netloc.rpartition("@")[0] or "guest:guest", server.sockets[0].getsockname()[1]
    url = f"amqp://{user}@127.0.0.1:{port}{place.path}"
    link = Link(url, prefix=broker.prefix, exchange=broker.prefix, patience=2)
    await link.open()
    front.dying = True
    front.hang_up()
    await until(lambda: front.hung_up >= 3)
    assert not link.connected
    front.dying = False
    await until(lambda: link.connected)
    assert await link.send([Parcel(b"", exchange=broker.prefix)]) != [None], "no queue is bound"
    await link.close()
    server.close()
    front.hang_up()
    await asyncio.gather(*front.tasks, return_exceptions=True)


class Closed:
    """A connection whose channels end as the driver ends them."""

    is_closed = False

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def channel(self, **_: object) -> None:
        raise self.error


@pytest.mark.parametrize("error", [Exception(), RuntimeError("closed"), asyncio.CancelledError()])
async def test_whatever_the_driver_raises_is_an_error_of_the_bridge(error: BaseException) -> None:
    link = Link("amqp://guest@127.0.0.1/")
    link._connection = Closed(error)
    link._connected.set()
    with pytest.raises(BridgeError):
        async with link.channel():
            pass
    (failed,) = await link.send([Parcel(b"")])
    assert isinstance(failed, BridgeError)


async def test_who_is_cancelled_while_the_broker_does_not_answer_is_cancelled() -> None:
    link = Link("amqp://guest@127.0.0.1/")
    waits = asyncio.ensure_future(link.send([Parcel(b"")]))
    await asyncio.sleep(0.01)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits


class Hanging:
    """A connection whose channels cannot be closed: the driver cancels whoever tries."""

    is_closed = False

    async def channel(self, **_: object) -> Hanging:
        return self

    async def close(self) -> None:
        raise asyncio.CancelledError


async def test_a_channel_that_cannot_be_closed_ends_nobody() -> None:
    link = Link("amqp://guest@127.0.0.1/")
    link._connection = Hanging()
    link._connected.set()
    async with link.channel():
        pass


async def test_settling_on_a_connection_that_broke_does_not_wait_for_ever(broker: Broker) -> None:
    """The driver's queue of frames is full, and nobody writes them any more."""
    queue = AmqpQueue(broker.link(patience=0.3))
    broker.addresses.append("queue:work")
    await queue.start()
    settled: list[bool] = []

    async def act(delivery: Delivery) -> None:
        assert isinstance(delivery, AmqpDelivery)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delivery._channel, "basic_ack", lambda _: asyncio.Event().wait(), raising=False)
            settled.append(await delivery.ack())

    consumer = await queue.consume("work", act, Limits())
    await queue.enqueue([job(new_id(), "work", {}, created_at=0, scheduled_at=0, max_attempts=3)])
    await until(lambda: settled == [False])
    await consumer.close()
    await queue.stop()
