"""Never run, only type-checked: the public surface as a user with ``mypy --strict`` meets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from purista import App, Context, Cron, CronScheduler, DefaultEventBridge, Interval, OneShot, Recurrence, ServiceBuilder


class Cycle(BaseModel):
    """A payload."""

    cycleId: str


service = ServiceBuilder("user", version="1", description="typed")


@service.queue_worker("billing.run")
def run_billing(context: Context, cycle: Cycle) -> None:
    """Sync."""
    job: str = context.blocking.enqueue(run_billing, cycle)
    context.log.info(job)


@service.subscription("start", event="billing.due", once=True)
async def start(context: Context, cycle: Cycle) -> None:
    """Async; decorators keep the function's type."""
    job: str = await context.enqueue(run_billing, cycle, delay=timedelta(hours=24))
    due = context.schedule
    if due is not None:
        at: datetime = due.scheduled_at
        context.log.info("%s %s", job, at)


@service.command("cleanup")
async def cleanup(context: Context) -> dict[str, int]:
    """Without a payload."""
    return {"attempt": context.attempt}


service.schedule("a", Cron("0 2 1 * *"), timezone="Europe/Berlin", emit="billing.due", payload={"cycleId": "x"})
service.schedule("b", Interval(timedelta(minutes=5)), enqueue=run_billing, payload={"cycleId": "{scheduled_at:%Y}"})
service.schedule("c", OneShot(datetime(2027, 1, 1, tzinfo=UTC)), invoke=cleanup)

rule = Recurrence(Cron("0 2 1 * *"), timezone="Europe/Berlin")
following: datetime | None = rule.next_after(datetime.now(UTC))
many: list[datetime] = rule.between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
app = App(services=[service], scheduler=CronScheduler(single_host=True))


async def spelled_as_in_purista() -> None:
    """A bridge, an instance, a start."""
    bridge = DefaultEventBridge("purista.db", scheduler=CronScheduler())
    instance = await service.get_instance(bridge)
    await instance.start()
    await instance.stop()
