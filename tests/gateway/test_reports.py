"""What workers report, twice, late, forged or with odd texts: it ends what it is about, once, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purista.delivery import readable
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Part, RunRef, RunState
from purista.ledgers.postgres import PostgresLedger
from purista.permits import Begin, End, Granted, Spawn, Spawned, wire
from purista.postgres.database import Database
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call, CallKind
from tests.gateway.test_publishing import HOUR, Stage, stage
from tests.services import postgres


async def published(on: Stage, key: str, request: str = "r") -> tuple[RunRef, Part]:
    row = (await on.gateway.trigger(Call(key, CallKind.MANUAL, request=request))).rows[0]
    ref = RunRef(row.occurrence_id, row.scheduled_at)
    (view,) = await on.ledger.load([key], [ref])
    assert view is not None
    (run,) = [one for one in view.open if one.row.occurrence_id == row.occurrence_id]
    return ref, run.parts[0]


async def begun(on: Stage, key: str, worker: str = "w") -> tuple[RunRef, Part, Granted]:
    ref, part = await published(on, key)
    granted = await on.gateway.begin(key, Begin(ref, part.part, part.address, worker))
    assert isinstance(granted, Granted)
    return ref, part, granted


async def test_one_result_event_that_comes_twice_ends_one_run() -> None:
    options: dict[str, Any] = {"missed_run_policy": "backfill", "max_catch_up_count": 9, "completed_by": "done"}
    async with stage(concurrency_policy="forbid", **options) as on:
        on.clock.jump(on.clock.now() + 3 * HOUR)
        await on.gateway.trigger(Call(on.keys[0]))
        other = Gateway(on.ledger, publisher=on.broker)
        both = (
            gateway.complete(on.keys[0], None, RunState.FINISHED, "event-1") for gateway in (on.gateway, other, other)
        )
        assert all(await asyncio.gather(*both))
        assert await on.gateway.complete(on.keys[0], None, RunState.FINISHED, "event-1")
        rows = await on.rows(on.keys[0])
        assert [row.run for row in rows] == [RunState.OPEN, RunState.OPEN, RunState.FINISHED]
        assert await on.gateway.complete(on.keys[0], None, RunState.FAILED, "event-2")
        assert [row.run for row in await on.rows(on.keys[0])] == [RunState.OPEN, RunState.FAILED, RunState.FINISHED]


async def test_a_report_that_is_repeated_is_heard_again() -> None:
    """The answer to the first was lost: whoever reported may let go of the message."""
    async with stage(concurrency_policy="forbid") as on:
        ref, part, granted = await begun(on, on.keys[0])
        report = End(ref, part.part, part.address, granted.fence, RunState.FAILED, "no")
        assert await on.gateway.end(on.keys[0], report)
        assert await on.gateway.end(on.keys[0], report)
        other = End(ref, part.part, part.address, granted.fence, RunState.FINISHED)
        assert not await on.gateway.end(on.keys[0], other)


async def test_a_job_can_be_made_part_of_its_own_run_only() -> None:
    async with stage(2, concurrency_policy="forbid") as on:
        ref, part, granted = await begun(on, on.keys[0])
        victim, its, held = await begun(on, on.keys[1], "honest")
        forged = Spawn(ref, part.part, granted.fence, Part(victim.occurrence_id, its.part, its.address), None)
        assert await on.gateway.spawn(on.keys[0], forged) is Spawned.LOST
        ask = wire.write_ask("spawn", on.keys[0], ref, part=part.part, fence=granted.fence, childPart=its.part,
                             childAddress=its.address, childRun=victim.occurrence_id)  # fmt: skip
        _, _, _, rest = wire.read_ask(ask)
        assert rest["child"].run == ref.occurrence_id
        assert await on.gateway.spawn(on.keys[0], Spawn(ref, **rest)) is Spawned.NEW
        assert await on.gateway.spawn(on.keys[0], Spawn(ref, **rest)) is Spawned.KNOWN
        again = await on.gateway.begin(on.keys[1], Begin(victim, its.part, its.address, "second"))
        assert not isinstance(again, Granted)
        assert await on.gateway.end(on.keys[1], End(victim, its.part, its.address, held.fence, RunState.FINISHED))


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800 of one"])
def test_texts_that_no_store_keeps_are_refused_at_the_desk_and_readable_in_a_reason(text: str) -> None:
    ask = wire.write_ask("end", "s/1/a", RunRef("x"), part="p", address="a", detail=text)
    with pytest.raises(ValueError, match="every store can keep"):
        wire.read_ask(ask)
    shown = readable(text)
    assert "\x00" not in shown
    shown.encode()


async def test_one_change_that_the_server_cannot_keep_does_not_fail_the_others(schema: str) -> None:
    """Forty reports wait together; one of them has a NUL in its text."""
    from purista import Cron, ServiceBuilder

    service, count = ServiceBuilder("s", "1"), 40
    for number in range(count):
        service.schedule(f"n{number}", Cron("0 0 1 1 *"), timezone="UTC", enqueue="w", concurrency_policy="forbid",
                         missed_run_policy="skip")  # fmt: skip

    class Confirms:
        async def publish_raw(self, messages: Any) -> list[None]:
            return [None] * len(messages)

    async with PostgresLedger(Database(postgres(), schema=schema)) as ledger:
        await Registrar(ledger).register("s", "1", service.schedules)
        gateway, waiting = Gateway(ledger, publisher=Confirms()), []
        for number in range(count):
            key = f"s/1/n{number}"
            row = (await gateway.trigger(Call(key, CallKind.MANUAL, request="r"))).rows[0]
            ref = RunRef(row.occurrence_id, row.scheduled_at)
            (view,) = await ledger.load([key], [ref])
            assert view is not None
            part = view.open[0].parts[0]
            granted = await gateway.begin(key, Begin(ref, part.part, part.address, "w"))
            assert isinstance(granted, Granted)
            detail = "bad \x00" if number == 20 else None
            waiting.append((key, End(ref, part.part, part.address, granted.fence, RunState.FINISHED, detail)))
        told = await asyncio.gather(*(gateway.end(*one) for one in waiting), return_exceptions=True)
        assert [number for number, answer in enumerate(told) if answer is not True] == [20]
