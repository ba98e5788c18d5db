"""The command line over RabbitMQ and PostgreSQL: the same commands, for an app whose ledger is no file."""

from __future__ import annotations

import asyncio
import base64
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from purista import Interval
from purista.app import load_app
from tests.broker import Broker
from tests.cli.test_work import Process
from tests.services import postgres, rabbitmq


@pytest.fixture
def ledger() -> Iterator[str]:
    """The address of a schema of this test's own."""
    import asyncpg

    schema = f"test_{secrets.token_hex(6)}"
    yield f"{postgres()}?schema={schema}"

    async def drop() -> None:
        connection = await asyncpg.connect(postgres())
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await connection.close()

    asyncio.run(drop())


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker("queue:billing.run", "cmd:shop/1/cleanup")
    yield broker
    asyncio.run(broker.end())


@pytest.fixture
def deployed(home: Path, ledger: str, broker: Broker) -> None:
    path = home / "shopapp.py"
    text = path.read_text("utf-8")
    bridge = (
        f"from purista import AmqpBridge\n"
        f"bridge = AmqpBridge({rabbitmq()!r}, ledger={ledger!r}, prefix={broker.prefix!r}, exchange={broker.prefix!r})\n"
        "app = App(services=[shop], bridge=bridge)\n"
    )
    path.write_text(text.replace('app = App(services=[shop], ledger="shop.db")\n', bridge), "utf-8")

    async def register() -> None:
        app = load_app("shopapp:app")
        await app.start(consume=False)
        await app.stop()

    asyncio.run(register())


def test_commands_read_and_act_through_the_apps_bridge(purista, deployed, home):
    (billing, nightly) = purista("status", "--json").json["schedules"]
    assert (billing["key"], nightly["key"]) == ("shop/1/billing", "shop/1/nightly")
    ran = purista("run", "billing", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["answer"] == "accepted"
    (row,) = purista("history", "--json").json["occurrences"]
    assert (row["key"], row["decision"]) == ("shop/1/billing", "published")
    assert purista("pause", "nightly", "--reason", "move").code == 0
    assert "move" in purista("status").out
    assert purista("resume", "nightly").code == 0
    assert purista("overdue").code == 0
    assert purista("recover").code == 0
    assert purista("plan", "--exit-code").code == 0
    assert purista("dead", "list").code == 0
    why = purista("why", f"shop/1/billing@{row['scheduledAt']}", "--json")
    assert why.code == 0, why.err
    assert not list(home.glob("*.db")), "no file was made"


def test_a_command_that_nobody_takes_is_told_so(purista, deployed):
    ran = purista("run", "nightly", "--json")
    assert ran.json["answer"] == "retry"
    assert "shop/1/cleanup, got none: start it" in ran.json["detail"]


def test_a_ledger_alone_can_be_read_and_publishes_nothing(purista, deployed, ledger, tmp_path):
    reading = purista("status", "--ledger", ledger, "--json")
    assert [s["key"] for s in reading.json["schedules"]] == ["shop/1/billing", "shop/1/nightly"]
    acting = purista("run", "billing", "--ledger", ledger)
    assert acting.code != 0
    said = "this ledger is PostgreSQL, so a broker carries messages; name the app: --app MODULE:ATTR"
    assert said in acting.err


def test_a_pause_ends_without_a_broker(purista, deployed, ledger, home, monkeypatch):
    """Also where something fell due before it: that is decided, and left to a gateway."""
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", ledger)
    paused = purista("pause", "nightly", "--reason", "move")
    hint = paused.out.splitlines()[-1].removeprefix("resume it: purista ")
    assert "--app" not in hint
    assert purista(*hint.split()).code == 0
    assert "move" not in purista("status").out
    assert "--app MODULE:ATTR" in purista("resume", "nightly", "--catch-up", "all").err
    named = purista("pause", "nightly", "--reason", "move", "--app", "shopapp:app")
    hint = named.out.splitlines()[-1]
    assert hint == "resume it: purista resume shop/1/nightly --app shopapp:app"
    monkeypatch.delenv("PURISTA_LEDGER")
    assert purista(*hint.removeprefix("resume it: purista ").split()).code == 0


def test_what_a_resume_finds_due_is_sent_by_a_gateway(purista, deployed, ledger, home):
    async def due() -> None:
        """A schedule whose last occurrence lies a moment back."""
        app = load_app("shopapp:app")
        shop = app.services[0]
        shop.schedule(
            "often", Interval(timedelta(seconds=2)), timezone="UTC", enqueue="billing.run", payload={},
            concurrency_policy="allow", missed_run_policy="backfill", max_catch_up_count=1_000,  # slow machines, too
        )  # fmt: skip
        await app.start(consume=False)
        await app.stop()
        time.sleep(4.5)

    asyncio.run(due())
    (home / "pyproject.toml").write_text("")
    assert purista("resume", "often", "--ledger", ledger).code == 0
    decided = purista("history", "often", "--ledger", ledger, "--json").json["occurrences"]
    claimed = [one for one in decided if one["decision"] == "claimed"]
    assert claimed, decided

    async def sweep() -> None:
        async with load_app("shopapp:app").bridge as bridge:
            await bridge.gateway.sweep(10)

    asyncio.run(sweep())
    after = purista("history", "often", "--ledger", ledger, "--json").json["occurrences"]
    assert {one["occurrenceId"] for one in claimed} <= {
        one["occurrenceId"] for one in after if one["decision"] == "published"
    }


def test_what_needs_a_file_says_so(purista, deployed, tmp_path):
    for command, why in ((("ledger", "backup", "copy.db"), "SQLite"), (("export", "cron"), "CronScheduler(gateway=")):
        result = purista(*command)
        assert result.code != 0
        assert why in result.err


@pytest.mark.parametrize(
    "command", [("status",), ("history",), ("run", "billing"), ("why", "billing@2026-01-01T00:00Z")]
)
def test_no_password_is_shown(purista, home, command):
    result = purista(*command, "--ledger", "postgresql://user:s3cret@127.0.0.1:1/nowhere")
    assert result.code != 0
    assert "s3cret" not in result.out + result.err


def test_a_worker_without_a_ledger_is_served_by_a_gateway(purista, deployed, home, broker, monkeypatch):
    """Two processes: `purista serve` over RabbitMQ and PostgreSQL, and `purista worker` that sees RabbitMQ alone."""
    text = (home / "shopapp.py").read_text("utf-8")
    begin = text.index("from purista import AmqpBridge")
    outpost = (
        "from purista.distributed import AmqpOutpost\n"
        f"bridge = AmqpOutpost({rabbitmq()!r}, prefix={broker.prefix!r}, exchange={broker.prefix!r})\n"
        "app = App(services=[shop], bridge=bridge)\n"
    )
    (home / "outapp.py").write_text(text[:begin] + outpost, "utf-8")
    broker.addresses += ["cmd:purista-gateway/1/default"]
    (home / "permits.key").write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
    (home / "permits.key").chmod(0o600)
    monkeypatch.setenv("PURISTA_PERMIT_SECRET", "file:permits.key")
    gateway = Process(home, "serve", "--dev", "--port", "0")
    gateway.until("answering gateway group default, signed")
    worker = Process(home, "worker", "--app", "outapp:app")
    worker.until("started: shop/1 on AmqpExchange, asking gateways")
    assert purista("run", "billing", "--json").json["answer"] == "accepted"
    for _ in range(200):
        (row,) = purista("history", "--json").json["occurrences"]
        if row["run"] == "finished":
            break
        time.sleep(0.05)
    assert row["run"] == "finished"
    for process in (worker, gateway):
        process.signal(signal.SIGTERM)
        assert process.end() == 0
    monkeypatch.setattr(sys, "path", [str(home), *sys.path])
    assert "got an outpost" in purista("status", "--app", "outapp:app").err


def test_a_file_whose_messages_a_broker_carries_is_read_and_not_published_from(purista, home, broker):
    path = home / "shopapp.py"
    text = path.read_text("utf-8")
    bridge = (
        "from purista import AmqpBridge\n"
        f"bridge = AmqpBridge({rabbitmq()!r}, ledger='shop.db', prefix={broker.prefix!r}, exchange={broker.prefix!r})\n"
        "app = App(services=[shop], bridge=bridge)\n"
    )
    path.write_text(text.replace('app = App(services=[shop], ledger="shop.db")\n', bridge), "utf-8")

    async def register() -> None:
        app = load_app("shopapp:app")
        await app.start(consume=False)
        await app.stop()

    asyncio.run(register())
    assert purista("status", "--ledger", "shop.db").code == 0
    for command in (("run", "billing"), ("trigger", "shop/1/billing")):
        refused = purista(*command, "--ledger", "shop.db")
        assert refused.code != 0
        assert "broker" in refused.err
    assert purista("run", "billing", "--json").json["answer"] == "accepted"
