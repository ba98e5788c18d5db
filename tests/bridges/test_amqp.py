"""The event bridge over RabbitMQ keeps the laws, on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from purista.bridges.amqp import AmqpExchange
from purista.clock import Clock
from purista.testing.suites import BridgeSuite
from purista.testing.suites.common import RealTime
from tests.broker import Broker

ADDRESSES = (
    "sub:a/1/one", "sub:a/1/two", "sub:a/1/other", "sub:a/1/broken", "sub:a/1/fine", "cmd:a/1/cleanup", "reply:instance",
    "reply:somebody-else",
)  # fmt: skip


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker(*ADDRESSES)
    yield broker
    await broker.end()


class TestAmqpExchange(RealTime, BridgeSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, broker: Broker) -> None:
        self.broker = broker

    async def make(self, clock: Clock) -> AmqpExchange:
        bridge = AmqpExchange(self.broker.link(), clock=clock)
        await bridge.start()
        return bridge
