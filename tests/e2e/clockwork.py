"""A small service for the test with the real cron daemon; its own processes import it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from purista import App, Context, Cron, CronScheduler, ServiceBuilder

LOG = os.environ.get("CLOCKWORK_LOG", "/dev/null")
service = ServiceBuilder("clockwork", version="1", description="Called by the real cron")


def _note(text: str) -> None:
    with Path(LOG).open("a", encoding="utf-8") as file:
        file.write(f"{text} {os.getpid()}\n")


@service.queue_worker("minute.run")
def work(context: Context, payload: dict[str, Any]) -> None:
    """The work, done by a worker process."""
    _note(f"work {payload['at']}")


@service.subscription("start", event="minute.due")
async def start(context: Context, payload: dict[str, Any]) -> None:
    """Event to queue."""
    _note(f"event {payload['at']}")
    await context.enqueue(work, payload)


service.schedule(
    "everyMinute % 'quoted' $HOME", Cron("* * * * *"), timezone="Europe/Berlin", emit="minute.due", concurrency_policy="forbid",
    missed_run_policy="skip", payload={"at": "{scheduled_at}"},
)  # fmt: skip

app = App(services=[service], scheduler=CronScheduler(single_host=True))
