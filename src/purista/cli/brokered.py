"""``export`` and ``apply`` of a host's scheduler where the app's ledger is no file: its lines call a gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from purista.app import App
from purista.assembly import Assembly
from purista.cli.configure import UNBORN, register_all, rendered, shown
from purista.cli.exits import CONFIG, USAGE, Stop
from purista.cli.find import Session
from purista.cli.output import Output, complain
from purista.contract.rules import validate_app
from purista.embedded import DefaultEventBridge
from purista.schedulers.cron import CronScheduler
from purista.schedulers.systemd import SystemdScheduler

__all__ = ["CronScheduler", "SystemdScheduler", "apply", "export", "over_a_broker"]

_S = TypeVar("_S", CronScheduler, SystemdScheduler)


def over_a_broker(app: App, ledger: str | None) -> bool:
    """Whether calls go to a gateway: a broker carries, and no file is named that lines could open."""
    return ledger is None and not isinstance(app.bridge, DefaultEventBridge)


def export(
    session: Session, app: App, out: Output, *, kind: type[_S], directory: Path | None, options: dict[str, Any]
) -> int:
    """Print what would be written, or write it into ``directory``. Neither ledger nor broker is asked.

    :raises Stop: the app's bridge has another scheduler, or none; a file cannot be written.
    :raises purista.errors.RegistrationError: the scheduler names no gateway.
    """
    validate_app(app.services)
    placed = _own(app.bridge, kind, options).for_gateway(app.bridge.environment, session.clock.now() // 1000)
    files, findings = rendered(app, placed.dialect, UNBORN)
    code = shown(out, files, findings, directory)
    if not out.as_json:
        complain("the ledger was not asked: its id in the files will be another; apply writes the right one")
    return code


async def apply(app: App, out: Output, *, kind: type[_S], options: dict[str, Any], dry_run: bool) -> int:
    """Register every service in the bridge's ledger and write the scheduler's files.

    :raises Stop: the app's bridge has another scheduler, or none.
    :raises purista.errors.RegistrationError: the scheduler names no gateway, or could not be configured.
    """
    validate_app(app.services)
    bridge = app.bridge
    scheduler = _own(bridge, kind, options)
    scheduler.for_gateway(bridge.environment, 0)  # what is wrong with it is said before anything is registered
    if dry_run:
        raise Stop(USAGE, "expected no --dry-run for an app over a broker; write purista plan, which says the same")
    bridge.scheduler = scheduler
    async with bridge.ledger:
        return await register_all(app, bridge, scheduler.name, out)


def _own(bridge: Assembly, kind: type[_S], options: dict[str, Any]) -> _S:
    """The bridge's scheduler, with the options of the command line."""
    own = bridge.scheduler
    if not isinstance(own, kind):
        name = kind.__name__
        what = "no scheduler" if own is None else f"a {type(own).__name__}"
        fix = f"write scheduler={name}(gateway='https://…', secret='file:/etc/purista/secret') where the bridge is made"
        raise Stop(CONFIG, f"expected an app whose bridge has a {name}, got one over a broker with {what}; {fix}")
    return own.changed(**{option: value for option, value in options.items() if value is not None})
