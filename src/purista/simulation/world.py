"""An app in a world of its own: a host with a clock and a file, a scheduler that calls, processes that work and die."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

from purista.app import App
from purista.clock import to_datetime, to_ms
from purista.contract.schedule import Schedule
from purista.embedded import DefaultEventBridge
from purista.gateway.gateway import Gateway, Reply
from purista.gateway.recover import recover
from purista.ledgers.base import Ledger, Query, Run
from purista.recurrence import Recurrence
from purista.schedulers.base import Call
from purista.simulation.clock import SimulatedClock
from purista.simulation.journal import Journal
from purista.simulation.loop import TimeLoop
from purista.simulation.process import Host, Line, Process
from purista.simulation.scheduler import SimulatedScheduler
from purista.simulation.watched import StandIn, Twice, WatchedInstance

__all__ = ["CALLER", "World", "instant"]

CALLER = "caller"
PAGE = 10_000


def instant(value: dt.datetime | str | int) -> int:
    """Milliseconds of an instant. A time without an offset is UTC."""
    if isinstance(value, int):
        return value
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return to_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC))


class World:
    """An app that runs in virtual time. Needs a :class:`TimeLoop`; use it as an async context manager.

    One process decides what the scheduler calls for (``caller``), ``workers`` others register and work. All die in a
    :meth:`crash`; the ledger's file stays. ``stand_in`` works in the place of the app's handlers.

    :param consume: False: nothing is worked, only decided.
    """

    def __init__(
        self, app: App, *, start: dt.datetime | str | int = "2026-01-01T00:00:00Z", workers: int = 1,
        stand_in: StandIn | None = None, consume: bool = True,
    ) -> None:  # fmt: skip
        loop = asyncio.get_running_loop()
        if not isinstance(loop, TimeLoop):
            raise TypeError("expected a TimeLoop, got a loop in real time; decorate the test with @virtual_time")
        self.app, self._loop, self._stand_in, self._consume = app, loop, stand_in, consume
        self._names = [f"worker-{number + 1}" for number in range(workers)]
        self.clock = SimulatedClock(instant(start))
        self.host = Host(app.bridge.environment)
        self.journal = Journal(self.true, self.clock.now)
        self.processes: dict[str, Process] = {}
        self.bridges: dict[str, DefaultEventBridge] = {}
        self.scheduler = SimulatedScheduler(
            self.clock.now, self._call_all, self._sweep, self._recover, self._something_open
        )
        self._timer: asyncio.Task[None] | None = None
        self.calls = 0
        self.over = False
        self.twice = Twice()

    @classmethod
    async def of(cls, app: App, **options: Any) -> World:
        """A world that has started."""
        world = cls(app, **options)
        await world.start()
        return world

    async def __aenter__(self) -> World:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def bridge(self) -> DefaultEventBridge:
        """The event bridge of the calling process."""
        return self.bridges[CALLER]

    @property
    def ledger(self) -> Ledger:
        """The ledger, as the calling process sees it."""
        return self.bridge.ledger

    @property
    def gateway(self) -> Gateway:
        """The gateway of the calling process."""
        return self.bridge.gateway

    @property
    def schedules(self) -> list[Schedule]:
        """What the app declares, by key."""
        return sorted((s for service in self.app.services for s in service.schedules), key=lambda s: s.key)

    def true(self) -> int:
        """The time that nobody in the world can know once a clock has jumped: ms since the epoch."""
        return self.clock.now() - self.clock.jumped

    async def start(self) -> None:
        """Start every process; the scheduler begins to call."""
        self.clock.watch(self._jumped)
        for name in (*self._names, CALLER):
            await self.boot(name)
        self.scheduler.plan(await self._rules())
        self._timer = self._loop.create_task(self.scheduler.run())
        await self._loop.quiet()

    async def stop(self) -> None:
        """End the world."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        for process in self.processes.values():
            process.die()
        await self._loop.quiet()
        self.host.close()

    async def boot(self, name: str) -> None:
        """Start a process; does nothing while it lives."""
        known = self.processes.get(name)
        if known is not None and known.alive:
            return
        process = self.processes[name] = Process(name, self.host)
        process.on_death.append(lambda died: self.journal.died(died.name))
        task = process.spawn(self._boot(process))
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def _boot(self, process: Process) -> None:
        like = self.app.bridge
        bridge = self.bridges[process.name] = DefaultEventBridge(
            environment=like.environment, clock=self.clock, limits=like.limits, permit_ms=like.gateway.permit_ms,
            file=Line(process), instance=f"{process.name}",
        )  # fmt: skip
        await bridge.start()
        if process.name == CALLER:
            return
        for service in self.app.services:
            instance = WatchedInstance(service, bridge, process, self.journal, self._stand_in, self.twice)
            process.on_death.append(instance.let_threads_go)
            await instance.start(consume=self._consume)

    async def run(self, for_: dt.timedelta | None = None, **units: float) -> None:
        """Let time pass: ``run(days=365)``. What is due at the last instant is worked too, as far as it takes no time."""
        await asyncio.sleep(((for_ or dt.timedelta()) + dt.timedelta(**units)).total_seconds())
        await self._loop.quiet()

    async def run_until(self, at: dt.datetime | str | int) -> None:
        """Let time pass until the host's clock says so."""
        await self.run(dt.timedelta(milliseconds=max(0, instant(at) - self.clock.now())))

    async def crash(self, *names: str, down: dt.timedelta | None = None, **units: float) -> None:
        """Everything volatile dies (or only the processes ``names``), and starts again after ``down``."""
        chosen = names or tuple(self.processes)
        for name in chosen:
            self.processes[name].die()
        await self._loop.quiet()
        await self.run(down, **units)
        for name in chosen:
            await self.boot(name)
        self.scheduler.disturb()
        await self._loop.quiet()

    def jump(self, delta: dt.timedelta | None = None, **units: float) -> None:
        """Set the host's clock forward or back; no time passes. What it jumps over is not called for."""
        moved = (delta or dt.timedelta()) + dt.timedelta(**units)
        self.clock.jump(round(moved.total_seconds() * 1000))

    async def quiet(self) -> None:
        """Let everybody do what can be done at this instant."""
        await self._loop.quiet()

    async def call(self, key: str, *, at: dt.datetime | str | int | None = None, by: str = CALLER) -> Reply | None:
        """One call of a scheduler beyond its own. None: the process that was called is dead, or died of it."""
        process = self.processes[by]
        if not process.alive or by not in self.bridges:
            return None
        call = Call(key, scheduled_at=None if at is None else instant(at), source="simulated")
        task = process.spawn(self.bridges[by].gateway.trigger(call))
        await asyncio.wait([task])
        return None if task.cancelled() else task.result()

    async def history(self, key: str | None = None) -> list[Run]:
        """Every decided occurrence with its run, oldest first."""
        query, found = Query(key=key, limit=PAGE), list[Run]()
        while True:
            page = await self.ledger.history(query)
            found += page.rows
            if page.next is None:
                return found[::-1]
            query = Query(key=key, limit=PAGE, before=page.next)

    async def _rules(self) -> list[tuple[str, Recurrence]]:
        registered = await self.ledger.registered()
        live = {lineage.key: lineage.contracts[-1].schedule for _, lineages in registered for lineage in lineages}
        return sorted(((k, s.recurrence()) for k, s in live.items() if s is not None), key=lambda rule: rule[0])

    def _call_all(self, keys: Sequence[str]) -> None:
        process = self.processes[CALLER]
        self.calls += len(keys)
        if process.alive:
            process.spawn(self._called(keys))
            return
        for key in keys:
            self.journal.note("call lost", key, detail="nobody was there to take it")

    async def _called(self, keys: Sequence[str]) -> None:
        replies = await self.gateway.trigger_all([Call(key, source="simulated") for key in keys])
        said = [f"{reply.answer.value}: {reply.detail}" for reply in replies]
        self.journal.note_all("called", zip(keys, said, strict=True))

    def _sweep(self) -> None:
        process = self.processes[CALLER]
        if process.alive:
            process.spawn(self.gateway.sweep())

    def _recover(self) -> None:
        process = self.processes[CALLER]
        if process.alive:
            process.spawn(recover(self.gateway))
        else:
            self.scheduler.disturb()

    def _something_open(self) -> bool:
        statement = "SELECT 1 FROM lineages WHERE wake_at IS NOT NULL LIMIT 1"
        return self.host.file.read(lambda c: c.execute(statement).fetchone()) is not None

    def _jumped(self) -> None:
        self.journal.note("clock jumped", detail=f"to {to_datetime(self.clock.now()):%Y-%m-%d %H:%M:%S}Z")
        self.scheduler.replan()
        self.scheduler.disturb()
        self.host.wake_later()
