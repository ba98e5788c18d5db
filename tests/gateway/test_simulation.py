"""Random lives of one schedule: calls, clock jumps, workers that begin, renew, end or vanish. The laws hold throughout."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from purista import DefaultEventBridge, Interval, ServiceBuilder
from purista.gateway.slots import CLOCK_SKEW_MS
from purista.ledgers.base import Decision, Query, RunRef, RunState
from purista.messages import load, run_of
from purista.permits import Begin, End, Granted, Refused, Renewed
from purista.schedulers.base import Call, CallKind
from purista.testing import ManualClock

HOUR = 3_600_000
KEY = "s/1/hourly"
STEPS = 60


@dataclass
class Worker:
    """Somebody who was granted a permit and has not ended yet. ``alive`` ones know their expiry and stop in time."""

    run: RunRef
    part: str
    fence: int
    until: int


@dataclass
class Life:
    """One schedule under one policy, with its imagined workers."""

    bridge: DefaultEventBridge
    clock: ManualClock
    rng: random.Random
    policy: str
    working: list[Worker] = field(default_factory=list)
    watermark: int = 0

    async def step(self) -> None:
        act = self.rng.choice(
            ["call", "call", "wait", "wait", "begin", "begin", "renew", "end", "end", "vanish", "sweep", "back"]
        )
        await getattr(self, act)()
        await self.check()

    async def call(self) -> None:
        first = await self.bridge.gateway.trigger(Call(KEY))
        again = await self.bridge.gateway.trigger(Call(KEY))
        assert first.detail
        assert not again.rows, "the same call decided something twice"

    async def wait(self) -> None:
        self.clock.jump(self.clock.now() + self.rng.choice([1_000, 20_000, 600_000, HOUR, 5 * HOUR]))

    async def back(self) -> None:
        self.clock.jump(self.clock.now() - self.rng.choice([1_000, 30_000]))

    async def sweep(self) -> None:
        await self.bridge.gateway.sweep()

    async def begin(self) -> None:
        letters = self.bridge.file.read(lambda c: c.execute("SELECT id, address, body FROM mail").fetchall())
        if not letters:
            return
        id_, address, body = self.rng.choice(letters)
        info = run_of(load(body))
        assert info is not None
        ref = RunRef(info.run, info.at)
        answer = await self.bridge.gateway.begin(KEY, Begin(ref, id_, address, "w"))
        if isinstance(answer, Granted):
            self.working.append(Worker(ref, id_, answer.fence, answer.until))
        elif isinstance(answer, Refused):
            assert answer.why

    async def renew(self) -> None:
        for worker in self.alive()[:1]:
            answer = await self.bridge.gateway.renew(KEY, worker.run, worker.part, worker.fence)
            if isinstance(answer, Renewed):
                worker.until = answer.until
            else:
                self.working.remove(worker)

    async def end(self) -> None:
        for worker in self.working[:1]:
            self.working.remove(worker)
            outcome = self.rng.choice([RunState.FINISHED, RunState.FAILED, None])
            report = End(worker.run, worker.part, "queue:work", worker.fence, outcome)
            await self.bridge.gateway.end(KEY, report)

    async def vanish(self) -> None:
        if self.working:
            self.working.pop()

    def alive(self) -> list[Worker]:
        return [worker for worker in self.working if worker.until + CLOCK_SKEW_MS > self.clock.now()]

    async def check(self) -> None:
        view = (await self.bridge.ledger.load([KEY]))[0]
        assert view is not None
        assert view.lineage.decided_until >= self.watermark
        self.watermark = view.lineage.decided_until
        assert len({worker.run.occurrence_id for worker in self.alive()}) <= 1, "two runs work at once"
        assert len({(worker.run, worker.part) for worker in self.alive()}) == len(self.alive())

    async def account(self) -> None:
        """At the end: everything due was decided exactly once, and nothing is held for ever."""
        self.clock.jump(self.clock.now() + 10 * HOUR)
        self.working.clear()
        await self.bridge.gateway.trigger(Call(KEY))
        await self.bridge.gateway.sweep()
        await self.bridge.gateway.trigger(Call(KEY, CallKind.SWEEP))
        rows = [run.row for run in (await self.bridge.ledger.history(Query(key=KEY, limit=100_000))).rows]
        decided = sorted(row.scheduled_at + n * HOUR for row in rows for n in range(row.count))
        first = decided[0]
        assert decided == list(range(first, self.watermark_now() + 1, HOUR)), "an occurrence was lost or decided twice"
        assert all(row.reason for row in rows)
        assert not [row for row in rows if row.decision in (Decision.HELD, Decision.CLAIMED)], "held for ever"
        related = {row.occurrence_id for row in rows}
        assert all(row.related in related for row in rows if row.related)

    def watermark_now(self) -> int:
        return self.clock.now() // HOUR * HOUR


def _service(policy: str, missed: str) -> ServiceBuilder:
    service = ServiceBuilder("s", "1", "random")
    options: dict[str, Any] = {"max_catch_up_count": 3} if missed == "backfill" else {}
    service.schedule(
        "hourly",
        Interval(timedelta(hours=1)),
        enqueue="work",
        concurrency_policy=policy,
        missed_run_policy=missed,
        **options,
    )
    return service


@pytest.mark.parametrize("missed", ["skip", "runOnce", "backfill"])
@pytest.mark.parametrize("policy", ["forbid", "replace"])
async def test_the_laws_hold_in_random_lives(policy: str, missed: str) -> None:
    for seed in range(25):
        clock = ManualClock("2026-01-01T00:30:00Z")
        bridge = DefaultEventBridge(clock=clock, permit_ms=30_000)
        instance = await _service(policy, missed).get_instance(bridge)
        await instance.start(consume=False)
        life = Life(bridge, clock, random.Random(f"{policy} {missed} {seed}"), policy)
        clock.jump(clock.now() + HOUR)
        await life.call()
        try:
            for _ in range(STEPS):
                await life.step()
            await life.account()
        except AssertionError as error:
            raise AssertionError(f"seed {policy} {missed} {seed}: {error}") from error
        finally:
            await instance.stop()
    await asyncio.sleep(0)
