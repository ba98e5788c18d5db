"""Which systemd ``export`` and ``apply`` mean."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from purista.app import App
from purista.cli.configure import Place, Placed
from purista.schedulers.systemd import SystemdScheduler

__all__ = ["systemd"]


def systemd(*, directory: Path | None = None, user_units: bool = False) -> Place:
    """The app's own systemd, else the machine's, with the options of the command line."""
    return partial(_systemd, directory=directory, user_units=user_units)


def _systemd(app: App, path: str, now: int, *, directory: Path | None, user_units: bool) -> Placed:
    own = app.bridge.scheduler
    scheduler = own if isinstance(own, SystemdScheduler) else SystemdScheduler()
    if directory is not None:
        scheduler = scheduler.changed(directory=directory)
    if user_units:
        scheduler = scheduler.changed(user_units=True)
    placed = scheduler.for_ledger(path, app.bridge.environment, now)
    return Placed(placed.dialect, placed.control, placed.name)
