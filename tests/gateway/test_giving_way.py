"""What is withdrawn stands for nothing: pauses, idempotency keys and retention beside runs that give way or died."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from purista import Cron, ServiceBuilder
from purista.gateway.gateway import Gateway
from purista.gateway.pauses import pause
from purista.ledgers.base import OccurrenceRow, Outgoing, Query, RunRef, RunState, Settled
from purista.ledgers.sqlite import SqliteLedger
from purista.messages import derived_id
from purista.permits import Begin, End, Granted
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call
from purista.sqlite import mailbox
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock

KEY, ADDRESS = "user/1/nightly", "sub:user/1/a"
DAY = 86_400_000


@dataclass
class Broker:
    """Takes messages once it is up."""

    up: bool = False
    sent: int = 0

    async def publish_raw(self, messages: Sequence[Outgoing]) -> Sequence[Exception | None]:
        self.sent += len(messages) if self.up else 0
        return [None if self.up else ConnectionError("down")] * len(messages)


@dataclass
class Place:
    ledger: SqliteLedger
    gateway: Gateway
    clock: ManualClock

    async def begin(self, row: OccurrenceRow) -> tuple[RunRef, str, int]:
        ref, part = RunRef(row.occurrence_id, row.scheduled_at), derived_id(row.occurrence_id, ADDRESS)
        granted = await self.gateway.begin(KEY, Begin(ref, part, ADDRESS, "w"))
        assert isinstance(granted, Granted)
        return ref, part, granted.fence

    async def decisions(self) -> list[str]:
        rows = [run.row for run in (await self.ledger.history(Query(key=KEY))).rows]
        return [f"{row.decision}: {row.reason}" for row in reversed(rows)]


@asynccontextmanager
async def place(broker: Broker | None = None, **options: Any) -> AsyncIterator[Place]:
    """An hourly schedule at 10:30, with one subscription."""
    clock = ManualClock("2026-01-05T10:30:00Z")
    service = ServiceBuilder("user", "1", "a service")
    usual = {"concurrency_policy": "replace", "missed_run_policy": "runOnce", "timezone": "UTC"}
    service.schedule("nightly", Cron("0 * * * *"), emit="night.due", **{**usual, **options})
    async with SqliteLedger(SqliteFile(":memory:"), clock=clock, deliver=broker is None) as ledger:
        await Registrar(ledger).register("user", "1", service.schedules, [("night.due", ADDRESS)])
        yield Place(ledger, Gateway(ledger, publisher=broker), clock)


DAILY_KEY = {"payload": {"day": "{scheduled_at:%Y-%m-%d}"}, "idempotency_key": "payload.day"}


async def test_what_was_held_does_not_start_while_a_pause_lasts() -> None:
    async with place() as at:
        await at.clock.advance(minutes=30)
        (row,) = (await at.gateway.trigger(Call(KEY))).rows
        await at.clock.advance(minutes=59, seconds=50)
        ref, part, fence = await at.begin(row)
        await at.clock.advance(seconds=10)
        assert "held" in [r.decision for r in (await at.gateway.trigger(Call(KEY))).rows]
        await pause(at.ledger, KEY, by="ann", reason="database maintenance")
        assert await at.gateway.end(KEY, End(ref, part, ADDRESS, fence, RunState.SUPERSEDED))
        assert (await at.decisions())[-1] == "paused: paused by ann: database maintenance"
        waiting = at.ledger.file.read(lambda c: c.execute("SELECT count(*) FROM mail WHERE state = 'ready'").fetchone())
        assert waiting == (1,), "only the first run's own message, nothing new"


async def test_a_run_that_is_asked_to_give_way_holds_its_idempotency_key_no_more() -> None:
    """Else the work is cancelled, and what replaces it is coalesced into what was cancelled."""
    async with place(**DAILY_KEY) as at:
        await at.clock.advance(minutes=30)
        (row,) = (await at.gateway.trigger(Call(KEY))).rows
        await at.clock.advance(minutes=59, seconds=50)
        await at.begin(row)
        await at.clock.advance(seconds=10)
        await at.gateway.trigger(Call(KEY))
        assert [line.split(":")[0] for line in await at.decisions()] == ["published", "held"]


@pytest.mark.parametrize(("policy", "first"), [("runOnce", "coalesced"), ("skip", "late")])
async def test_of_two_with_one_key_one_is_published_after_an_outage(policy: str, first: str) -> None:
    broker = Broker()
    async with place(broker, missed_run_policy=policy, concurrency_policy="allow", **DAILY_KEY) as at:
        await at.clock.advance(minutes=30)
        assert (await at.gateway.trigger(Call(KEY))).answer == "retry"
        await at.clock.advance(hours=1)
        broker.up = True
        await at.gateway.trigger(Call(KEY))
        assert broker.sent == 1
        assert [line.split(":")[0] for line in await at.decisions()] == [first, "published"]


async def test_a_run_with_a_dead_letter_is_not_forgotten_before_it() -> None:
    """Who requeues it asks for a permit, and of a run that nobody knows none is granted."""
    async with place(concurrency_policy="forbid") as at:
        await at.clock.advance(minutes=30)
        (row,) = (await at.gateway.trigger(Call(KEY))).rows
        now = at.clock.now()
        (taken,) = await at.ledger.file.write(lambda c: mailbox.take(c, ADDRESS, 1, "lease", now, 30_000))
        ref, part, fence = await at.begin(row)
        settled = (Settled(taken.id, "lease", "bug"),)
        await at.gateway.end(KEY, End(ref, part, ADDRESS, fence, RunState.FAILED, "bug", settled))
        await at.clock.advance(days=40)
        now = at.clock.now()
        assert await at.ledger.purge(now - 30 * DAY, 1_000) == 0
        await at.ledger.file.write(lambda c: mailbox.requeue(c, [taken.id], now))
        await at.begin(row)
