"""Broker and ledger are stopped, crash, and come back with what they kept, at random, under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.storm import Setting, restarts, storm, thorough
from tests.servers import nats_server, place_for_servers, postgres_server, rabbitmq_server, redis_server


@pytest.mark.slow
async def test_rabbitmq_and_postgresql_are_restarted(tmp_path: Path) -> None:
    with place_for_servers() as place:
        async with rabbitmq_server(place, tmp_path) as broker, postgres_server(place, tmp_path) as ledger:
            setting = Setting("AmqpBridge", broker.url, ledger.url, tmp_path, share=0.6)
            account = await storm(setting, restarts(broker, ledger))
    _all_fell(account.faults, "rabbitmq", "postgresql")


@pytest.mark.slow
async def test_nats_and_postgresql_are_restarted(tmp_path: Path) -> None:
    with place_for_servers() as place:
        async with nats_server(place, tmp_path) as broker, postgres_server(place, tmp_path) as ledger:
            setting = Setting("NatsBridge", broker.url, ledger.url, tmp_path, share=0.6)
            account = await storm(setting, restarts(broker, ledger))
    _all_fell(account.faults, "nats", "postgresql")


@thorough
@pytest.mark.slow
async def test_nats_and_a_redis_that_writes_everything_down_are_restarted(tmp_path: Path) -> None:
    """``appendfsync always``: the only setting with which a crash of Redis takes nothing."""
    with place_for_servers() as place:
        async with nats_server(place, tmp_path) as broker, redis_server(place, tmp_path) as ledger:
            setting = Setting("NatsBridge", broker.url, ledger.url, tmp_path, share=0.6)
            account = await storm(setting, restarts(broker, ledger))
    _all_fell(account.faults, "nats", "redis")


def _all_fell(faults: dict[str, int], *names: str) -> None:
    for name in names:
        assert faults[f"{name} restarted"] >= 1
        assert faults[f"{name} crashed"] >= 1
