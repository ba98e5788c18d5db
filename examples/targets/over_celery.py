"""Celery does the work. When it is due, that it is done once at a time, and what became of it is decided here."""

from __future__ import annotations

import os
import time

from celery import Celery

from purista import App, Context, Cron, ServiceBuilder

celery = Celery(
    "shop", broker=os.environ.get("CELERY_BROKER", "amqp://"), backend=os.environ.get("CELERY_RESULTS", "redis://")
)
celery.conf.update(
    broker_transport_options={"confirm_publish": True}, task_acks_late=True, task_reject_on_worker_lost=True
)
celery.conf.task_default_queue = os.environ.get("CELERY_QUEUE", "celery")
shop = ServiceBuilder("shop", version="1")


@celery.task(name="report.build")
def build(day: str) -> str:
    return f"report of {day}"


@shop.queue_worker("report.build", result_event="report.built")
def in_celery(context: Context, report: dict[str, str]) -> str | None:
    """Hands over once, then waits: the permit is held for as long as Celery works."""
    result = celery.AsyncResult(context.message["id"])
    if (
        result.state == "PENDING"
    ):  # unknown to Celery, or nobody has begun it: then the same id is handed over once more
        result = build.apply_async(kwargs=report, task_id=result.id)
    while not result.ready():
        if context.should_stop:
            result.revoke()
            return None
        time.sleep(0.2)
    return str(result.get())  # raises what the task raised


shop.schedule(
    "dailyReport", Cron("0 6 * * *"), timezone="Europe/Berlin", enqueue=in_celery, payload={"day": "{scheduled_at:%Y-%m-%d}"},
    concurrency_policy="forbid", missed_run_policy="runOnce",
)  # fmt: skip
app = App(services=[shop])
