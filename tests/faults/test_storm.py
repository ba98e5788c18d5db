"""Nothing is lost, and nothing that ``forbid`` protects works twice at a time, whatever breaks.

``PURISTA_FAULT_SECONDS`` says for how long (25 by default; for minutes: ``PURISTA_FAULT_SECONDS=300 make faults``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker import Broker
from tests.faults.storm import storm
from tests.services import nats, postgres, rabbitmq, redis
from tests.subjects import Subjects


@pytest.mark.slow
async def test_over_rabbitmq_and_postgresql(schema: str, tmp_path: Path) -> None:
    broker = Broker("queue:fleet.work", "sub:fleet/1/onDue", "cmd:fleet/1/fleetCommand")
    options = {"prefix": broker.prefix, "exchange": broker.prefix}
    try:
        await storm("AmqpBridge", rabbitmq(), options, f"{postgres()}?schema={schema}", tmp_path)
    finally:
        await broker.end()


@pytest.mark.slow
async def test_over_nats_and_postgresql(schema: str, tmp_path: Path) -> None:
    subjects = Subjects()
    try:
        await storm("NatsBridge", nats(), {"prefix": subjects.prefix}, f"{postgres()}?schema={schema}", tmp_path)
    finally:
        await subjects.end()


@pytest.mark.slow
async def test_over_nats_and_redis(redis_prefix: str, tmp_path: Path) -> None:
    """Redis itself is not killed: it keeps nothing on disk here, and promises no more."""
    subjects = Subjects()
    try:
        await storm("NatsBridge", nats(), {"prefix": subjects.prefix}, f"{redis()}?prefix={redis_prefix}", tmp_path)
    finally:
        await subjects.end()
