"""One seed's life of an app: faults are drawn, the world runs and comes to rest, the laws are checked."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from purista.app import App
from purista.ledgers.base import Lineage, Run, RunState
from purista.simulation.faults import Chances, Crash, Duplicate, Fault, Jump, draw
from purista.simulation.laws import Broken, Case, check
from purista.simulation.loop import travel
from purista.simulation.process import Process
from purista.simulation.shrink import shrink
from purista.simulation.standin import StandIns
from purista.simulation.timeline import Line, timeline
from purista.simulation.world import CALLER, World

__all__ = ["Outcome", "Plan", "faults_of", "least", "simulate"]

ROUND_MS = 1_800_000
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. ``start`` is ms since the epoch, ``length`` ms. ``real``: the app's own handlers work."""

    start: int
    length: int
    chances: Chances = field(default_factory=Chances)
    workers: int = 2
    real: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed led to. ``resting`` of the occurrences ``decided`` were due after the plan's length, until nothing was
    open any more; ``again`` of the times that something was ``worked`` were further ones of the same delivery."""

    seed: int
    faults: tuple[Fault, ...]
    broken: tuple[Broken, ...]
    lines: tuple[Line, ...]
    decided: int
    worked: int
    calls: int
    resting: int = 0
    again: int = 0


def faults_of(app: App, plan: Plan, seed: int) -> list[Fault]:
    """Everything that goes wrong under a seed."""
    schedules = sorted((s for service in app.services for s in service.schedules), key=lambda s: s.key)
    return draw(seed, plan.chances, schedules, _names(plan), plan.start, plan.length)


def simulate(app: App, plan: Plan, seed: int, only: Sequence[int] | None = None) -> Outcome:
    """Live one seed; with ``only``, no other faults than those with these numbers."""
    faults = faults_of(app, plan, seed)
    chosen = faults if only is None else [fault for fault in faults if fault.number in set(only)]
    with _quiet():
        return travel(_Life(app, plan, seed, chosen).live())


def least(app: App, plan: Plan, outcome: Outcome) -> Outcome:
    """The same seed with as few of its faults as it takes to break the same law."""
    laws = {broken.law for broken in outcome.broken}

    def fails(faults: Sequence[Fault]) -> bool:
        again = simulate(app, plan, outcome.seed, [fault.number for fault in faults])
        return bool(laws & {broken.law for broken in again.broken})

    kept = shrink(outcome.faults, fails)
    return simulate(app, plan, outcome.seed, [fault.number for fault in kept])


class _Life:
    """A world under faults."""

    def __init__(self, app: App, plan: Plan, seed: int, faults: Sequence[Fault]) -> None:
        self._app, self._plan, self._seed, self._faults = app, plan, seed, faults
        schedules = [s for service in app.services for s in service.schedules]
        self._stand_ins = StandIns(seed, {s.key: float(s.recurrence().shortest_gap) for s in schedules})
        self._forward: list[tuple[int, int]] = []
        self._errors: list[Broken] = []
        self._outside = contextvars.copy_context()
        self._doing: set[asyncio.Task[None]] = set()

    async def live(self) -> Outcome:
        """From the start to rest."""
        plan = self._plan
        world = World(
            self._app, start=plan.start, workers=plan.workers, stand_in=None if plan.real else self._stand_ins
        )
        async with world:
            loop = asyncio.get_running_loop()
            for process in world.processes.values():
                self._mourn(world, process)
            for fault in self._faults:
                loop.call_later(fault.at / 1000, self._happen, world, fault)
            await world.run(milliseconds=plan.length)
            ends = world.clock.now()
            runs, lineages = await self._rest(world)
            case = Case(
                lineages, runs, world.journal, world.clock.now(), self._forward, world.bridge.gateway.permit_ms,
                _letters(world), _posted(world),
            )  # fmt: skip
            return self._outcome(world, case, ends)

    def _outcome(self, world: World, case: Case, ends: int) -> Outcome:
        """``ends``: what the host's clock said when the faults were over."""
        runs, work = case.runs, world.journal.work
        return Outcome(
            self._seed, tuple(self._faults), (*self._errors, *check(case)), tuple(timeline(world.journal, runs)),
            sum(run.row.count for run in runs), len(work), world.calls,
            resting=sum(run.row.count for run in runs if run.row.scheduled_at > ends),
            again=len(work) - len({one.delivery for one in work}),
        )  # fmt: skip

    def _happen(self, world: World, fault: Fault) -> None:
        if isinstance(fault, Jump):
            if fault.by > 0:
                self._forward.append((world.true(), fault.by))
            world.jump(milliseconds=fault.by)
        elif isinstance(fault, Crash):
            process = world.processes[fault.process]
            if process.alive:
                process.die_at = _Death(fault)
        elif isinstance(fault, Duplicate):
            self._do(self._again(world, fault))

    async def _again(self, world: World, fault: Duplicate) -> None:
        await world.call(fault.key, by=fault.process)

    def _mourn(self, world: World, process: Process) -> None:
        process.on_death.append(lambda died: self._do(self._restart(world, died)))

    async def _restart(self, world: World, died: Process) -> None:
        await asyncio.sleep(died.die_at.fault.down / 1000 if isinstance(died.die_at, _Death) else 0)
        if not world.over:
            await world.boot(died.name)
            self._mourn(world, world.processes[died.name])
            if not world.processes[died.name].alive:  # it died again while it started
                self._do(self._restart(world, world.processes[died.name]))
            world.scheduler.disturb()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """In nobody's process: it must outlive the one whose death began it."""
        task = asyncio.get_running_loop().create_task(work, context=self._outside)
        self._doing.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._doing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(Broken("nothing lost", "", f"a process could not start: {error!r}"))

    async def _rest(self, world: World) -> tuple[list[Run], list[Lineage]]:
        """No more faults: everything that lives ends what was begun, until nothing is open."""
        self._stand_ins.resting = True
        for process in world.processes.values():
            process.die_at = lambda: None
        back = -sum(fault.by for fault in self._faults if isinstance(fault, Jump) and fault.by < 0)
        for _ in range(ROUNDS + back // ROUND_MS):
            await world.run(milliseconds=ROUND_MS)
            for name in world.processes:
                await world.boot(name)
            for schedule in world.schedules:
                await world.call(schedule.key)
            await world.gateway.sweep()
            await world.quiet()
            runs = await world.history()
            if not any(_unended(run) for run in runs) and not _letters(world):
                break
        registered = await world.ledger.registered()
        return runs, [lineage for _, lineages in registered for lineage in lineages]


@dataclass(slots=True)
class _Death:
    """Counts a process's writes down to its death."""

    fault: Crash
    passed: int = 0

    def __call__(self) -> str | None:
        self.passed += 1
        return self.fault.side if self.passed > self.fault.writes else None


def _unended(run: Run) -> bool:
    return bool(run.row.open) or run.row.run is RunState.OPEN


def _letters(world: World) -> int:
    statement = "SELECT count(*) FROM mail WHERE state = 'ready'"
    return int(world.host.file.read(lambda c: c.execute(statement).fetchone()[0]))


def _posted(world: World) -> set[str]:
    return world.host.file.read(lambda c: {row[0] for row in c.execute("SELECT id FROM mail")})


def _names(plan: Plan) -> list[str]:
    return [*(f"worker-{number + 1}" for number in range(plan.workers)), CALLER]


@contextmanager
def _quiet() -> Iterator[None]:
    """Failing handlers are part of it: nobody wants to read of them."""
    loggers = [logging.getLogger("purista"), logging.getLogger("asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
