"""``purista serve`` and ``purista secret``."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from purista.assembly import Assembly
from purista.auth.tokens import hash_of
from purista.cli.exits import CANNOT_CREATE, OK, Stop
from purista.cli.find import Session, configuration_file
from purista.cli.output import Output
from purista.cli.signals import Stopping, logging_to_stderr, on_signals
from purista.errors import BridgeVolatile, PuristaError
from purista.gateway.gateway import Gateway
from purista.settings import Settings

if TYPE_CHECKING:
    from purista.gateway.http.app import HttpGateway
    from purista.gateway.http.config import GatewayConfig
    from purista.gateway.http.ready import Probe

__all__ = ["behind", "new_secret", "serve"]

log = logging.getLogger("purista.serve")


async def serve(
    session: Session, out: Output, *, config: Path | None, host: str | None, port: int | None, ledger: str | None,
    app: str | None, dev: bool, stopping: Stopping | None = None,
) -> int:  # fmt: skip
    """Answer until SIGTERM or SIGINT; what is being answered then is answered.

    :raises Stop: no configuration is named.
    """
    from purista.gateway.http.app import HttpGateway  # noqa: PLC0415 - an extra
    from purista.gateway.http.server import serve as listen  # noqa: PLC0415

    stopping, settings = stopping or Stopping(), Settings.read()

    def read() -> GatewayConfig:
        return _read(session, settings, config, host, port, dev=dev)

    with logging_to_stderr(as_json=out.as_json), on_signals(stopping):
        found = read()
        _warn(found)
        async with behind(session, ledger, app) as (gateway, probes):
            door = HttpGateway(gateway, found, probes=probes)
            with _on_hangup(lambda: _reload(door, read)):
                await listen(door, stopping.wait(), told=_told(door, await _registered(gateway)))
        log.info("stopped", extra={"action": "stopped"})
    return OK


async def _registered(gateway: Gateway) -> int:
    """How many schedules can be called for."""
    return sum(
        lineage.contracts[-1].schedule is not None
        for _, lineages in await gateway.ledger.registered()
        for lineage in lineages
    )


def _told(door: HttpGateway, schedules: int) -> Callable[[str, int], None]:
    def told(host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        count, words = len(door.config.credentials), "listening on http://%s:%d, credentials: %d, schedules: %d"
        log.info(words, shown, port, count, schedules, extra={"action": "started"})
        if not schedules:
            log.warning(
                "no schedule is registered yet: purista worker and purista apply do that", extra={"action": "empty"}
            )

    return told


def _read(
    session: Session, settings: Settings, path: Path | None, host: str | None, port: int | None, *, dev: bool
) -> GatewayConfig:
    from purista.gateway.http.config import read_config  # noqa: PLC0415 - an extra

    place = path or (Path(settings.gateway_config) if settings.gateway_config else configuration_file("gateway"))
    over = {
        "host": host or settings.gateway_host,
        "port": settings.gateway_port if port is None else port,
    }
    if place is None or (dev and path is None):
        return read_config({}, clock=session.clock, dev=dev, **over)
    return read_config(place, clock=session.clock, dev=dev, **over)


def _warn(config: GatewayConfig) -> None:
    if config.dev:
        log.warning("development: everybody on this machine may do everything", extra={"action": "dev"})
    for warning in config.warnings:
        log.warning("%s", warning, extra={"action": "secret"})


def _reload(door: HttpGateway, read: Callable[[], GatewayConfig]) -> None:
    """What cannot be read changes nothing; what was running goes on."""
    try:
        found = read()
        door.reload(found)
    except PuristaError as error:
        log.warning("the credentials stay as they were: %s", error, extra={"action": "reload_failed"})
        return
    _warn(found)
    log.info("read again, credentials: %d", len(found.credentials), extra={"action": "reloaded"})


@asynccontextmanager
async def behind(
    session: Session, ledger: str | None, app: str | None
) -> AsyncIterator[tuple[Gateway, Mapping[str, Probe]]]:
    """A ledger that is named, else the bridge of the app. No service is started: handlers are workers' affair."""
    if ledger is not None or not session.names_app(app):
        async with session.desk(ledger, writes=True) as desk, desk.acting() as gateway:
            yield gateway, {}
        return
    bridge = session.load(app).bridge
    if bridge.volatile:
        raise BridgeVolatile("expected a durable bridge behind the HTTP gateway, got one that forgets with its process")

    async def flows() -> bool:
        return (await bridge.health()).ok

    async def registered() -> bool:
        return not bridge.later.waiting

    async with bridge, _permits(bridge), _tended(bridge):
        await bridge.warn()
        yield bridge.gateway, {"bridge": flows, "scheduler": registered}


@asynccontextmanager
async def _tended(bridge: Assembly) -> AsyncIterator[None]:
    """Looks after what is due, while this gateway runs."""
    from purista.gateway.tending import tend  # noqa: PLC0415

    tending = asyncio.create_task(tend(bridge.gateway.sweep, bridge.recover, bridge.clock), name="tend")
    try:
        yield
    finally:
        tending.cancel()
        await asyncio.wait({tending})


@asynccontextmanager
async def _permits(bridge: Assembly) -> AsyncIterator[None]:
    """Answers processes without a ledger, where a broker brings their asks."""
    if bridge.ledger.transactional:
        yield
        return
    from purista.distributed import permit_key  # noqa: PLC0415
    from purista.gateway.desk import PermitDesk  # noqa: PLC0415

    key, group = permit_key(), Settings.read().gateway_group
    desk = PermitDesk(
        bridge, bridge.gateway, instance=bridge.instance, group=group, keys=() if key is None else (key,),
        register=bridge.enrol,
    )  # fmt: skip
    await desk.start()
    signed = "signed" if key else "not signed: the broker's permissions say who may ask"
    log.info("answering gateway group %s, %s", group, signed, extra={"action": "desk_started"})
    try:
        yield
    finally:
        await desk.stop()


@contextlib.contextmanager
def _on_hangup(work: Callable[[], None]) -> Iterator[None]:
    """SIGHUP, where there is one."""
    number = getattr(signal, "SIGHUP", None)
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, work)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def new_secret(out: Output, *, path: Path | None, bearer: bool) -> int:
    """Print a new secret, or write it to a file that nobody else can read.

    :raises Stop: the file is there, or cannot be written.
    """
    value = (
        secrets.token_urlsafe(32) if bearer else "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    )
    digest = hash_of(value.encode()).hex() if bearer else None
    if path is not None:
        _write(path, value)
    shown = {"secret": None if path else value, "path": None if path is None else str(path), "sha256": digest}
    if out.as_json:
        out.document(shown)
        return OK
    out.line(value if path is None else f"written to {path}; name it file:{path}")
    if digest is not None:
        out.line(f"sha256 {digest}")
    return OK


def _write(path: Path, value: str) -> None:
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected to make {path}, got: {error.strerror}; nothing is written over") from None
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(value + "\n")
