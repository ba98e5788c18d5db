"""One service whose contract a test changes from deploy to deploy, through the environment."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from purista import App, Context, Cron, CronScheduler, ServiceBuilder

PLACE = Path(os.environ["LIFE_PLACE"])
NAME, RULE, VERSION = (
    os.environ.get("LIFE_NAME", "nightly"),
    os.environ.get("LIFE_RULE"),
    os.environ.get("LIFE_VERSION", "1"),
)
service = ServiceBuilder("life", version=VERSION, description="Lives through everything")


@service.queue_worker("night.run")
def work(context: Context, payload: dict[str, Any]) -> None:
    """Writes down that it began and ended; hangs while there is a file that says so."""
    with (PLACE / "work.log").open("a", encoding="utf-8") as log:
        log.write(f"begin {payload['at']}\n")
    while (PLACE / "hang").exists():
        time.sleep(0.02)
    with (PLACE / "work.log").open("a", encoding="utf-8") as log:
        log.write(f"end {payload['at']}\n")


if RULE is not None:
    service.schedule(
        NAME, Cron(RULE), timezone="Europe/Berlin", enqueue=work, payload={"at": "{scheduled_at}"},
        concurrency_policy="forbid", missed_run_policy="runOnce",
        renamed_from=tuple(filter(None, os.environ.get("LIFE_FORMER", "").split(","))),
    )  # fmt: skip

app = App(
    services=[service],
    scheduler=CronScheduler(single_host=True, host_zone="UTC", command=[str(PLACE / "purista")]),
)
