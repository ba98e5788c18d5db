"""The queue over NATS keeps the laws, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from purista.clock import Clock
from purista.queues.nats import NatsQueue
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import RealTime
from tests.subjects import Subjects


@pytest.fixture
async def subjects() -> AsyncIterator[Subjects]:
    subjects = Subjects()
    yield subjects
    await subjects.end()


class TestNatsQueue(RealTime, QueueSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, subjects: Subjects) -> None:
        self.subjects = subjects

    async def make(self, clock: Clock) -> NatsQueue:
        queue = NatsQueue(self.subjects.link(), clock=clock)
        await queue.start()
        return queue
