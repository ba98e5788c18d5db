"""A run whose work is done elsewhere ends with its result event; until then `forbid` holds the slot."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from purista import Context, DefaultEventBridge, Interval, ServiceBuilder
from purista.ledgers.base import Decision, Query, RunState
from purista.schedulers.base import Call
from purista.testing import ManualClock
from tests.e2e.test_thin_path import until


async def test_the_result_event_ends_the_run(tmp_path: Path) -> None:
    clock, seen = ManualClock("2026-01-01T00:30:00Z"), []
    service = ServiceBuilder("orders", "1", "hands work to somebody else")

    @service.subscription("forward", event="orders.due", once=True)
    async def forward(context: Context, payload: Any) -> None:
        seen.append(payload)

    @service.subscription("finish", event="elsewhere.done", once=True)
    async def finish(context: Context, payload: Any) -> None:
        await context.emit("orders.settled", {"status": payload["status"]})

    service.schedule(
        "hourly", Interval(timedelta(hours=1)), emit="orders.due", concurrency_policy="forbid", missed_run_policy="runOnce",
        completed_by="orders.settled", payload={"at": "{scheduled_at}"},
    )  # fmt: skip
    bridge = DefaultEventBridge(tmp_path / "purista.db", clock=clock)
    async with await service.get_instance(bridge):
        key = "orders/1/hourly"

        async def rows() -> list[Any]:
            return [run.row for run in (await bridge.ledger.history(Query(key=key))).rows]

        await clock.advance_to("2026-01-01T01:00:00Z")
        await bridge.gateway.trigger(Call(key))
        await until(lambda: seen)
        await clock.advance_to("2026-01-01T02:00:00Z")
        await bridge.gateway.trigger(Call(key))
        assert [row.decision for row in await rows()] == [Decision.SKIPPED_OVERLAP, Decision.PUBLISHED]
        from purista.messages import Address, custom_message, new_id

        sender = Address("elsewhere", "1", "worker", "x")
        await bridge.publish(
            [custom_message("elsewhere.done", {"status": "failed"}, sender, id=new_id(), timestamp=clock.now())]
        )
        for _ in range(500):
            if (await rows())[-1].run is RunState.FAILED:
                break
            await until(lambda: True)
            import asyncio

            await asyncio.sleep(0.01)
        assert (await rows())[-1].run is RunState.FAILED
        await clock.advance_to("2026-01-01T03:00:00Z")
        await bridge.gateway.trigger(Call(key))
        assert (await rows())[0].decision is Decision.PUBLISHED
