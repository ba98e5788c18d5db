"""The same service, written in a hurry: it can be declared, and `purista check --app draft:app` says what will hurt."""

from __future__ import annotations

from typing import Any

from purista import App, Context, Cron, ServiceBuilder

draft_service = ServiceBuilder("draft", version="1", description="Bills, first try")


@draft_service.subscription("startBilling", event="billing.monthlyCycleDue")
async def start_billing(context: Context, cycle: dict[str, Any]) -> None:
    """Neither idempotent nor `once`."""


@draft_service.command("cleanup")
async def cleanup(context: Context) -> None:
    """Removes what is no longer needed."""


draft_service.schedule(
    "monthlyBillingCycle", Cron("0 2 31 * *"), timezone="Europe/Berlin", emit="billing.monthlyCycleDue",
    concurrency_policy="forbid", missed_run_policy="runOnce",
)  # fmt: skip
draft_service.schedule("nightlyCleanup", Cron("30 2 * * *"), timezone="Europe/Berlin", invoke=cleanup)

app = App(services=[draft_service])
