"""``purista export airflow`` and ``purista apply airflow``."""

from __future__ import annotations

from pathlib import Path

from purista.app import App
from purista.cli.configure import register_all, rendered, shown
from purista.cli.exits import CONFIG, Stop
from purista.cli.find import Session
from purista.cli.output import Output
from purista.contract.rules import validate_app
from purista.schedulers.airflow import AirflowScheduler

__all__ = ["apply", "export"]


def export(session: Session, app: App, out: Output, *, place: AirflowScheduler, directory: Path | None) -> int:
    """Print the file of DAGs of each service, or write it into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    files, findings = rendered(app, place.at(session.clock.now() // 1000).dialect, ledger_id="")
    return shown(out, files, findings, directory)


async def apply(app: App, out: Output) -> int:
    """Register every service of the app and write its DAGs into the folder that the app's own scheduler names.

    :raises Stop: the app's bridge has another scheduler, or none.
    :raises purista.errors.RegistrationError: the folder could not be written.
    """
    validate_app(app.services)
    bridge = app.bridge
    if not isinstance(bridge.scheduler, AirflowScheduler):
        fix = 'write AmqpBridge(…, scheduler=AirflowScheduler("/opt/airflow/dags", gateway=…, secret=…)), or use export'
        raise Stop(
            CONFIG, f"expected an app whose bridge has an AirflowScheduler, got {bridge.place} without one; {fix}"
        )
    async with bridge.ledger:
        return await register_all(app, bridge, bridge.scheduler.name, out)
