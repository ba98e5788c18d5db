"""``purista export kubernetes``."""

from __future__ import annotations

from pathlib import Path

from purista.app import App
from purista.cli.configure import rendered, shown
from purista.cli.find import Session
from purista.cli.output import Output
from purista.contract.rules import validate_app
from purista.schedulers.kubernetes import KubernetesFiles
from purista.schedulers.kubernetes.text import kustomization, yaml_of

__all__ = ["export"]


def export(session: Session, app: App, out: Output, *, place: KubernetesFiles, directory: Path | None) -> int:
    """Print the CronJobs, or write them with a ``kustomization.yaml`` into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    files, findings = rendered(app, place.dialect(session.clock.now() // 1000), ledger_id="")
    if files and (directory is not None or out.as_json):
        files["kustomization.yaml"] = yaml_of([kustomization(sorted(files))])
    return shown(out, files, findings, directory)
