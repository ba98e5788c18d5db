"""Finds what a command is about: the app, the ledger, a schedule by its key or its name."""

from __future__ import annotations

import difflib
import os
import tomllib
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from purista.app import App, load_app
from purista.assembly import Assembly
from purista.cli.desk import Desk
from purista.cli.exits import CONFIG, USAGE, Stop
from purista.clock import Clock, SystemClock
from purista.contract.schedule import Schedule
from purista.distributed import ledger_at, resolved
from purista.embedded import DefaultEventBridge
from purista.errors import PuristaError
from purista.ledgers.sqlite import SqliteLedger
from purista.settings import Settings
from purista.sqlite.file import SqliteFile

__all__ = ["Session", "choose", "configuration_file", "pick", "schedules_of"]


@dataclass(slots=True)
class Session:
    """What all commands of one call share: the app that was named, and the clock."""

    app: str | None = None
    clock: Clock = SystemClock()  # noqa: RUF009 - it holds nothing

    def load(self, app: str | None = None) -> App:
        """The app of ``--app``, else of the nearest ``pyproject.toml`` that names one.

        :raises Stop: no app is named, or its module fails.
        """
        reference, directory = self._reference(app)
        try:
            return load_app(reference, directory)
        except PuristaError:
            raise
        except Exception as error:
            # Somebody else's module: its own traceback says where, our sentence says what it was needed for.
            traceback.print_exception(error.with_traceback(_theirs(error.__traceback__)))
            raise Stop(CONFIG, f"{reference} cannot be imported: {type(error).__name__}: {error}") from error

    def ledger_path(self, ledger: str | None, app: str | None = None) -> str:
        """``--ledger``, else ``PURISTA_LEDGER``, else ``./purista.db``, else what the configured app uses.

        :raises Stop: that is no file.
        """
        place = self.place(ledger, app)
        if isinstance(place, str) and "://" not in place:
            return place
        raise Stop(
            CONFIG, "expected the file of a SQLite ledger, got another one; use that database's own tools (pg_dump)"
        )

    @asynccontextmanager
    async def desk(self, ledger: str | None, app: str | None = None, *, writes: bool = False) -> AsyncIterator[Desk]:
        """The ledger, open: a file, a ``postgresql://`` or ``redis://`` address, or that of the app's bridge. None is made.
        Who ``writes`` into it must mean its environment, where ``PURISTA_ENVIRONMENT`` names one.

        :raises purista.errors.LedgerError: there is none, it cannot be read, or it is another environment's.
        """
        place = self.place(ledger, app)
        if isinstance(place, Assembly):
            existing = getattr(place.ledger, "existing", None)
            if existing is not None:
                existing()
            async with place.ledger:
                yield Desk(place.ledger, place, self.load(app).services)
            return
        environment = os.environ.get("PURISTA_ENVIRONMENT", "").strip() or None if writes else None
        if "://" in place:
            async with ledger_at(place, environment, self.clock, create=False) as opened:
                yield Desk(opened)
            return
        file = SqliteFile(place, environment=environment, create=False)
        async with SqliteLedger(file, clock=self.clock, deliver=None) as opened:
            yield Desk(opened)

    def place(self, ledger: str | None, app: str | None) -> str | Assembly:
        """Where the ledger is: a path, an address, or the app's bridge."""
        if ledger:
            return resolved(ledger)
        settings, named = Settings.read(), app or self.app
        default = settings.ledger
        brokered = settings.bridge is not None and self.names_app(app)  # then the app says what carries
        if not brokered and (os.environ.get("PURISTA_LEDGER", "").strip() or (Path(default).is_file() and not named)):
            return resolved(default)
        if named or _configured() is not None:
            bridge = self.load(app).bridge
            if not isinstance(bridge, DefaultEventBridge):
                return bridge
            if not bridge.volatile:
                return bridge.file.path
        return default

    def names_app(self, app: str | None = None) -> bool:
        """Whether an app is named, here or in ``pyproject.toml``."""
        return bool(app or self.app) or _configured() is not None

    def _reference(self, app: str | None) -> tuple[str, Path]:
        named = app or self.app
        if named:
            return named, Path.cwd()
        found = _configured()
        if found is None:
            fix = 'write --app billing:app, or [tool.purista] app = "billing:app" in pyproject.toml'
            raise Stop(CONFIG, f"expected an app, found none in {Path.cwd()} or above; {fix}")
        return found


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the imported module on; all of it where that is not found."""
    at = trace
    while at is not None:
        name = at.tb_frame.f_globals.get("__name__", "")
        if not name.startswith(("purista.", "importlib")):
            return at
        at = at.tb_next
    return trace


def _configured() -> tuple[str, Path] | None:
    """``[tool.purista] app`` of the nearest ``pyproject.toml`` that has one, and that file's directory."""
    path = configuration_file("app")
    if path is None:
        return None
    reference = _tables(path)["app"]
    if not isinstance(reference, str):
        raise Stop(CONFIG, f'{path}: expected app = "module:attribute", got {reference!r}')
    return reference, path.parent


def configuration_file(name: str) -> Path | None:
    """The nearest ``pyproject.toml`` whose ``[tool.purista]`` has that key."""
    here = Path.cwd()
    files = (directory / "pyproject.toml" for directory in (here, *here.parents))
    return next((path for path in files if path.is_file() and _tables(path).get(name) is not None), None)


def _tables(path: Path) -> dict[str, Any]:
    """``[tool.purista]``, empty where there is none."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("purista", {})
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise Stop(CONFIG, f"expected TOML in {path}, got: {error}") from None
    return table if isinstance(table, dict) else {}


def schedules_of(app: App) -> list[Schedule]:
    """Every declared contract, by key."""
    return sorted((s for service in app.services for s in service.schedules), key=lambda s: s.key)


def pick(app: App, keys: Sequence[str]) -> list[Schedule]:
    """The schedules that the keys (or unique names) mean; all for none.

    :raises Stop: for a key nobody declared.
    """
    known = {schedule.key: schedule for schedule in schedules_of(app)}
    if not keys:
        return list(known.values())
    return [known[choose(list(known), key)] for key in keys]


def choose(known: Sequence[str], wanted: str) -> str:
    """The known key that is ``wanted`` or whose name it is.

    :raises Stop: there is none, or several.
    """
    if wanted in known:
        return wanted
    named = [key for key in known if key.split("/", 2)[-1] == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        raise Stop(USAGE, f"expected one schedule, got {wanted!r}, the name of {', '.join(named)}; write the whole key")
    names = {key.split("/", 2)[-1]: key for key in known} | {key: key for key in known}
    near = difflib.get_close_matches(wanted, list(names), n=1, cutoff=0.5)
    if near:
        fix = f"write {names[near[0]]}"
    elif known:
        fix = f"write one of {', '.join(known[:5])}{' …' if len(known) > 5 else ''}"
    else:
        fix = "there are no schedules yet"
    raise Stop(USAGE, f"expected a schedule's key (service/version/name) or name, got {wanted!r}; {fix}")
