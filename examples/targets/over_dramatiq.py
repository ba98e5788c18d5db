"""Dramatiq does the work. When it is due, that it is done once at a time, and what became of it is decided here."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.results import ResultMissing, Results, ResultTimeout
from dramatiq.results.backends import RedisBackend

from purista import App, Context, Cron, ServiceBuilder

results = RedisBackend(url=os.environ.get("DRAMATIQ_RESULTS", "redis://"))
broker = RabbitmqBroker(url=os.environ.get("DRAMATIQ_BROKER", "amqp://"), confirm_delivery=True)
broker.add_middleware(Results(backend=results, store_results=True))
dramatiq.set_broker(broker)
shop = ServiceBuilder("shop", version="1")


@dramatiq.actor(actor_name="report.build", queue_name=os.environ.get("DRAMATIQ_QUEUE", "default"))
def build(day: str) -> str:
    return f"report of {day}"


@shop.queue_worker("report.build", result_event="report.built")
def in_dramatiq(context: Context, report: dict[str, str]) -> str | None:
    """Hands over, then waits: the permit is held for as long as dramatiq works. A redelivery repeats the same message id."""
    message = build.message_with_options(kwargs=report).copy(message_id=context.message["id"])
    try:
        return str(message.get_result(backend=results))
    except ResultMissing:
        broker.enqueue(message)
    while not context.should_stop:
        try:
            return str(message.get_result(backend=results, block=True, timeout=200))
        except ResultTimeout:
            continue
    return None


shop.schedule(
    "dailyReport", Cron("0 6 * * *"), timezone="Europe/Berlin", enqueue=in_dramatiq,
    payload={"day": "{scheduled_at:%Y-%m-%d}"}, concurrency_policy="forbid", missed_run_policy="runOnce",
)  # fmt: skip
app = App(services=[shop])
