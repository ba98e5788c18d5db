"""The disk of the ledger is full for seconds, again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.storm import Setting, full_disk, storm
from tests.servers import Disk, place_for_servers, postgres_server
from tests.services import nats, rabbitmq


@pytest.mark.privileged
@pytest.mark.slow
async def test_of_a_ledger_in_a_file(amqp_options: dict[str, str], tmp_path: Path) -> None:
    with place_for_servers("8m") as place:
        setting = Setting("AmqpBridge", rabbitmq(), str(place / "ledger.db"), tmp_path, amqp_options, share=0.6)
        account = await storm(setting, full_disk(Disk(place)))
    assert account.refused > 0, "nobody was told"


@pytest.mark.privileged
@pytest.mark.slow
async def test_of_postgresql(nats_options: dict[str, str], tmp_path: Path) -> None:
    """Not that of NATS: a write that fails there may take messages with it that it had confirmed."""
    with place_for_servers("128m") as place:
        async with postgres_server(place, tmp_path, "max_wal_size=4MB") as ledger:
            setting = Setting("NatsBridge", nats(), ledger.url, tmp_path, nats_options, share=0.6)
            account = await storm(setting, full_disk(Disk(place), ledger))
    assert account.refused > 0, "nobody was told"
