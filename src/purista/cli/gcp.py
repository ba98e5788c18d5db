"""``purista export gcp``, ``purista apply gcp`` and ``purista gcp pull``."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from purista.app import App
from purista.cli.configure import apply_own, rendered, shown
from purista.cli.exits import OK, USAGE, Stop
from purista.cli.find import Session
from purista.cli.output import Output
from purista.cli.serve import behind
from purista.cli.signals import Stopping, logging_to_stderr, on_signals
from purista.contract.rules import validate_app
from purista.gateway.pull import Connect, Puller, in_reach
from purista.schedulers.gcp import GcpScheduler

__all__ = ["apply", "export", "placed", "pull"]

log = logging.getLogger("purista.serve")
_SUBSCRIPTION = re.compile(r"projects/[a-z0-9.:-]{4,100}/subscriptions/[A-Za-z0-9._~+%-]{3,255}")
_FIX = "write scheduler=GcpScheduler(project=…, location=…, topic=…)"


def placed(
    app: App, form: str, *, project: str | None, location: str | None, topic: str | None, gateway: str | None,
    service_account: str | None, audience: str | None,
) -> GcpScheduler:  # fmt: skip
    """The scheduler of the options, else the app's own.

    :raises Stop: neither says where; another format.
    """
    if form != "terraform":
        raise Stop(USAGE, f"expected --format terraform, got {form[:40]!a}")
    own = app.bridge.scheduler
    if project is None and location is None and isinstance(own, GcpScheduler):
        if topic or gateway or service_account or audience:
            raise Stop(USAGE, "expected --project and --location with the other options, got neither")
        return own
    if project is None or location is None:
        raise Stop(USAGE, f"expected --project and --location, or an app with a GcpScheduler; {_FIX}")
    return GcpScheduler(
        project=project,
        location=location,
        topic=topic,
        gateway=gateway,
        service_account=service_account,
        audience=audience,
    )


def export(session: Session, app: App, out: Output, *, place: GcpScheduler, directory: Path | None) -> int:
    """Print Terraform JSON, or write it into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    files, findings = rendered(app, place.at(session.clock.now() // 1000).dialect, ledger_id="")
    return shown(out, files, findings, directory)


async def apply(app: App, out: Output) -> int:
    """Register every service of the app and change what is live, by the app's own scheduler.

    :raises Stop: the app's bridge has another scheduler, or none.
    :raises purista.errors.RegistrationError: the jobs could not be changed.
    """
    return await apply_own(app, out, GcpScheduler, _FIX)


async def pull(
    session: Session, out: Output, *, subscription: str, ledger: str | None, app: str | None,
    connect: Connect = in_reach, stopping: Stopping | None = None,
) -> int:  # fmt: skip
    """Fetch and decide until SIGTERM or SIGINT.

    :raises Stop: what is named is no subscription.
    :raises purista.errors.InvalidGateway: it is not there, or may not be read.
    """
    if not _SUBSCRIPTION.fullmatch(subscription):
        raise Stop(USAGE, f"expected projects/P/subscriptions/S, got {subscription[:120]!a}")
    stopping = stopping or Stopping()
    with logging_to_stderr(as_json=out.as_json), on_signals(stopping):
        async with behind(session, ledger, app) as (gateway, _):
            log.info("fetching from %s", subscription, extra={"action": "started"})
            await Puller(gateway, subscription, connect=connect).run(stopping.wait())
        log.info("stopped", extra={"action": "stopped"})
    return OK
