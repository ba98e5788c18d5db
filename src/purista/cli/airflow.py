"""``purista export airflow`` and ``purista apply airflow``."""

from __future__ import annotations

from pathlib import Path

from purista.app import App
from purista.cli.configure import apply_own, rendered, shown
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
    return await apply_own(
        app,
        out,
        AirflowScheduler,
        'write AmqpBridge(…, scheduler=AirflowScheduler("/opt/airflow/dags", gateway=…, secret=…))',
    )
