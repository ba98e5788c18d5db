"""``purista worker``: the app's services, until a signal."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from purista.app import App
from purista.assembly import Assembly
from purista.cli.exits import CANNOT_CREATE, OK, USAGE, Stop
from purista.cli.output import Output
from purista.cli.signals import Stopping, logging_to_stderr, on_signals
from purista.contract.rules import validate_app
from purista.errors import RegistrationError
from purista.service.builder import ServiceBuilder
from purista.service.node import Node
from purista.service.runtime import stop_all

__all__ = ["running", "worker"]

log = logging.getLogger("purista.worker")


async def worker(
    app: App, out: Output, *, names: Sequence[str], metrics: str | None = None, stopping: Stopping | None = None
) -> int:
    """Register, then work what arrives until SIGTERM or SIGINT; handlers in work are waited for. ``metrics`` is where
    Prometheus may scrape ([HOST:]PORT).

    :raises Stop: a service is not declared, or the scheduler could not be configured.
    """
    services, stopping = _selected(app, names), stopping or Stopping()
    with logging_to_stderr(as_json=out.as_json), on_signals(stopping), _scraped(metrics):
        try:
            async with running(app, services, app.node):
                log.info("started: %s on %s", _named(services), app.node.place, extra={"action": "started"})
                await stopping.wait()
        except RegistrationError as error:
            fix = "set PURISTA_REGISTRATION=verify here and run `purista apply cron` in the deployment"
            raise Stop(CANNOT_CREATE, f"{error}; {fix}") from error
        log.info("stopped: %s", _named(services), extra={"action": "stopped"})
    return OK


@contextmanager
def _scraped(place: str | None) -> Iterator[None]:
    if place is None:
        yield
        return
    from purista.metrics import listening  # noqa: PLC0415 - an extra

    with listening(place) as (host, port):
        log.info("metrics on http://%s:%d/metrics", host, port, extra={"action": "metrics"})
        yield


def _selected(app: App, names: Sequence[str]) -> list[ServiceBuilder]:
    known = {f"{s.name}/{s.version}": s for s in app.services}
    chosen = [s for full, s in known.items() if not names or full in names or s.name in names]
    unknown = [name for name in names if name not in known and all(s.name != name for s in app.services)]
    if unknown or not chosen:
        got = ", ".join(map(repr, unknown)) or "an app without services"
        raise Stop(USAGE, f"expected services of the app ({', '.join(known) or 'it has none'}), got {got}")
    return chosen


def _named(services: Sequence[ServiceBuilder]) -> str:
    return ", ".join(f"{service.name}/{service.version}" for service in services)


@asynccontextmanager
async def running(app: App, services: Sequence[ServiceBuilder], node: Node) -> AsyncIterator[None]:
    """Some services of a valid app, started in order and stopped in reverse."""
    validate_app(app.services)
    started = []
    drain = False
    try:
        for service in services:
            instance = await service.get_instance(node)
            started.append(instance)
            await instance.start()
        if isinstance(node, Assembly):
            await node.warn()
        yield
        drain = True
    finally:
        await stop_all(started, drain=drain)
