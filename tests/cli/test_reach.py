"""``purista doctor`` over the network: what is there is said, passwords never are."""

from __future__ import annotations

import asyncio
import logging

import pytest

from purista.cli.reach import redacted
from purista.clock import SystemClock
from purista.distributed import ledger_at
from tests.cli.conftest import Purista
from tests.cli.test_places import _there, address, made, name  # noqa: F401 - fixtures
from tests.services import postgres, rabbitmq

KINDS = {"postgres": "PostgreSQL, schema", "redis": "Redis, prefix"}
SECRET = "t0psecret"


def looked(purista: Purista) -> dict[str, dict[str, str]]:
    return {check["check"]: check for check in purista("doctor", "--json").json["checks"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_ledger_that_is_not_there_is_not_made(purista: Purista, monkeypatch, name, kind):  # noqa: F811
    monkeypatch.setenv("PURISTA_LEDGER", address(name, kind))
    found = looked(purista)
    assert found["ledger"]["state"] == "none"
    assert f"{KINDS[kind]} '{name}': no ledger there; a round trip takes " in found["ledger"]["found"]
    assert "disk" not in found
    assert not asyncio.run(_there(name, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reference", ["", "env", "file"])
def test_a_ledger_on_a_server(purista: Purista, home, monkeypatch, made, name, kind, reference):  # noqa: F811
    place = made(kind, "production")
    if reference == "env":
        monkeypatch.setenv("SHOP_LEDGER", place)
        place = "env:SHOP_LEDGER"
    elif reference == "file":
        (home / "ledger.url").write_text(place + "\n")
        place = "file:ledger.url"
    monkeypatch.setenv("PURISTA_LEDGER", place)
    found = looked(purista)["ledger"]
    assert found["state"] == "failed"
    assert found["fix"] == "PURISTA_ENVIRONMENT is default: set it to production, or another ledger"
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "production")
    found = looked(purista)["ledger"]
    assert found["state"] == "ok", found
    assert found["found"].startswith(f"{KINDS[kind]} '{name}': ")
    assert "environment production; a round trip takes" in found["found"]


def test_an_apps_ledger(purista: Purista, home, name):  # noqa: F811
    text = (home / "shopapp.py").read_text()
    bridge = f"AmqpBridge({rabbitmq()!r}, ledger={address(name, 'postgres')!r})"
    text = text.replace('ledger="shop.db"', f"bridge={bridge}").replace("import App", "import AmqpBridge, App")
    (home / "shopapp.py").write_text(text)
    assert f"PostgreSQL, schema '{name}': no ledger there" in looked(purista)["ledger"]["found"]


LEDGERS = (
    f"postgresql://postgres:{SECRET}@127.0.0.1:5432/postgres?schema=test_reach_none",
    f"postgresql://nobody-here:{SECRET}@127.0.0.1:5432/postgres?schema=test_reach_none",
    f"postgresql://postgres:{SECRET}@127.0.0.1:1/postgres",
    f"postgresql://postgres:{SECRET}/x@127.0.0.1:1/postgres",
    f"postgresql://127.0.0.1:1/postgres?password={SECRET}",
    f"redis://:{SECRET}@127.0.0.1:6379/0?prefix=test_reach_none",
    f"redis://default:{SECRET}@127.0.0.1:1/0",
    f"mysql://root:{SECRET}@127.0.0.1/x",
)
BRIDGES = (
    f"amqp://guest:{SECRET}@127.0.0.1:5672/", f"amqp://guest:{SECRET}/x@127.0.0.1/", f"nats://u:{SECRET}@127.0.0.1:1",
    f"http://u:{SECRET}@127.0.0.1/", "file:broker.url",
)  # fmt: skip


@pytest.mark.parametrize("place", LEDGERS)
def test_no_password_of_a_ledger_is_shown(purista: Purista, monkeypatch, caplog, place):
    monkeypatch.setenv("PURISTA_LEDGER", place)
    with caplog.at_level(logging.DEBUG):
        result = purista("doctor")
    assert SECRET not in result.out + result.err + caplog.text
    assert "nobody-here" not in result.out + result.err


@pytest.mark.parametrize("place", BRIDGES)
def test_no_password_of_a_broker_is_shown(purista: Purista, home, monkeypatch, caplog, place):
    (home / "broker.url").write_text(f"amqp://guest:{SECRET}@127.0.0.1:1/")
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_BRIDGE", place)
    with caplog.at_level(logging.DEBUG, "purista"):
        result = purista("doctor")
    assert result.code == 1
    assert SECRET not in result.out + result.err + caplog.text
    assert "PURISTA_BRIDGE  failed" in result.out


def test_a_broker_that_lets_us_in(purista: Purista, home, monkeypatch):
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("BROKER", rabbitmq())
    monkeypatch.setenv("PURISTA_BRIDGE", "env:BROKER")
    found = looked(purista)["PURISTA_BRIDGE"]
    assert found["state"] == "ok"
    assert found["found"].endswith(" lets us in")


def test_a_password_is_hidden_as_it_is_written_and_as_it_is_meant():
    place = "postgresql://me:p%40ss@host/db?password=other"
    said = redacted('for user "me" with p@ss, p%40ss or other at //me:p%40ss@host', place)
    assert said == "for user … with …, … or … at //…@host"


def test_looking_changes_nothing(made, name):  # noqa: F811
    place = made("postgres", "production")

    async def look() -> str:
        import asyncpg

        connection = await asyncpg.connect(postgres())
        await connection.execute(f"UPDATE {name}.meta SET value = '99' WHERE name = 'schema'")
        await connection.close()
        meta, _ = await ledger_at(place, None, SystemClock()).peek()  # type: ignore[attr-defined]
        return str(meta["schema"])

    assert asyncio.run(look()) == "99"
