"""Which cron ``export`` and ``apply`` mean."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from purista.app import App
from purista.cli.configure import Place, Placed
from purista.cli.when import zone_of
from purista.schedulers.cron import CronScheduler
from purista.schedulers.cron.control import CronControl
from purista.schedulers.cron.dialect import CronDialect

__all__ = ["cron", "options"]


def options(*, directory: Path | None = None, host_zone: str | None = None) -> dict[str, Any]:
    """Those of the command line, as :class:`CronScheduler` takes them."""
    return {"directory": directory, "host_zone": None if host_zone is None else zone_of(host_zone).key}


def cron(*, directory: Path | None = None, host_zone: str | None = None) -> Place:
    """The app's own cron, else the machine's, with the options of the command line."""
    return partial(_cron, directory=directory, zone=None if host_zone is None else zone_of(host_zone).key)


def _cron(app: App, path: str, now: int, *, directory: Path | None, zone: str | None) -> Placed:
    own = app.bridge.scheduler
    scheduler = own if isinstance(own, CronScheduler) else CronScheduler(host_zone=zone)
    placed = scheduler.for_ledger(path, app.bridge.environment, now)
    dialect = placed.dialect
    if zone is not None:
        dialect = CronDialect(replace(dialect.place, host_zone=zone))
    control = placed.control
    if directory is not None or isinstance(control, CronControl):
        control = CronControl(directory or control.directory, dialect)  # type: ignore[union-attr]
    return Placed(dialect, control, placed.name)
