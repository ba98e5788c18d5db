"""Workers that see no ledger: permits, reports and registration over RabbitMQ, to gateways that have one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from purista import Context, Cron, ServiceBuilder
from purista.bridges.amqp import AmqpExchange
from purista.bridges.base import Subscription
from purista.clock import SystemClock, to_iso
from purista.distributed import AmqpBridge
from purista.errors import RegistrationError
from purista.gateway.decide import Answer
from purista.gateway.desk import PermitDesk
from purista.ledgers.base import Query, RunState
from purista.messages import Address, command, load, new_id
from purista.outpost import Outpost
from purista.queues.amqp import AmqpQueue
from purista.schedulers.base import Call
from purista.testing import ManualClock
from purista.testing.suites.common import Inbox, until
from tests.broker import Broker
from tests.services import rabbitmq

KEY, OTHER = b"k" * 32, b"x" * 32
SCHEDULE = "shop/1/clean"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker("queue:clean.run", "cmd:purista-gateway/1/default", "sub:shop/1/onClean", "reply:nobody")
    yield broker
    await broker.end()


def shop(done: list[str], gate: asyncio.Event) -> ServiceBuilder:
    service = ServiceBuilder("shop", "1")

    @service.queue_worker("clean.run")
    async def clean(context: Context, payload: dict) -> None:
        done.append("begun")
        await gate.wait()
        done.append("ended")

    @service.subscription("onClean", event="clean.due", once=True)
    async def on_clean(context: Context, payload: dict) -> None:
        await context.enqueue(clean, payload)

    service.schedule(
        "clean", Cron("0 * * * *"), timezone="UTC", emit="clean.due", payload={"at": "{scheduled_at}"},
        concurrency_policy="forbid", missed_run_policy="runOnce",
    )  # fmt: skip
    return service


@asynccontextmanager
async def gateway(
    broker: Broker, place: Path, clock: ManualClock, *, keys: Sequence[bytes] = (), registers: bool = True
) -> AsyncIterator[AmqpBridge]:
    bridge = AmqpBridge(rabbitmq(), ledger=place, clock=clock, prefix=broker.prefix, exchange=broker.prefix)
    register = bridge.registrar().register if registers else None
    desk = PermitDesk(bridge, bridge.gateway, instance=bridge.instance, keys=keys, register=register)
    async with bridge:
        await desk.start()
        yield bridge
        await desk.stop()


def outpost(broker: Broker, key: bytes | None = None) -> Outpost:
    link = broker.link()
    clock = SystemClock()
    return Outpost(AmqpExchange(link, clock=clock), AmqpQueue(link, clock=clock), clock=clock, key=key)


async def states(bridge: AmqpBridge) -> list[RunState | None]:
    return [run.row.run for run in (await bridge.ledger.history(Query(key=SCHEDULE))).rows]


async def test_a_worker_without_a_ledger_registers_works_and_reports(broker: Broker, tmp_path: Path) -> None:
    """The worker's clock is the machine's, the gateway's stands in another year: only durations travel."""
    clock, done, gate = ManualClock("2026-01-01T00:30:00Z"), [], asyncio.Event()
    async with (
        gateway(broker, tmp_path / "purista.db", clock) as bridge,
        await shop(done, gate).get_instance(outpost(broker)),
    ):
        await clock.advance(hours=1)
        assert (await bridge.gateway.trigger(Call(SCHEDULE))).answer is Answer.ACCEPTED
        await until(lambda: done == ["begun"])
        await clock.advance(hours=1)
        reply = await bridge.gateway.trigger(Call(SCHEDULE))
        assert (reply.answer, done) == (Answer.ACCEPTED, ["begun"]), "the second waits for the first, or is skipped"
        gate.set()
        await until(lambda: done[:2] == ["begun", "ended"])
        for _ in range(500):
            if RunState.OPEN not in await states(bridge):
                break
            await asyncio.sleep(0.01)
        assert RunState.FINISHED in await states(bridge)
        assert RunState.OPEN not in await states(bridge)


async def test_a_worker_waits_while_no_gateway_is_there(broker: Broker, tmp_path: Path) -> None:
    clock, done, gate = ManualClock("2026-01-01T00:30:00Z"), [], asyncio.Event()
    gate.set()
    place = tmp_path / "purista.db"
    async with gateway(broker, place, clock):
        worker = await shop(done, gate).get_instance(outpost(broker))
        await worker.start()
    async with worker:
        clock = ManualClock("2026-01-01T01:00:01Z")
        async with gateway(broker, place, clock) as bridge:
            assert (await bridge.gateway.trigger(Call(SCHEDULE))).answer is Answer.ACCEPTED
            await until(lambda: done == ["begun", "ended"])
    await worker.stop()


async def test_only_what_is_signed_is_answered(broker: Broker, tmp_path: Path) -> None:
    clock, done, gate = ManualClock(to_iso(SystemClock().now())), [], asyncio.Event()
    async with gateway(broker, tmp_path / "purista.db", clock, keys=[OTHER, KEY]):
        for key in (None, b"y" * 32):
            with pytest.raises(RegistrationError, match="not authenticated"):
                await (await shop(done, gate).get_instance(outpost(broker, key))).start()
        async with await shop(done, gate).get_instance(outpost(broker, KEY)):
            pass


async def test_a_gateway_that_registers_nothing_says_so(broker: Broker, tmp_path: Path) -> None:
    async with gateway(broker, tmp_path / "purista.db", ManualClock(), registers=False):
        with pytest.raises(RegistrationError, match="shop/1"):
            await (await shop([], asyncio.Event()).get_instance(outpost(broker))).start()


@pytest.mark.parametrize(
    "ask",
    [
        None, [], {}, {"ask": "grant"}, {"ask": "begin"}, {"ask": "begin", "key": "k", "run": 1},
        {"ask": "begin", "key": "k", "run": "r", "at": 1 << 60, "part": "p", "address": "a", "worker": "w"},
        {"ask": "renew", "key": "k", "run": "r", "part": "p", "fence": True},
        {"ask": "end", "key": "k", "run": "r", "part": "p", "address": "a", "outcome": "glorious"},
        {"ask": "begin", "key": "k" * 9_000, "run": "r", "part": "p", "address": "a", "worker": "w"},
        {"ask": "register", "service": "s", "version": "1", "manifest": "{", "subscriptions": []},
        {"ask": "register", "service": "s", "version": "1", "manifest": "{}", "subscriptions": [["a"]]},
    ],
)  # fmt: skip
async def test_what_is_no_ask_is_answered_and_changes_nothing(broker: Broker, tmp_path: Path, ask: object) -> None:
    async with gateway(broker, tmp_path / "purista.db", ManualClock()) as bridge:
        inbox = Inbox()
        await bridge.subscribe(Subscription("reply:nobody"), inbox)
        receiver = Address("purista-gateway", "1", "default")
        await bridge.publish([command(receiver, ask, None, Address("x", "1", "y", "nobody"), id=new_id(), timestamp=0)])
        await until(lambda: len(inbox) == 1)
        answer = load(inbox.deliveries[0].body)
        assert (answer["messageType"], answer["payload"]["status"]) == ("commandErrorResponse", 400)
        assert await bridge.ledger.registered() == []
