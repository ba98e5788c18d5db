"""Clocks of gateways and workers are 90 seconds ahead, right, or 90 seconds behind; each process has its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.storm import Setting, storm, thorough
from tests.services import nats, postgres, rabbitmq, redis

SKEWS = {"skews": [-90_000, 0, 90_000]}


@pytest.mark.slow
async def test_over_rabbitmq_and_postgresql(schema: str, amqp_options: dict[str, str], tmp_path: Path) -> None:
    ledger = f"{postgres()}?schema={schema}"
    await storm(Setting("AmqpBridge", rabbitmq(), ledger, tmp_path, amqp_options, config=SKEWS, share=0.6))


@thorough
@pytest.mark.slow
async def test_over_nats_and_redis(redis_prefix: str, nats_options: dict[str, str], tmp_path: Path) -> None:
    ledger = f"{redis()}?prefix={redis_prefix}"
    await storm(Setting("NatsBridge", nats(), ledger, tmp_path, nats_options, config=SKEWS, share=0.6))
