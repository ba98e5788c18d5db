"""How late is the last of a thousand that are due at the same second? Each contestant runs as it does in production.

Ten thousand schedules, of which a thousand are due at one whole second some seconds ahead and the others a day later. The
function that is called notes the time. celery beat is given so many seconds and then stopped.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local_peers import DAY

from purista.clock import SystemClock
from purista.recurrence import Interval, Recurrence
from purista.schedulers.local import LocalRunner

COUNT, DUE, PATIENCE = 10_000, 1_000, 8.0
Contestant = Callable[[list[float]], Awaitable[float]]


def lateness(contestant: Contestant) -> dict[str, float]:
    """Seconds between due and called: the median, the 99th percentile, and how many were called at all."""
    called: list[float] = []
    due = asyncio.run(contestant(called))
    late = sorted(at - due for at in called) or [float("inf")]
    return {"p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)], "fired": len(called)}


def ahead(seconds: int = 2) -> int:
    """A whole second, so many ahead."""
    return int(time.time()) + seconds


async def finished(called: list[float], due: float) -> None:
    """Until all were called, or nobody has the patience any more."""
    await asyncio.sleep(max(0, due - time.time()) + 0.2)
    while len(called) < DUE and time.time() < due + PATIENCE:  # noqa: ASYNC110 - beat has threads
        await asyncio.sleep(0.1)


async def purista(called: list[float]) -> float:
    due = ahead()
    now = Recurrence(Interval(DAY, timedelta(seconds=due % DAY)))
    rules = [
        (f"s{n}", now if n < DUE else Recurrence(Interval(DAY, timedelta(seconds=due % DAY - 60))))
        for n in range(COUNT)
    ]

    async def contracts() -> list[tuple[str, Recurrence]]:
        return rules

    async def trigger(call: object) -> None:
        called.append(time.time())

    runner = LocalRunner(contracts, trigger, clock=SystemClock())
    await runner.start()
    await finished(called, due)
    await runner.stop()
    return due


async def apscheduler_asyncio(called: list[float]) -> float:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    async def job() -> None:
        called.append(time.time())

    return await _apscheduler(AsyncIOScheduler(timezone=UTC), job, called)


async def apscheduler_background(called: list[float]) -> float:
    from apscheduler.schedulers.background import BackgroundScheduler

    return await _apscheduler(BackgroundScheduler(timezone=UTC), lambda: called.append(time.time()), called)


async def _apscheduler(scheduler: Any, job: Any, called: list[float]) -> float:
    from apscheduler.triggers.interval import IntervalTrigger

    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    due = ahead(6)
    for number in range(COUNT):
        first = datetime.fromtimestamp(due if number < DUE else due + DAY, UTC)
        trigger = IntervalTrigger(days=1, start_date=first, timezone=UTC)
        scheduler.add_job(job, trigger, id=f"s{number}", misfire_grace_time=None)
    scheduler.start()
    assert time.time() < due, "adding took too long"
    await finished(called, due)
    scheduler.shutdown()
    return due


async def beat(called: list[float]) -> float:
    import celery.beat
    from celery import Celery
    from celery.schedules import schedule

    class Quiet(celery.beat.Scheduler):
        producer = None

        def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> None:
            called.append(time.time())

    app = Celery("bench", broker="memory://")
    app.conf.timezone = "UTC"
    due = ahead(5)
    scheduler = Quiet(app, lazy=True)
    entries = {}
    for number in range(COUNT):
        last = datetime.fromtimestamp(due - DAY if number < DUE else due, UTC)
        entries[f"s{number}"] = {"task": "t", "schedule": schedule(timedelta(days=1), app=app)}
        entries[f"s{number}"]["last_run_at"] = last
    scheduler.update_from_dict(entries)
    over = threading.Event()

    def run() -> None:  # as celery.beat.Service.start
        while not over.is_set():
            interval = scheduler.tick()
            if interval and interval > 0:
                over.wait(interval)

    thread = threading.Thread(target=run)
    thread.start()
    await finished(called, due)
    over.set()
    thread.join()
    return due


async def taskiq(called: list[float]) -> float:
    from taskiq import InMemoryBroker, ScheduledTask, TaskiqScheduler
    from taskiq.abc.schedule_source import ScheduleSource
    from taskiq.cli.scheduler.run import SchedulerLoop

    logging.getLogger("taskiq").setLevel(logging.ERROR)
    due = ahead(3)
    tasks = [
        ScheduledTask(
            task_name="t", labels={}, args=[], kwargs={}, schedule_id=f"s{n}",
            time=datetime.fromtimestamp(due if n < DUE else due + DAY, UTC),
        )
        for n in range(COUNT)
    ]  # fmt: skip

    class Source(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            return tasks

    async def fire(source: object, task: object) -> None:
        called.append(time.time())

    scheduler = TaskiqScheduler(InMemoryBroker(), [Source()])
    scheduler.on_ready = fire  # type: ignore[method-assign, assignment]
    running = asyncio.ensure_future(SchedulerLoop(scheduler).run())
    await finished(called, due)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return due


CONTESTANTS: dict[str, Contestant] = {
    "purista": purista, "APScheduler, asyncio": apscheduler_asyncio, "APScheduler, background": apscheduler_background,
    "celery beat": beat, "taskiq": taskiq,
}  # fmt: skip
