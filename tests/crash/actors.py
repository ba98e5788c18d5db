"""What runs in the processes that are killed: a service, a trigger, a worker. Each may be told where to die.

Nothing of this is in the product: a step is a place where the test wraps one of its functions and sends SIGKILL to its own
process, in the middle of whatever the other threads are doing.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from purista import Context, DefaultEventBridge, Interval, ServiceBuilder
from purista.bridges.local import LocalBridge
from purista.delivery import Limits
from purista.gateway.gateway import Gateway
from purista.ledgers.sqlite import SqliteLedger
from purista.mail import consumer
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call
from purista.service.work import Worker
from purista.sqlite import mailbox
from purista.testing import SharedClock

KEY = "ledgerman/1/hourly"
PERMIT_MS = 5_000
VISIBILITY_MS = 5_000

TRIGGER_STEPS = ("trigger:load", "trigger:decide", "trigger:in-transaction", "trigger:committed", "trigger:answered")
SERVICE_STEPS = ("service:open", "service:in-transaction", "service:registered", "service:subscribed")
WORKER_STEPS = (
    "worker:taking", "worker:taken", "worker:begin", "worker:in-transaction-1", "worker:granted", "handler:sub-begun",
    "handler:sub-enqueued", "worker:in-transaction-2", "worker:in-transaction-3", "worker:end", "worker:ended",
    "handler:job-begun", "handler:job-ended", "worker:in-transaction-4", "worker:in-transaction-5", "worker:second-ended",
)  # fmt: skip


class Crash:
    """Dies at the ``nth`` time that a step is passed."""

    def __init__(self, step: str | None) -> None:
        self.step, self.passed = step, {}

    def at(self, step: str) -> None:
        self.passed[step] = self.passed.get(step, 0) + 1
        if self.step in (step, f"{step}-{self.passed[step]}"):
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, name: str, step: str) -> None:
        self._wrap(owner, name, lambda: self.at(step), None)

    def after(self, owner: Any, name: str, step: str) -> None:
        self._wrap(owner, name, None, lambda: self.at(step))

    def _wrap(self, owner: Any, name: str, before: Callable[[], None] | None, after: Callable[[], None] | None) -> None:
        original = getattr(owner, name)

        def sync(*arguments: Any, **options: Any) -> Any:
            if before:
                before()
            result = original(*arguments, **options)
            if after:
                after()
            return result

        async def asynchronous(*arguments: Any, **options: Any) -> Any:
            if before:
                before()
            result = await original(*arguments, **options)
            if after:
                after()
            return result

        setattr(owner, name, asynchronous if asyncio.iscoroutinefunction(original) else sync)


def note(log: str, what: str, occurrence: str) -> None:
    """One line of the work's own account; appending is atomic."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps({"what": what, "occurrence": occurrence, "pid": os.getpid()}) + "\n").encode())
    finally:
        os.close(descriptor)


def builder(log: str, crash: Crash) -> ServiceBuilder:
    """An event under ``forbid`` whose subscription enqueues a job: root and child of one run."""
    service = ServiceBuilder("ledgerman", "1", "is killed all the time")

    @service.queue_worker("hourly.run")
    def work(context: Context, payload: Any) -> None:
        note(log, "job-begin", context.schedule.occurrence_id)
        crash.at("handler:job-begun")
        crash.at("handler:job-ended")
        note(log, "job-end", context.schedule.occurrence_id)

    @service.subscription("start", event="hourly.due")
    async def start(context: Context, payload: Any) -> None:
        note(log, "sub-begin", context.schedule.occurrence_id)
        crash.at("handler:sub-begun")
        await context.enqueue(work, payload)
        crash.at("handler:sub-enqueued")
        note(log, "sub-end", context.schedule.occurrence_id)

    service.schedule(
        "hourly", Interval(timedelta(hours=1)), emit="hourly.due", concurrency_policy="forbid",
        missed_run_policy="runOnce", payload={"at": "{scheduled_at}"},
    )  # fmt: skip
    return service


def _bridge(db: str, clock: SharedClock) -> DefaultEventBridge:
    return DefaultEventBridge(
        db, clock=clock, permit_ms=PERMIT_MS, limits=Limits(concurrency=1, visibility_ms=VISIBILITY_MS)
    )


def service(db: str, clock_file: str, log: str, step: str | None) -> None:
    """A starting service: migrates, registers, subscribes, stops."""
    crash = Crash(step)
    crash.before(SqliteLedger, "__aenter__", "service:open")
    crash.after(SqliteLedger, "_commit", "service:in-transaction")
    crash.after(Registrar, "_write", "service:registered")
    crash.after(LocalBridge, "subscribe", "service:subscribed")

    async def run() -> None:
        instance = await builder(log, crash).get_instance(_bridge(db, SharedClock(clock_file)))
        await instance.start()
        await instance.stop()

    asyncio.run(run())


def trigger(db: str, clock_file: str, log: str, step: str | None) -> None:
    """One call, as ``purista trigger`` makes it."""
    crash = Crash(step)
    crash.after(SqliteLedger, "_load", "trigger:load")
    crash.after(Gateway, "_decide_all", "trigger:decide")
    crash.after(SqliteLedger, "_commit", "trigger:in-transaction")
    crash.after(SqliteLedger, "commit", "trigger:committed")
    crash.after(Gateway, "trigger", "trigger:answered")

    async def run() -> None:
        bridge = _bridge(db, SharedClock(clock_file))
        await bridge.start()
        await bridge.gateway.trigger(Call(KEY, source="test"))
        await bridge.stop()

    asyncio.run(run())


def worker(db: str, clock_file: str, log: str, step: str | None) -> None:
    """Works until nothing is left to work."""
    crash = Crash(step)
    crash.before(consumer.MailConsumer, "_take", "worker:taking")
    crash.after(mailbox, "take", "worker:taken")
    crash.before(Worker, "_ask", "worker:begin")
    crash.after(Worker, "_ask", "worker:granted")
    crash.after(SqliteLedger, "_commit", "worker:in-transaction")
    crash.before(Worker, "_finish", "worker:end")
    crash.after(Worker, "_finish", "worker:ended")
    finished = Worker._finish

    async def second(*arguments: Any) -> None:
        await finished(*arguments)
        if crash.passed.get("worker:ended", 0) >= 2:
            crash.at("worker:second-ended")

    Worker._finish = second

    async def run() -> None:
        bridge = _bridge(db, SharedClock(clock_file))
        instance = await builder(log, crash).get_instance(bridge)
        await instance.start()
        while bridge.file.read(lambda c: c.execute("SELECT count(*) FROM mail WHERE state = 'ready'").fetchone()[0]):
            await asyncio.sleep(0.005)
        await instance.stop()

    asyncio.run(run())


def log_lines(log: str) -> list[dict[str, Any]]:
    """The work's account, in the order in which it happened."""
    path = Path(log)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
