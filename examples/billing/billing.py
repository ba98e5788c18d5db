"""Bills: three schedules, declared beside the service that owns them. One aims at an event, one at a queue, one at a command.

Try it in this folder::

    purista check --app billing:app --strict
    purista next --app billing:app --around-dst
    purista export cron --app billing:app
    purista dev --app billing:app
"""

from __future__ import annotations

import logging
import os

from pydantic import BaseModel

from purista import App, Context, Cron, CronScheduler, ServiceBuilder

CUSTOMERS = ("Ada", "Grace", "Katherine", "Margaret")
log = logging.getLogger("billing")


class MonthlyCycle(BaseModel):
    """What one billing run is about."""

    cycleId: str  # noqa: N815 - named as on the wire


class Payments(BaseModel):
    """What one import of payments is about."""

    until: str


class Night(BaseModel):
    """What one nightly run is about."""

    day: str


def write_invoice(customer: str, cycle: str) -> None:
    """The business work. An invoice is known by cycle and customer, so that writing it again changes nothing."""
    log.info("invoice %s-%s", cycle, customer)


def import_from_bank(until: str) -> None:
    """Reads what was paid until then."""
    log.info("importing what was paid until %s", until)


user_service = ServiceBuilder("user", version="1", description="Customers and their bills")


@user_service.queue_worker("billing.run")
def run_billing(context: Context, cycle: MonthlyCycle) -> None:
    """Runs in a thread, under a permit: never twice at a time, and from the start again after a crash."""
    for customer in CUSTOMERS:
        if context.should_stop:
            return
        write_invoice(customer, cycle.cycleId)


@user_service.subscription("startBilling", event="billing.monthlyCycleDue", once=True)
async def start_billing(context: Context, cycle: MonthlyCycle) -> None:
    """Turns the event into a job, which belongs to the same run."""
    await context.enqueue(run_billing, cycle)


@user_service.queue_worker("billing.import")
def import_payments(context: Context, payments: Payments) -> None:
    """A job straight from its schedule."""
    import_from_bank(payments.until)


@user_service.command("cleanup")
async def cleanup(context: Context, night: Night) -> dict[str, str]:
    """Removes what is no longer needed."""
    log.info("cleaning up for %s", night.day)
    return {"cleaned": night.day}


user_service.add_schedule_definition(
    user_service.get_schedule_builder("monthlyBillingCycle", "Trigger monthly billing on the 1st").emit_event(
        "billing.monthlyCycleDue",
        expression=Cron("0 2 1 * *"),
        timezone="Europe/Berlin",
        concurrency_policy="forbid",
        missed_run_policy="runOnce",
        idempotency_key="payload.cycleId",
        payload_schema=MonthlyCycle,
        payload={"cycleId": "{scheduled_at:%Y-%m}"},
    )
)
user_service.schedule(
    "paymentImport",
    Cron("*/5 * * * *"),
    timezone="Europe/Berlin",
    description="Read what was paid",
    enqueue=import_payments,
    payload={"until": "{scheduled_at:%Y-%m-%d %H:%M}"},
    concurrency_policy="forbid",
    missed_run_policy="skip",
)
user_service.schedule(
    "nightlyCleanup",
    Cron("30 3 * * *"),
    timezone="Europe/Berlin",
    description="Remove what is no longer needed",
    invoke=cleanup,
    payload={"day": "{scheduled_at:%Y-%m-%d}"},
    concurrency_policy="forbid",
    missed_run_policy="skip",
)

app = App(
    services=[user_service],
    ledger=os.environ.get("PURISTA_LEDGER", "purista.db"),
    scheduler=CronScheduler(single_host=True),
)
