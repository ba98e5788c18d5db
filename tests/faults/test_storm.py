"""Nothing is lost, and nothing that ``forbid`` protects works twice at a time, whatever breaks.

``PURISTA_FAULT_SECONDS`` says for how long (25 by default; for minutes: ``PURISTA_FAULT_SECONDS=300 make faults``),
``PURISTA_FAULT_SCHEDULES`` how many schedules are due every three seconds (12).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.storm import SECONDS, Setting, storm
from tests.services import nats, postgres, rabbitmq, redis


@pytest.mark.slow
async def test_over_rabbitmq_and_postgresql(schema: str, amqp_options: dict[str, str], tmp_path: Path) -> None:
    ledger = f"{postgres()}?schema={schema}"
    account = await storm(Setting("AmqpBridge", rabbitmq(), ledger, tmp_path, amqp_options))
    assert account.faults.total() >= SECONDS / 4


@pytest.mark.slow
async def test_over_nats_and_postgresql(schema: str, nats_options: dict[str, str], tmp_path: Path) -> None:
    ledger = f"{postgres()}?schema={schema}"
    account = await storm(Setting("NatsBridge", nats(), ledger, tmp_path, nats_options))
    assert account.faults.total() >= SECONDS / 4


@pytest.mark.slow
async def test_over_nats_and_redis(redis_prefix: str, nats_options: dict[str, str], tmp_path: Path) -> None:
    """This Redis is not killed: it keeps nothing on disk, and promises no more."""
    ledger = f"{redis()}?prefix={redis_prefix}"
    account = await storm(Setting("NatsBridge", nats(), ledger, tmp_path, nats_options))
    assert account.faults.total() >= SECONDS / 4
