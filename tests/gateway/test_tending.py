"""A gateway looks after what is due by itself."""

from __future__ import annotations

import asyncio

from purista.errors import LedgerError
from purista.gateway.tending import tend
from purista.testing import ManualClock


async def test_it_sweeps_every_minute_and_recovers_every_hour(clock: ManualClock) -> None:
    done: list[tuple[str, int]] = []
    start = clock.now()

    def note(what: str):
        async def act() -> None:
            done.append((what, (clock.now() - start) // 60_000))

        return act

    task = asyncio.ensure_future(tend(note("sweep"), note("recover"), clock))
    await asyncio.sleep(0)
    await clock.advance(minutes=121)
    task.cancel()
    assert [at for what, at in done if what == "recover"] == [0, 60, 120]
    assert [at for what, at in done if what == "sweep"] == list(range(122))


async def test_a_ledger_that_is_away_is_asked_again(clock: ManualClock) -> None:
    tries, recovered = [], []

    async def sweep() -> None:
        tries.append(clock.now())
        if len(tries) < 3:
            raise LedgerError("away")

    async def recover() -> None:
        recovered.append(clock.now())

    task = asyncio.ensure_future(tend(sweep, recover, clock))
    await asyncio.sleep(0)
    await clock.advance(minutes=3)
    task.cancel()
    assert len(tries) == 4
    assert len(recovered) == 1


async def test_nothing_that_goes_wrong_ends_it() -> None:
    """Nobody would start it again."""
    clock, swept = ManualClock("2026-01-01T00:00:00Z"), 0

    async def sweep() -> None:
        nonlocal swept
        swept += 1
        raise Exception("as some drivers do")

    async def recover() -> None:
        raise AssertionError("not reached")

    tending = asyncio.create_task(tend(sweep, recover, clock))
    for _ in range(3):
        await asyncio.sleep(0)
        await clock.advance(minutes=1)
    assert not tending.done()
    tending.cancel()
    await asyncio.wait({tending})
    assert swept >= 2
