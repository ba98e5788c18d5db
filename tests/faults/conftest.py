"""Names of a test's own on the machine's brokers, and nothing left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.broker import Broker
from tests.subjects import Subjects


@pytest.fixture
async def amqp_options() -> AsyncIterator[dict[str, str]]:
    broker = Broker("queue:fleet.work", "sub:fleet/1/onDue", "cmd:fleet/1/fleetCommand")
    yield {"prefix": broker.prefix, "exchange": broker.prefix}
    await broker.end()


@pytest.fixture
async def nats_options() -> AsyncIterator[dict[str, str]]:
    subjects = Subjects()
    yield {"prefix": subjects.prefix}
    await subjects.end()
