"""A broker that is away, and what it means for a command."""

from __future__ import annotations

import pytest

from purista.cli.exits import UNAVAILABLE
from tests.cli.conftest import Purista
from tests.services import rabbitmq

AWAY = {
    "nobody listens": "amqp://guest:s3cret@127.0.0.1:1/",
    "nobody listens (NATS)": "nats://guest:s3cret@127.0.0.1:1",
}


@pytest.mark.parametrize("why", [*AWAY, "the password is wrong"])
def test_a_broker_that_is_away_is_no_mistake_of_ours(purista: Purista, home, monkeypatch, why):
    address = AWAY.get(why) or rabbitmq().replace("guest:guest@", "guest:s3cret@")
    text = (home / "shopapp.py").read_text().replace('ledger="shop.db"', 'ledger="shop.db", registration="off"')
    (home / "shopapp.py").write_text(text)
    monkeypatch.setenv("PURISTA_BRIDGE", address)
    result = purista("worker")
    assert result.code == UNAVAILABLE, result.err
    assert result.err.splitlines()[-1].endswith("; start it, or correct PURISTA_BRIDGE")
    assert "Traceback" not in result.err
    assert "s3cret" not in result.out + result.err


def test_an_address_that_cannot_be_read_is_not_shown(purista: Purista, home, monkeypatch):
    """The driver's own error quotes what it takes for a port."""
    monkeypatch.setenv("PURISTA_BRIDGE", "amqp://guest:s3cret/x@127.0.0.1/")
    result = purista("worker")
    assert result.code == 78
    assert "write / @ : and % in a password as" in result.err
    assert "s3cret" not in result.out + result.err
