"""The event bridge over NATS keeps the laws, on a real server."""

from __future__ import annotations

import pytest

from purista.bridges.nats import NatsSubjects
from purista.clock import Clock
from purista.testing.suites import BridgeSuite
from purista.testing.suites.common import RealTime
from tests.subjects import Subjects


class TestNatsSubjects(RealTime, BridgeSuite):
    remembers = False

    @pytest.fixture(autouse=True)
    def _place(self, subjects: Subjects) -> None:
        self.subjects = subjects

    async def make(self, clock: Clock) -> NatsSubjects:
        bridge = NatsSubjects(self.subjects.link(), instance="instance", clock=clock)
        await bridge.start()
        return bridge
