"""Ledgers on servers: none is made by looking at it, and each belongs to one environment."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from purista import Interval, ServiceBuilder
from purista.app import App
from purista.cli.exits import PROBLEMS, UNAVAILABLE
from purista.clock import SystemClock
from purista.distributed import AmqpBridge, ledger_at
from tests.cli.conftest import Purista
from tests.services import postgres, rabbitmq, redis

KINDS = ("postgres", "redis")


async def _drop(name: str) -> None:
    import asyncpg
    import redis.asyncio as client_of

    connection = await asyncpg.connect(postgres())
    await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    await connection.close()
    client = client_of.from_url(redis())
    async for key in client.scan_iter(f"{{{name}}}:*", count=1_000):
        await client.delete(key)
    await client.aclose()


async def _there(name: str, kind: str) -> bool:
    import asyncpg
    import redis.asyncio as client_of

    if kind == "postgres":
        connection = await asyncpg.connect(postgres())
        found = await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", name)
        await connection.close()
        return bool(found)
    client = client_of.from_url(redis())
    keys = [key async for key in client.scan_iter(f"{{{name}}}:*", count=1_000)]
    await client.aclose()
    return bool(keys)


@pytest.fixture
def name() -> Iterator[str]:
    """A schema and a prefix of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    asyncio.run(_drop(name))


def address(name: str, kind: str) -> str:
    return f"{postgres()}?schema={name}" if kind == "postgres" else f"{redis()}?prefix={name}"


@pytest.fixture
def made(name: str) -> Callable[..., str]:
    """Makes a ledger; with ``services`` also their contracts."""

    def made(kind: str, environment: str = "production", *services: object) -> str:
        place = address(name, kind)

        async def make() -> None:
            async with ledger_at(place, environment, SystemClock()):
                pass
            if services:
                bridge = AmqpBridge(rabbitmq(), ledger=place, environment=environment, prefix=name, exchange=name)
                await bridge.ledger.__aenter__()
                try:
                    for service in services:
                        await bridge.registrar().register(service.name, service.version, service.schedules, [])  # type: ignore[attr-defined]
                finally:
                    await bridge.ledger.__aexit__(None, None, None)

        asyncio.run(make())
        return place

    return made


@pytest.fixture
def shop(home) -> object:
    from purista.app import load_app

    app: App = load_app("shopapp:app", home)
    return app.services[0]


READING = (
    ("status",), ("history",), ("why", "billing@2026-01-01T00:00Z"), ("overdue",), ("dead", "list"),
    ("ledger", "purge", "--records", "400"), ("pause", "billing", "--reason", "x"), ("serve", "--dev", "--port", "0"),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", READING, ids=lambda words: words[0])
def test_no_command_makes_a_ledger(purista: Purista, home, name, monkeypatch, kind, command):
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", address(name, kind))
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "production")
    result = purista(*command)
    assert result.code == UNAVAILABLE, result.err
    assert f"'{name}', found none; start the service once (purista worker or serve)" in result.err
    assert not asyncio.run(_there(name, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_nor_does_one_that_finds_it_by_its_app(purista: Purista, home, name, kind):
    text = (home / "shopapp.py").read_text().replace(
        'app = App(services=[shop], ledger="shop.db")',
        f"from purista import AmqpBridge\napp = App(services=[shop], bridge=AmqpBridge({rabbitmq()!r}, "
        f"ledger={address(name, kind)!r}))",
    )  # fmt: skip
    (home / "shopapp.py").write_text(text)
    assert purista("status").code == UNAVAILABLE
    planned = purista("plan", "--json")
    assert planned.code == 0, planned.err
    assert not asyncio.run(_there(name, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_who_makes_a_ledger_without_saying_whose_takes_the_configured_environment(name, monkeypatch, kind):
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "production")

    async def made() -> str:
        async with ledger_at(address(name, kind), None, SystemClock()) as ledger:
            return ledger.environment

    assert asyncio.run(made()) == "production"


WRITING = (
    ("pause", "billing", "--reason", "x"), ("ledger", "purge", "--records", "400"), ("dead", "requeue", "--all"),
    ("resume", "billing"),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", WRITING, ids=lambda words: words[0])
def test_another_environments_ledger_is_not_written(purista: Purista, home, made, shop, monkeypatch, kind, command):
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", made(kind, "production", shop))
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "staging")
    result = purista(*command)
    assert result.code == UNAVAILABLE, result.err
    assert "expected the ledger of environment 'staging', got the one of 'production'" in result.err
    assert purista("status", "--json").json["environment"] == "production"
    assert not any(schedule["paused"] for schedule in purista("status", "--json").json["schedules"])


def test_nor_is_a_file(purista: Purista, home, live, monkeypatch):
    async def nothing(*_: object) -> None:
        return None

    live(nothing)
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "staging")
    for command in WRITING:
        assert purista(*command, "--ledger", "shop.db").code == UNAVAILABLE
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "default")
    assert purista("pause", "billing", "--reason", "x", "--ledger", "shop.db").code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_who_reads_is_told_whose_ledger_it_is(purista: Purista, home, made, shop, monkeypatch, kind):
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", made(kind, "production", shop))
    for command in (("status",), ("history",), ("overdue",), ("why", "billing@2026-01-01T00:00Z")):
        assert purista(*command).out.splitlines()[0] == "environment production", command


def test_an_alarm_that_watches_nothing_is_none(purista: Purista, home, made, shop, name, monkeypatch):
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", made("postgres", "default"))
    empty = purista("overdue")
    assert (empty.code, empty.out) == (PROBLEMS, "no schedules are registered: nothing is watched\n")
    assert purista("overdue", "--json").json["schedules"] == 0
    assert "nothing is watched" in purista("overdue", "--metrics").err
    made("postgres", "default", shop)
    watched = purista("overdue")
    assert (watched.code, watched.out) == (0, "nothing is overdue\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_ledger_is_told_that_it_was_restored(purista: Purista, home, made, name, monkeypatch, kind):
    """What was due before is made up for when a person says so."""
    (home / "pyproject.toml").write_text("")
    shop = ServiceBuilder("shop", version="1")
    shop.queue_worker("billing.run")(lambda context: None)
    shop.schedule(
        "often", Interval(timedelta(seconds=1)), timezone="UTC", enqueue="billing.run", concurrency_policy="allow",
        missed_run_policy="runOnce",
    )  # fmt: skip
    monkeypatch.setenv("PURISTA_LEDGER", made(kind, "default", shop))
    time.sleep(2.5)
    told = purista("ledger", "restored", "--json")
    assert told.code == 0, told.err
    purista("resume", "often")
    decided = purista("history", "often", "--json").json["occurrences"]
    before = [one for one in decided if one["scheduledAt"] < told.json["restored"]]
    assert before
    assert {one["decision"] for one in before} == {"missed"}


def test_a_file_has_its_own_way(purista: Purista, home, live):
    async def nothing(*_: object) -> None:
        return None

    live(nothing)
    told = purista("ledger", "restored")
    assert told.code == 78
    assert "purista ledger restore FILE" in told.err
