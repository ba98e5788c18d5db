"""One contract over NATS and a ledger of its own, in processes that share nothing else."""

from __future__ import annotations

import asyncio

from purista.clock import from_iso
from purista.distributed import NatsBridge
from purista.gateway.decide import Answer
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.schedulers.base import Call
from purista.testing import ManualClock
from purista.testing.suites.common import until
from tests.e2e.test_over_rabbitmq import KEY, billing, ended
from tests.services import nats, postgres
from tests.subjects import Subjects


def bridge(subjects: Subjects, schema: str, clock: ManualClock) -> NatsBridge:
    ledger = PostgresLedger(Database(postgres(), schema=schema), clock=clock)
    return NatsBridge(nats(), ledger=ledger, prefix=subjects.prefix)


async def test_a_call_in_one_process_becomes_work_in_another(subjects: Subjects, schema: str) -> None:
    clock, done = ManualClock("2026-01-15T00:00:00Z"), []
    worker, gateway = (bridge(subjects, schema, clock) for _ in range(2))
    async with gateway, await billing(done).get_instance(worker):
        await clock.advance_to("2026-02-01T02:00:01Z")
        due = from_iso("2026-02-01T01:00:00Z")
        answers = await asyncio.gather(*[gateway.gateway.trigger(Call(KEY, scheduled_at=due)) for _ in range(3)])
        assert {outcome.answer for outcome in answers} <= {Answer.ACCEPTED, Answer.DUPLICATE, Answer.RETRY}
        for name in ("toQueue", "toCommand"):
            assert (await gateway.gateway.trigger(Call(f"user/1/{name}"))).answer is Answer.ACCEPTED
        for name in ("monthlyBillingCycle", "toQueue", "toCommand"):
            await ended(gateway, f"user/1/{name}")
        await until(lambda: len(done) == 3)
    assert sorted(done) == ["archived 30", "billed 2026-02", "billed 2026-02"]


async def test_a_command_that_nobody_takes_is_given_back(subjects: Subjects, schema: str) -> None:
    clock = ManualClock("2026-01-15T00:00:00Z")
    gateway = bridge(subjects, schema, clock)
    async with gateway:
        service = billing([])
        declared = (await service.get_instance(gateway)).declared()
        await gateway.registrar().register("user", "1", declared.schedules, declared.subscriptions)
        await clock.advance_to("2026-02-01T02:00:01Z")
        reply = await gateway.gateway.trigger(Call("user/1/toCommand"))
        assert reply.answer is Answer.RETRY
        assert "expected a service that takes the command user/1/archive" in reply.detail
