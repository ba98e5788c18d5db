"""Who else keeps the time in a Python process, each driven the same way: add schedules, look when nothing is due, fire.

A peer is driven through the step its own loop takes (APScheduler ``_process_jobs``, celery beat ``tick``, the body of taskiq's
loop), with a function that does nothing instead of a broker behind it. ``add`` takes daily cron texts; ``fire`` makes the first
``due`` of them due.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from purista.recurrence import Cron, Recurrence
from purista.schedulers.local import LocalRunner
from purista.schedulers.local.runner import Timetable

logging.getLogger("purista.local").setLevel(logging.ERROR)
DAY = 86_400


def texts(count: int, due: int) -> tuple[list[str], int]:
    """Daily rules: the first ``due`` at one minute half a day ahead, the others in all minutes after it; and that minute."""
    at = int(time.time()) // 60 * 60 + DAY // 2
    minutes = [0] * due + [1 + n % 700 for n in range(count - due)]
    times = [datetime.fromtimestamp(at + 60 * minute, UTC) for minute in minutes]
    return [f"{t.minute} {t.hour} * * *" for t in times], at


class Stopped:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.ms = int(time.time() * 1000)

    def now(self) -> int:
        return self.ms

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    def watch(self, told: Any) -> None:
        """Nobody is told: the bench rings itself."""


class Purista:
    """The runner itself, without its sleep: one turn of its loop, the calls it makes, and their return."""

    name = "purista"

    async def add(self, rules: Sequence[str], due: int, at: int) -> float:
        self.clock, self.fired, self.at = Stopped(), 0, at
        self.loop = asyncio.get_running_loop()
        self.runner = LocalRunner(self._contracts, self._trigger, clock=self.clock)
        await self.runner.start()
        await asyncio.sleep(0.01)
        begin = time.perf_counter()
        self.runner.refresh({f"s{n}": Recurrence(Cron(text), "UTC") for n, text in enumerate(rules)})
        self.runner._work_in()
        return time.perf_counter() - begin

    async def idle(self) -> None:
        self.runner._settle()
        self.runner._look()
        self.runner._work_in()
        assert self.runner._table.head is not None

    async def fire(self, due: int) -> int:
        self.clock.ms, self.fired = self.at * 1000, 0
        self.runner._alarm.ring()
        table: Timetable = self.runner._table
        callers = self.runner._callers
        while self.fired < due or callers.busy or callers._called or not table.head:  # noqa: ASYNC110 - a turn of the loop
            await asyncio.sleep(0)
        return self.fired

    async def close(self) -> None:
        await self.runner.stop(drain=False)

    async def _contracts(self) -> list[tuple[str, Recurrence]]:
        return []

    async def _trigger(self, call: object) -> None:
        self.fired += 1


class Heap:
    """The floor: a bare heapq of daily instants, known beforehand."""

    name = "heapq, the floor"

    async def add(self, rules: Sequence[str], due: int, at: int) -> float:
        self.at = at
        times = [at + (0 if n < due else 60 + n % 700 * 60) for n in range(len(rules))]
        begin = time.perf_counter()
        self.heap = [(when, n) for n, when in enumerate(times)]
        heapq.heapify(self.heap)
        return time.perf_counter() - begin

    async def idle(self) -> None:
        assert self.heap[0][0] > time.time()

    async def fire(self, due: int) -> int:
        heap, fired = self.heap, 0
        while heap[0][0] <= self.at:
            when, number = heap[0]
            heapq.heapreplace(heap, (when + DAY, number))
            fired += 1
        return fired

    async def close(self) -> None:
        """Nothing to close."""


class APScheduler:
    """APScheduler 3 with its memory store; jobs run in the calling thread."""

    name = "APScheduler"

    async def add(self, rules: Sequence[str], due: int, at: int) -> float:
        from apscheduler.executors.debug import DebugExecutor
        from apscheduler.schedulers.base import STATE_RUNNING, BaseScheduler
        from apscheduler.triggers.cron import CronTrigger

        class Driven(BaseScheduler):
            def shutdown(self, wait: bool = True) -> None:
                super().shutdown(wait)

            def wakeup(self) -> None:
                """The bench calls ``_process_jobs``."""

        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self.fired, self.due = 0, due
        self.scheduler = Driven(timezone=UTC, executors={"default": DebugExecutor()})
        self.scheduler.start(paused=True)
        begin = time.perf_counter()
        for number, text in enumerate(rules):
            self.scheduler.add_job(
                self._fire, CronTrigger.from_crontab(text, UTC), id=f"s{number}", misfire_grace_time=None
            )
        took = time.perf_counter() - begin
        self.scheduler.state = STATE_RUNNING
        return took

    async def idle(self) -> None:
        self.scheduler._process_jobs()

    async def fire(self, due: int) -> int:
        self.fired = 0
        now = datetime.now(UTC) - timedelta(seconds=1)
        store = self.scheduler._jobstores["default"]
        jobs = [store._jobs_index[f"s{n}"][0] for n in range(due)]
        for job in jobs:
            job._modify(next_run_time=now)
        late = {job.id for job in jobs}
        kept = [pair for pair in store._jobs if pair[0].id not in late]
        store._jobs = sorted(((job, now.timestamp()) for job in jobs), key=lambda pair: pair[0].id) + kept
        store._jobs_index.update({job.id: (job, now.timestamp()) for job in jobs})
        self.ready()
        self.scheduler._process_jobs()
        return self.fired

    ready = staticmethod(lambda: None)

    async def close(self) -> None:
        self.scheduler.shutdown()

    def _fire(self) -> None:
        self.fired += 1


class Beat:
    """celery beat's scheduler, no broker behind it. Each of its ticks fires one entry."""

    name = "celery beat"

    async def add(self, rules: Sequence[str], due: int, at: int) -> float:
        import celery.beat
        from celery import Celery
        from celery.schedules import crontab

        app = Celery("bench", broker="memory://")
        app.conf.timezone = "UTC"
        peer = self

        class Quiet(celery.beat.Scheduler):
            def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> None:
                peer.fired += 1

            producer = None

        self.fired = 0
        begin = time.perf_counter()
        self.scheduler = Quiet(app, lazy=True)
        schedule = {}
        for number, text in enumerate(rules):
            minute, hour, *_ = text.split()
            schedule[f"s{number}"] = {"task": "t", "schedule": crontab(minute, hour, app=app)}
        self.scheduler.update_from_dict(schedule)
        self.scheduler.tick()
        return time.perf_counter() - begin

    async def idle(self) -> None:
        self.scheduler.tick()

    async def fire(self, due: int) -> int:
        self.fired = 0
        past = datetime.now(UTC) - timedelta(days=2)
        for number in range(due):
            self.scheduler.schedule[f"s{number}"].last_run_at = past
        self.scheduler._heap = None
        self.scheduler.old_schedulers = None
        self.scheduler.populate_heap()
        self.scheduler.old_schedulers = dict(self.scheduler.schedule)
        self.ready()
        until = time.perf_counter() + PATIENCE
        while self.fired < due and time.perf_counter() < until:
            self.scheduler.tick()
        return self.fired

    ready = staticmethod(lambda: None)

    async def close(self) -> None:
        """Nothing to close."""


PATIENCE = 3.0
"""Seconds for a peer's firing; who is slower has fired fewer."""


class Taskiq:
    """The body of taskiq's loop, every second over all schedules, a scheduler behind it that sends nothing."""

    name = "taskiq"

    async def add(self, rules: Sequence[str], due: int, at: int) -> float:
        from taskiq import InMemoryBroker, ScheduledTask, TaskiqScheduler
        from taskiq.cli.scheduler.run import SchedulerLoop

        logging.getLogger("taskiq").setLevel(logging.ERROR)
        self.fired, self.at = 0, at
        self.sent: dict[str, asyncio.Task[None]] = {}
        scheduler = TaskiqScheduler(InMemoryBroker(), [])
        scheduler.on_ready = self._fire  # type: ignore[method-assign]
        begin = time.perf_counter()
        tasks = [
            ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, schedule_id=f"s{n}", cron=text)
            for n, text in enumerate(rules)
        ]
        self.loop = SchedulerLoop(scheduler)
        self.loop.scheduled_tasks = [(None, tasks)]  # type: ignore[list-item]
        return time.perf_counter() - begin

    async def idle(self) -> None:
        await self._turn(datetime.now(UTC))

    async def fire(self, due: int) -> int:
        self.fired = 0
        await self._turn(datetime.fromtimestamp(self.at, UTC))
        while self.fired < due:  # noqa: ASYNC110 - a turn of the loop
            await asyncio.sleep(0)
        return self.fired

    async def close(self) -> None:
        """Nothing to close."""

    async def _turn(self, now: datetime) -> None:
        from taskiq.cli.scheduler.run import send

        loop = asyncio.get_running_loop()
        for source, tasks in self.loop.scheduled_tasks:
            for task in tasks:
                if self.loop._is_schedule_ready_to_send(task=task, now=now):
                    self.sent[task.schedule_id] = loop.create_task(
                        send(self.loop.scheduler, source, task), name=f"schedule_{task.schedule_id}"
                    )

    async def _fire(self, source: object, task: object) -> None:
        self.fired += 1


PEERS = (Purista, Heap, APScheduler, Beat, Taskiq)
