"""Ledger and bridge are two: what was claimed is published with the same ids and bytes, whoever fails in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from purista import Interval, ServiceBuilder
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Decision, Outgoing, Query, RunRef, RunState
from purista.ledgers.sqlite import SqliteLedger
from purista.permits import Begin, End, Granted
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call, CallKind
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock

HOUR = 3_600_000


@dataclass
class Broker:
    """Keeps what it was sent, and fails as it is told: before or after it has a message, for one or for all."""

    rng: random.Random
    faults: float = 0.0
    got: list[Outgoing] = field(default_factory=list)
    confirmed: set[str] = field(default_factory=set)
    sends: int = 0

    async def publish_raw(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        self.sends += 1
        await asyncio.sleep(0)
        if self.rng.random() < self.faults / 3:
            raise ConnectionError("the broker is away")
        answers: list[Exception | None] = []
        for message in messages:
            if self.rng.random() < self.faults:
                if self.rng.random() < 0.5:
                    self.got.append(message)  # it has it, but its word was lost
                answers.append(TimeoutError("no confirmation"))
                continue
            self.got.append(message)
            self.confirmed.add(message.occurrence_id)
            answers.append(None)
        return answers


@dataclass
class Stage:
    gateway: Gateway
    ledger: SqliteLedger
    broker: Broker
    clock: ManualClock
    keys: list[str]

    async def rows(self, key: str) -> list[Any]:
        return [run.row for run in (await self.ledger.history(Query(key=key, limit=10_000))).rows]


@asynccontextmanager
async def stage(schedules: int = 1, *, faults: float = 0.0, seed: int = 0, **options: Any) -> AsyncIterator[Stage]:
    clock = ManualClock("2026-01-01T00:30:00Z")
    service = ServiceBuilder("s", "1", "a service")
    usual = {"concurrency_policy": "allow", "missed_run_policy": "runOnce", "payload": {"at": "{scheduled_at}"}}
    for number in range(schedules):
        service.schedule(f"n{number}", Interval(timedelta(hours=1)), enqueue="work", **{**usual, **options})
    async with SqliteLedger(SqliteFile(":memory:"), clock=clock, deliver=False) as ledger:
        await Registrar(ledger).register("s", "1", service.schedules)
        broker = Broker(random.Random(seed), faults)
        gateway = Gateway(ledger, publisher=broker, claim_lease_ms=10_000, permit_ms=30_000)
        yield Stage(gateway, ledger, broker, clock, [s.key for s in service.schedules])


async def test_a_confirmed_claim_is_published() -> None:
    async with stage() as on:
        on.clock.jump(on.clock.now() + HOUR)
        reply = await on.gateway.trigger(Call(on.keys[0]))
        assert reply.answer == "accepted"
        (row,) = await on.rows(on.keys[0])
        assert (row.decision, row.lease_until) == (Decision.PUBLISHED, None)
        again = await on.gateway.trigger(Call(on.keys[0], scheduled_at=row.scheduled_at))
        assert again.answer == "duplicate"


async def test_many_at_once_are_sent_at_once_and_marked_in_one_commit() -> None:
    async with stage(200) as on:
        on.clock.jump(on.clock.now() + HOUR)
        before = on.ledger.file.counters.commits
        replies = await asyncio.gather(*(on.gateway.trigger(Call(key)) for key in on.keys))
        assert {reply.answer for reply in replies} == {"accepted"}
        assert len(on.broker.got) == 200
        assert on.broker.sends <= 3
        assert on.ledger.file.counters.commits - before <= 6


async def test_who_calls_while_a_claim_is_held_is_told_to_come_again_and_takes_over() -> None:
    async with stage() as on:
        on.clock.jump(on.clock.now() + HOUR)
        entered, never = asyncio.Event(), asyncio.Event()

        async def hangs(messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
            entered.set()
            await never.wait()
            return []

        healthy, on.broker.publish_raw = on.broker.publish_raw, hangs  # type: ignore[method-assign]
        dying = asyncio.ensure_future(on.gateway.trigger(Call(on.keys[0])))
        await entered.wait()
        dying.cancel()  # the process dies between claim and publication
        await asyncio.wait({dying})
        on.broker.publish_raw = healthy  # type: ignore[method-assign]
        other = Gateway(on.ledger, publisher=on.broker)
        told = await other.trigger(Call(on.keys[0]))
        assert told.answer == "retry"
        assert told.retry_after_ms is not None
        assert 0 < told.retry_after_ms <= 10_000
        on.clock.jump(on.clock.now() + told.retry_after_ms + 1)
        assert (await other.trigger(Call(on.keys[0]))).answer == "accepted"
        (row,) = await on.rows(on.keys[0])
        assert (row.decision, row.attempt, len(on.broker.got)) == (Decision.PUBLISHED, 2, 1)


@pytest.mark.parametrize("proof", ["end report", "permit", "result event"])
@pytest.mark.parametrize("policy", ["allow", "forbid"])
async def test_whoever_has_the_message_proves_that_it_was_published(policy: str, proof: str) -> None:
    """The gateway dies after the broker has confirmed and before that is written down."""
    async with stage(concurrency_policy=policy) as on:
        on.clock.jump(on.clock.now() + HOUR)
        confirmed, never = asyncio.Event(), asyncio.Event()
        healthy = on.broker.publish_raw

        async def sends_and_dies(messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
            await healthy(messages)
            confirmed.set()
            await never.wait()
            return []

        on.broker.publish_raw = sends_and_dies  # type: ignore[method-assign]
        dying = asyncio.ensure_future(on.gateway.trigger(Call(on.keys[0])))
        await confirmed.wait()
        dying.cancel()
        await asyncio.wait({dying})
        (message,) = on.broker.got
        ((part, address),) = message.roots
        (row,) = await on.rows(on.keys[0])
        assert row.decision is Decision.CLAIMED
        run, other = RunRef(row.occurrence_id, row.scheduled_at), Gateway(on.ledger, publisher=on.broker)
        if proof == "permit":
            granted = await other.begin(on.keys[0], Begin(run, part, address, "w1"))
            assert isinstance(granted, Granted)
            assert await other.end(on.keys[0], End(run, part, address, granted.fence, RunState.FINISHED))
        elif proof == "end report":
            assert await other.end(on.keys[0], End(run, part, address, None, RunState.FINISHED))
        else:
            assert await other.complete(on.keys[0], run, RunState.FINISHED)
        (row,) = await on.rows(on.keys[0])
        assert (row.decision, row.run, row.lease_until, row.open) == (Decision.PUBLISHED, RunState.FINISHED, None, 0)
        on.clock.jump(on.clock.now() + 11_000)
        await other.sweep()
        again = await other.trigger(Call(on.keys[0], scheduled_at=row.scheduled_at))
        assert again.answer == "duplicate"
        assert len(on.broker.got) == 1


async def test_one_message_that_fails_does_not_hold_up_the_others() -> None:
    async with stage(3) as on:
        on.clock.jump(on.clock.now() + HOUR)

        async def second_fails(messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
            return [ValueError("too large") if "/n1:" in m.message or "s/1/n1" in m.message else None for m in messages]

        on.broker.publish_raw = second_fails  # type: ignore[method-assign]
        replies = await asyncio.gather(*(on.gateway.trigger(Call(key)) for key in on.keys))
        assert [str(reply.answer) for reply in replies] == ["accepted", "retry", "accepted"]
        assert "too large" in replies[1].detail


@pytest.mark.parametrize("policy", ["allow", "forbid", "replace"])
@pytest.mark.parametrize("missed", ["skip", "runOnce", "backfill"])
async def test_whatever_the_broker_does_nothing_is_lost_and_bytes_repeat(policy: str, missed: str) -> None:
    more = {"max_catch_up_count": 3} if missed == "backfill" else {}
    for seed in range(12):
        rng = random.Random(seed)
        async with stage(3, faults=0.3, seed=seed, concurrency_policy=policy, missed_run_policy=missed, **more) as on:
            for _ in range(30):
                on.clock.jump(on.clock.now() + rng.choice([1_000, 11_000, HOUR, 3 * HOUR]))
                keys = rng.choices(on.keys, k=4)
                await asyncio.gather(*(on.gateway.trigger(Call(key)) for key in keys))
            on.broker.faults = 0.0
            for _ in range(4):  # claims run out, whoever calls finishes them
                on.clock.jump(on.clock.now() + 11_000)
                await on.gateway.sweep()
                await asyncio.gather(*(on.gateway.trigger(Call(key, CallKind.SWEEP)) for key in on.keys))
            await _account(on, f"{policy} {missed} {seed}")


async def _account(on: Stage, where: str) -> None:
    sent: dict[str, set[str]] = {}
    for message in on.broker.got:
        sent.setdefault(message.occurrence_id, set()).add(_without_what_tells_attempts_apart(message.message))
    assert all(len(texts) == 1 for texts in sent.values()), f"{where}: a repetition said something else"
    for key in on.keys:
        rows = await on.rows(key)
        assert not [row for row in rows if row.decision is Decision.CLAIMED], f"{where}: claimed for ever"
        published = {row.occurrence_id for row in rows if row.decision is Decision.PUBLISHED}
        assert published <= on.broker.confirmed, f"{where}: published without a confirmation"
        slots = sorted(row.scheduled_at + n * HOUR for row in rows for n in range(row.count))
        assert slots == list(range(slots[0], slots[-1] + 1, HOUR)), f"{where}: lost, or decided twice"


def _without_what_tells_attempts_apart(text: str) -> str:
    """Ids, payload and instants stay; when it was decided again, by which attempt and under which fence may differ."""
    import json

    message = json.loads(text)
    message.pop("createdAt"), message.pop("scheduledAt")
    headers = {name: json.loads(value) for name, value in message["headers"].items() if value.startswith("{")}
    for name in ("fence", "attempt", "firedAt"):
        for found in headers.values():
            found.pop(name, None)
    return json.dumps([message["id"], message["payload"], headers], sort_keys=True)


async def test_reports_on_one_schedule_do_not_overtake_each_other() -> None:
    """Each loads and commits once: whoever shares a lineage in this process waits for its turn."""
    async with stage() as on:
        now = on.clock.now()
        calls = [Call(on.keys[0], CallKind.MANUAL, request=f"r{number}") for number in range(40)]
        await on.gateway.trigger_all(calls)
        loads, load = 0, on.ledger.load

        async def counted(*arguments: Any) -> Any:
            nonlocal loads
            loads += 1
            await asyncio.sleep(0)
            return await load(*arguments)

        on.ledger.load = counted  # type: ignore[method-assign]
        reports = []
        for message in on.broker.got:
            ((part, address),) = message.roots
            reports.append(End(RunRef(message.occurrence_id), part, address, None, RunState.FINISHED))
        assert all(await asyncio.gather(*(on.gateway.end(on.keys[0], report) for report in reports)))
        assert loads == len(reports) == 40
        rows = [row for row in await on.rows(on.keys[0]) if row.decided_at >= now]
        assert {row.run for row in rows} == {RunState.FINISHED}
