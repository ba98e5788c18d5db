"""One contract through the whole system in one process, under a virtual clock."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from purista import Context, Cron, DefaultEventBridge, ServiceBuilder
from purista.gateway.decide import Answer
from purista.ledgers.base import Decision, Query, RunState
from purista.schedulers.base import Call
from purista.testing import ManualClock


class Cycle(BaseModel):
    cycleId: str


def billing(done: list[str]) -> ServiceBuilder:
    service = ServiceBuilder("user", version="1", description="Customers and their bills")

    @service.queue_worker("billing.run")
    def run_billing(context: Context, cycle: Cycle) -> None:
        done.append(cycle.cycleId)

    @service.subscription("startBilling", event="billing.monthlyCycleDue")
    async def start_billing(context: Context, cycle: Cycle) -> None:
        await context.enqueue(run_billing, cycle)

    service.add_schedule_definition(
        service.get_schedule_builder("monthlyBillingCycle", "Trigger monthly billing on the 1st").emit_event(
            "billing.monthlyCycleDue",
            expression=Cron("0 2 1 * *"),
            timezone="Europe/Berlin",
            concurrency_policy="forbid",
            missed_run_policy="runOnce",
            idempotency_key="payload.cycleId",
            payload_schema=Cycle,
            payload={"cycleId": "{scheduled_at:%Y-%m}"},
        )
    )
    return service


async def until(condition, seconds: float = 5.0) -> None:
    """Wait for the threads and tasks of this process, in real time, with an end."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen in time")


async def test_a_call_becomes_work_and_the_ledger_shows_it(tmp_path):
    clock, done = ManualClock("2026-01-15T00:00:00Z"), []
    bridge = DefaultEventBridge(tmp_path / "purista.db", clock=clock)
    async with await billing(done).get_instance(bridge):
        key = "user/1/monthlyBillingCycle"
        assert (await bridge.gateway.trigger(Call(key))).answer is Answer.NOT_DUE
        await clock.advance_to("2026-02-01T01:00:00Z")
        assert (await bridge.gateway.trigger(Call(key))).answer is Answer.ACCEPTED
        assert (await bridge.gateway.trigger(Call(key))).answer is Answer.DUPLICATE
        await until(lambda: done)

        async def row():
            return (await bridge.ledger.history(Query(key=key))).rows[0]

        for _ in range(500):
            if (await row()).row.run is RunState.FINISHED:
                break
            await asyncio.sleep(0.01)
        run = await row()
        assert done == ["2026-02"]
        assert (run.row.decision, run.row.run) == (Decision.PUBLISHED, RunState.FINISHED)
        assert run.row.occurrence_id == "krtMr1CJCH-Y8Y1AZm_jKKII2sxMocvpz-WLayPD4Os"
        assert sorted(p.address for p in run.parts) == ["queue:billing.run", "sub:user/1/startBilling"]
