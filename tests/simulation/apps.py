"""An app with every policy, for simulations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from purista import App, Context, Cron, Interval, ServiceBuilder


def every_policy() -> App:
    """Each concurrency policy with each missed-run policy, every half hour; jobs and an event with two subscribers."""
    service = ServiceBuilder("s", "1", "every policy")

    @service.queue_worker("work")
    async def work(context: Context, payload: object) -> None: ...

    @service.subscription("first", event="due")
    async def first(context: Context, payload: object) -> None: ...

    @service.subscription("second", event="due")
    async def second(context: Context, payload: object) -> None: ...

    for number, policy in enumerate(("forbid", "replace", "allow")):
        for missed in ("skip", "runOnce", "backfill"):
            options: dict[str, Any] = {"max_catch_up_count": 3} if missed == "backfill" else {}
            options |= {"emit": "due", "completed_by": None} if missed == "runOnce" else {"enqueue": work}
            rule = Cron("*/30 * * * *") if number == 1 else Interval(timedelta(minutes=30))
            service.schedule(
                f"{policy}-{missed}", rule, timezone="UTC", concurrency_policy=policy, missed_run_policy=missed,
                payload={"at": "{scheduled_at}"}, **options,
            )  # fmt: skip
    return App([service])


app = every_policy()
