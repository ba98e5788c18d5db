"""Which scheduler and which ledger a command about registration means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from purista.app import App
from purista.cli.exits import CONFIG, USAGE, Stop
from purista.cli.find import Session
from purista.embedded import DefaultEventBridge
from purista.ledgers.base import Ledger
from purista.ledgers.sqlite import SqliteLedger
from purista.registration.registrar import Registrar, Scheduler
from purista.settings import Settings
from purista.sqlite.file import SqliteFile

__all__ = ["ledger_path", "registrar"]

KNOWN = ("cron", "systemd")


def ledger_path(app: App, ledger: str | None) -> str:
    """``--ledger``, else the app's own file.

    :raises Stop: the app's bridge forgets with its process.
    """
    if ledger is not None:
        return str(Path(ledger).resolve())
    if app.bridge.volatile:
        fix = "write --ledger purista.db, or App(…, ledger=…)"
        raise Stop(CONFIG, f"expected a ledger that outlives this process, got a volatile bridge; {fix}")
    if not isinstance(app.bridge, DefaultEventBridge):
        fix = "let the scheduler call a gateway: purista serve, purista trigger --gateway"
        raise Stop(
            CONFIG, f"expected the file of a SQLite ledger for the scheduler's lines, got {app.bridge.place}; {fix}"
        )
    return app.bridge.file.path


@asynccontextmanager
async def registrar(
    session: Session, app: App, *, ledger: str | None, scheduler: str | None
) -> AsyncIterator[Registrar]:
    """A registrar to look through. Where there is no ledger yet, it looks at an empty one in memory: nothing is made."""
    if ledger is None and not isinstance(app.bridge, DefaultEventBridge):
        kept = app.bridge.ledger if await _is_there(app.bridge.ledger) else _empty(session, app)
        async with kept as opened:
            yield app.bridge.registrar(ledger=opened)
        return
    path = ledger_path(app, ledger)
    environment = app.bridge.environment
    exists = _exists(path)
    file = SqliteFile(path if exists else ":memory:", environment=environment, create=not exists)
    async with SqliteLedger(file, clock=session.clock, deliver=None) as opened:
        yield Registrar(
            opened, scheduler=_placed(app, scheduler, path, session.clock.now()), environment=environment,
            revision=Settings.read().revision,
        )  # fmt: skip


async def _is_there(ledger: Ledger) -> bool:
    """Whether there is something to open; looking makes nothing."""
    if isinstance(ledger, SqliteLedger):
        return _exists(ledger.file.path)
    peek = getattr(ledger, "peek", None)
    return peek is None or bool((await peek())[0].get("ledger_id"))


def _empty(session: Session, app: App) -> Ledger:
    file = SqliteFile(":memory:", environment=app.bridge.environment)
    return SqliteLedger(file, clock=session.clock, deliver=None)


def _exists(path: str) -> bool:
    return Path(path).is_file()


def _placed(app: App, name: str | None, path: str, now: int) -> Scheduler | None:
    own = app.bridge.scheduler
    if name is not None and (own is None or own.name != name):
        own = _made(name)
    place = getattr(own, "for_ledger", None)
    if place is None:
        return own
    placed: Scheduler = place(path, app.bridge.environment, now // 1000)
    return placed


def _made(name: str) -> Scheduler:
    if name == "cron":
        from purista.schedulers.cron import CronScheduler  # noqa: PLC0415 - only where it is meant

        return CronScheduler()
    if name == "systemd":
        from purista.schedulers.systemd import SystemdScheduler  # noqa: PLC0415

        return SystemdScheduler()
    raise Stop(USAGE, f"expected a scheduler ({', '.join(KNOWN)}), got {name!r}")
