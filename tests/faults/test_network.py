"""Every packet between the fleet and its servers is late, some are lost, and connections stall for seconds.

Half the load of other storms: an act on the ledger is several round trips, and each lost packet costs 0.2 seconds or more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.storm import SEED, Setting, kills, stalls, storm, thorough
from tests.lossy import Lossy
from tests.services import nats, postgres, rabbitmq


@pytest.mark.privileged
@pytest.mark.slow
@pytest.mark.parametrize("bridge", ["NatsBridge", pytest.param("AmqpBridge", marks=thorough)])
async def test_packets_are_late_and_lost(
    bridge: str, schema: str, amqp_options: dict[str, str], nats_options: dict[str, str], tmp_path: Path
) -> None:
    amqp = bridge == "AmqpBridge"
    ledger = f"{postgres()}?schema={schema}"
    async with Lossy(delay=0.02, jitter=0.01, loss=0.03, seed=SEED) as network:
        setting = Setting(
            bridge, rabbitmq() if amqp else nats(), ledger, tmp_path, amqp_options if amqp else nats_options,
            {"permit_ms": 10_000, "schedules": 6}, before=network.before, listen=network.address, share=0.6,
        )  # fmt: skip
        account = await storm(setting, lambda scene: [*kills(scene), *stalls(scene)])
        print(f"{network.lost} of {network.carried} packets were lost")
    assert network.lost > 0.01 * network.carried > 1
    assert account.faults["broker stalled"] >= 1
    assert account.faults["ledger stalled"] >= 1
