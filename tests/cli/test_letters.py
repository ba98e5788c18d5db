"""Dead letters over a broker: listed and brought back through the app's bridge, never denied."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from purista.app import load_app
from purista.cli.exits import CONFIG, USAGE
from purista.delivery import Delivery, Limits
from purista.messages import job
from tests.broker import Broker
from tests.cli.conftest import Purista
from tests.cli.test_places import address, made, name  # noqa: F401 - fixtures
from tests.services import nats, rabbitmq
from tests.subjects import Subjects

BRIDGES = {"AmqpBridge": rabbitmq, "NatsBridge": nats}


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker, subjects = Broker("queue:billing.run", "cmd:shop/1/cleanup"), Subjects()
    subjects.prefix = broker.prefix
    yield broker
    asyncio.run(broker.end())
    asyncio.run(subjects.end())


@pytest.fixture(params=BRIDGES)
def deployed(request, home, name, broker) -> str:  # noqa: F811
    """The app over a broker and a ledger on a server, with one dead letter in its queue."""
    kind = request.param
    exchange = f", exchange={broker.prefix!r}" if kind == "AmqpBridge" else ""
    place = address(name, "postgres")
    bridge = f"{kind}({BRIDGES[kind]()!r}, ledger={place!r}, prefix={broker.prefix!r}{exchange})"
    text = (home / "shopapp.py").read_text().replace('ledger="shop.db"', f"bridge={bridge}")
    (home / "shopapp.py").write_text(text.replace("import App", f"import {kind}, App"))
    (home / "pyproject.toml").write_text("")

    async def put_aside(delivery: Delivery) -> None:
        await delivery.dead("no money")
        done.set()

    async def work() -> None:
        async with load_app("shopapp:app", home) as app:
            app_bridge = app.bridge
        async with app_bridge as running:
            queue = running.queue
            await queue.enqueue([job("job-1", "billing.run", {"a": 1}, created_at=running.clock.now())])
            consumer = await queue.consume("billing.run", put_aside, Limits(visibility_ms=30_000))
            await asyncio.wait_for(done.wait(), 20)
            await consumer.close()

    done = asyncio.Event()
    asyncio.run(work())
    return place


def test_they_are_listed_shown_and_brought_back(purista: Purista, deployed):
    (letter,) = purista("dead", "list", "--app", "shopapp:app", "--json").json["dead"]
    assert (letter["id"], letter["address"], letter["reason"]) == ("job-1", "queue:billing.run", "no money")
    listed = purista("dead", "list", "--app", "shopapp:app").out
    assert "bring one back: purista dead requeue ID --app shopapp:app" in listed
    assert "looked at: queue:billing.run; dead letters of events and commands are only in the broker" in listed
    assert '"a":1' in purista("dead", "show", "job", "--app", "shopapp:app").out
    assert purista("dead", "requeue", "job-1", "--app", "shopapp:app", "--json").json == {"requeued": ["job-1"]}
    assert "no dead letters" in purista("dead", "list", "queue:billing.run", "--app", "shopapp:app").out


def test_other_addresses_are_not_said_to_have_none(purista: Purista, deployed):
    other = purista("dead", "list", "sub:shop/1/mail", "--app", "shopapp:app")
    assert other.code == USAGE
    assert "only in the broker" in other.err


@pytest.mark.parametrize(
    ("bridge", "said"),
    [
        ("amqp://host/", "RabbitMQ; its dead letters are in queues ending in .dead, such as shop.queue.billing.run.dead"),
        ("nats://host", "NATS; its dead letters are in the stream shop_dead, under subjects shop.dead."),
        ("", "a broker, which has their dead letters"),
    ],
)  # fmt: skip
def test_without_the_app_they_are_not_denied(purista: Purista, home, made, monkeypatch, bridge, said):  # noqa: F811
    (home / "pyproject.toml").write_text("")
    monkeypatch.setenv("PURISTA_LEDGER", made("postgres", "default"))
    monkeypatch.setenv("PURISTA_BRIDGE", bridge)
    monkeypatch.setenv("PURISTA_PREFIX", "shop")
    for command in (("list",), ("show", "x"), ("requeue", "--all")):
        refused = purista("dead", *command)
        assert (refused.code, refused.out) == (CONFIG, "")
        assert said in refused.err
        assert refused.err.endswith("name the app: --app MODULE:ATTR\n")
