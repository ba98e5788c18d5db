"""``purista export kubernetes`` and ``purista apply kubernetes``."""

from __future__ import annotations

from pathlib import Path

from purista.app import App
from purista.cli.configure import apply_own, rendered, shown
from purista.cli.find import Session
from purista.cli.output import Output
from purista.contract.rules import validate_app
from purista.schedulers.kubernetes import KubernetesScheduler
from purista.schedulers.kubernetes.text import kustomization, yaml_of

__all__ = ["apply", "export"]


def export(session: Session, app: App, out: Output, *, place: KubernetesScheduler, directory: Path | None) -> int:
    """Print the CronJobs, or write them with a ``kustomization.yaml`` into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    files, findings = rendered(app, place.at(session.clock.now() // 1000).dialect, ledger_id="")
    if files and (directory is not None or out.as_json):
        files["kustomization.yaml"] = yaml_of([kustomization(sorted(files))])
    return shown(out, files, findings, directory)


async def apply(app: App, out: Output) -> int:
    """Register every service of the app and change what is live in the cluster, by the app's own scheduler.

    :raises Stop: the app's bridge has another scheduler, or none.
    :raises purista.errors.RegistrationError: the cluster could not be changed.
    """
    return await apply_own(
        app,
        out,
        KubernetesScheduler,
        "write AmqpBridge(…, scheduler=KubernetesScheduler(image=…, gateway=…, secret=…))",
    )
