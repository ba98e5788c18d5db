"""The queue over RabbitMQ keeps the laws, on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from purista.clock import Clock
from purista.queues.amqp import AmqpQueue
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import RealTime
from tests.broker import Broker


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("queue:work", "queue:other")
    yield broker
    await broker.end()


class TestAmqpQueue(RealTime, QueueSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, broker: Broker) -> None:
        self.broker = broker

    async def make(self, clock: Clock) -> AmqpQueue:
        queue = AmqpQueue(self.broker.link(), clock=clock)
        await queue.start()
        return queue
