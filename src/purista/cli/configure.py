"""``purista export`` and ``purista apply``: what a scheduler of this host would be given, and giving it.

Which scheduler, and with which options, is in a module for each: ``cli/cron.py``, ``cli/systemd.py``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from purista.app import App
from purista.assembly import Assembly
from purista.cli.exits import CANNOT_CREATE, CONFIG, OK, PROBLEMS, Stop
from purista.cli.find import Session
from purista.cli.output import Cell, Output, Row, complain
from purista.cli.place import ledger_path
from purista.contract.digest import digest
from purista.contract.rules import validate_app
from purista.contract.schedule import Schedule
from purista.embedded import DefaultEventBridge
from purista.ledgers.sqlite import SqliteLedger
from purista.registration.compare import Act, Step
from purista.registration.registrar import Registered, Scheduler
from purista.schedulers.base import Applied, Compiled, Control, Dialect, Finding, Owner, Severity
from purista.service.builder import ServiceBuilder
from purista.sqlite.file import SqliteFile

__all__ = ["Place", "Placed", "apply", "apply_own", "export", "register_all", "rendered", "shown"]

UNBORN = "unregistered"
_ACTS = {Act.CREATE: "green", Act.CHANGE: "yellow", Act.ADOPT: "yellow", Act.REMOVE: "red"}


@dataclass(slots=True)
class Placed:
    """A scheduler with the command line's options instead of those the app gave it."""

    dialect: Dialect
    control: Control
    name: str


Place = Callable[[App, str, int], Placed]
"""The app, the ledger's path and now (epoch seconds) → its scheduler."""


async def export(
    session: Session, app: App, out: Output, *, place: Place, directory: Path | None, ledger: str | None
) -> int:
    """Print what would be written, or write it into ``directory``. Findings go to stderr.

    :raises Stop: a file cannot be written.
    """
    validate_app(app.services)
    path = ledger_path(app, ledger)
    ledger_id = await _ledger_id(path)
    files, findings = rendered(app, place(app, path, session.clock.now() // 1000).dialect, ledger_id)
    code = shown(out, files, findings, directory)
    if ledger_id == UNBORN and not out.as_json:
        complain(f"there is no ledger at {path} yet: its id in the files will be another; apply writes the right one")
    return code


def rendered(app: App, dialect: Dialect, ledger_id: str) -> tuple[dict[str, str], list[Finding]]:
    """The files of every service, and what is to be said of them."""
    files: dict[str, str] = {}
    findings: list[Finding] = []
    for owner, schedules in _owners(app, ledger_id):
        compiled = dialect.compile(owner, schedules)
        findings += compiled.findings
        files.update(dialect.render(owner, compiled))
    return files, findings


def shown(out: Output, files: dict[str, str], findings: Sequence[Finding], directory: Path | None) -> int:
    """Print files, or write them; the exit code.

    :raises Stop: a file cannot be written.
    """
    if directory is not None:
        _write(directory, files)
    if out.as_json:
        listed = [{"name": name, "text": text} for name, text in sorted(files.items())]
        out.document({"directory": directory and str(directory), "files": listed, "findings": _documents(findings)})
        return _code(findings)
    _to_stderr(findings)
    _show(out, files, directory)
    return _code(findings)


def _show(out: Output, files: dict[str, str], directory: Path | None) -> None:
    for name, text in sorted(files.items()):
        if directory is not None:
            out.line(f"{name} written to {directory}", "green")
            continue
        if len(files) > 1:
            sys.stdout.write(f"# ---- {name}\n")
        sys.stdout.write(text)


async def apply(session: Session, app: App, out: Output, *, place: Place, ledger: str | None, dry_run: bool) -> int:
    """Register all services and configure the scheduler; with ``dry_run`` only say what would change.

    :raises purista.errors.RegistrationError: the scheduler could not be configured.
    """
    validate_app(app.services)
    path = ledger_path(app, ledger)
    scheduler = place(app, path, session.clock.now() // 1000)
    if dry_run:
        return await _dry_run(app, scheduler, path, out)
    bridge = DefaultEventBridge(path, scheduler=scheduler, environment=app.bridge.environment, clock=session.clock)
    async with bridge:
        return await register_all(app, bridge, scheduler.name, out)


async def apply_own(app: App, out: Output, kind: type, fix: str) -> int:
    """Register every service of the app and change what is live, by the app's own scheduler of a kind.

    :raises Stop: the app's bridge has another scheduler, or none; ``fix`` says what to write.
    :raises purista.errors.RegistrationError: what is live could not be changed.
    """
    validate_app(app.services)
    bridge, scheduler = app.bridge, app.bridge.scheduler
    if scheduler is None or not isinstance(scheduler, kind):
        name = f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"
        raise Stop(
            CONFIG, f"expected an app whose bridge has {name}, got {bridge.place} without one; {fix}, or use export"
        )
    async with bridge.ledger:
        return await register_all(app, bridge, scheduler.name, out)


async def register_all(app: App, bridge: Assembly, scheduler: str, out: Output) -> int:
    """Register every service in the bridge's ledger, which is open, and configure its scheduler.

    :raises purista.errors.RegistrationError: the scheduler could not be configured.
    """
    logging.getLogger("purista.registration").addHandler(logging.NullHandler())  # it says what we print
    done = [await _register(service, bridge, out) for service in app.services]
    findings = list(dict.fromkeys(f for _, registered in done for f in registered.findings))
    _print(out, scheduler, [(name, r.comparison.steps, r.applied) for name, r in done], findings)
    return _code(findings)


async def _register(service: ServiceBuilder, bridge: Assembly, out: Output) -> tuple[str, Registered]:
    declared = (await service.get_instance(bridge)).declared()
    name = f"{declared.service}/{declared.version}"
    with out.progress(f"registering {name}"):
        registrar = bridge.registrar(registration="apply")
        return name, await registrar.register(
            declared.service, declared.version, declared.schedules, declared.subscriptions
        )


async def _dry_run(app: App, scheduler: Scheduler, path: str, out: Output) -> int:
    """Compares with the ledger and with what is live, and writes nothing, not even a new ledger."""
    known = await _known(path)
    rows: list[tuple[str, Sequence[Step], Applied | None]] = []
    findings: list[Finding] = [*await scheduler.control.preflight()]
    for owner, schedules in _owners(app, await _ledger_id(path)):
        compiled = scheduler.dialect.compile(owner, schedules)
        findings += compiled.findings
        steps = [*_steps(schedules, known.get(owner.service, {}))]
        rows.append((owner.service, steps, await _difference(scheduler, owner, compiled)))
    _print(out, scheduler.name, rows, findings, dry_run=True)
    return _code(findings)


async def _difference(scheduler: Scheduler, owner: Owner, compiled: Compiled) -> Applied:
    live = {entry.name: entry.digest for entry in await scheduler.control.list(owner)}
    wanted = {entry.name: entry.digest for entry in compiled.entries}
    same = sum(live.get(name) == meaning for name, meaning in wanted.items())
    created, deleted = len(wanted.keys() - live.keys()), len(live.keys() - wanted.keys())
    return Applied(created, len(wanted) - created - same, deleted, same)


def _steps(schedules: Sequence[Schedule], known: dict[str, str]) -> Iterable[Step]:
    """What registering would do to each contract, as far as the ledger's current contracts tell."""
    for schedule in schedules:
        before = known.get(schedule.key)
        if before is None:
            yield Step(Act.CREATE, schedule.key, "new")
        elif before == digest(schedule):
            yield Step(Act.UNCHANGED, schedule.key, "same contract")
        else:
            yield Step(Act.CHANGE, schedule.key, "other contract")
    for key in sorted(known.keys() - {schedule.key for schedule in schedules}):
        yield Step(Act.REMOVE, key, "no longer declared")


async def _known(path: str) -> dict[str, dict[str, str]]:
    """Per service the live keys of the ledger with their digests; none where there is no ledger."""
    found: dict[str, dict[str, str]] = {}
    if not _exists(path):
        return found
    async with SqliteLedger(SqliteFile(path, environment=None, create=False), deliver=None) as ledger:
        for slice_, lineages in await ledger.registered():
            live = {at.key: at.contracts[-1].digest for at in lineages if at.contracts[-1].schedule is not None}
            found.setdefault(slice_.service, {}).update(live)
    return found


def _exists(path: str) -> bool:
    return Path(path).is_file()


async def _ledger_id(path: str) -> str:
    if not _exists(path):
        return UNBORN
    async with SqliteLedger(SqliteFile(path, environment=None, create=False), deliver=None) as ledger:
        return ledger.ledger_id


def _code(findings: Iterable[Finding]) -> int:
    """A schedule that the scheduler cannot carry will never be called: that is no success."""
    return PROBLEMS if any(finding.severity is Severity.REFUSED for finding in findings) else OK


def _owners(app: App, ledger_id: str) -> Iterable[tuple[Owner, list[Schedule]]]:
    """Each service's name with all of its schedules that belong to this environment."""
    environment = app.bridge.environment
    found: dict[str, list[Schedule]] = {}
    for service in app.services:
        here = [s for s in service.schedules if not s.environments or environment in s.environments]
        found.setdefault(service.name, []).extend(here)
    for name, schedules in found.items():
        yield Owner(name, environment, ledger_id), sorted(schedules, key=lambda s: s.key)


def _write(directory: Path, files: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected a directory that can be written, got {directory}: {error}") from None


def _to_stderr(findings: Iterable[Finding]) -> None:
    for finding in findings:
        where = f" {finding.key}" if finding.key else ""
        complain(f"{finding.severity} {finding.code}{where}: {finding.message}")


def _documents(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"code": f.code, "severity": str(f.severity), "key": f.key, "message": f.message} for f in findings]


def _print(
    out: Output,
    scheduler: str,
    done: Sequence[tuple[str, Sequence[Step], Applied | None]],
    findings: Sequence[Finding],
    *,
    dry_run: bool = False,
) -> None:
    if out.as_json:
        services = [
            {
                "service": name,
                "schedules": [{"act": str(s.act), "key": s.key, "why": s.why} for s in steps],
                "entries": None if applied is None else _counts(applied),
            }
            for name, steps, applied in done
        ]
        out.document({"dryRun": dry_run, "services": services, "findings": _documents(findings)})
        return
    _to_stderr(findings)
    rows: list[Row] = [[Cell(str(s.act), _ACTS.get(s.act, "dim")), s.key, s.why] for _, steps, _ in done for s in steps]
    out.table(["act", "schedule", "why"], rows)
    for name, _, applied in done:
        if applied is not None:
            counts = ", ".join(f"{count} {word}" for word, count in _counts(applied).items())
            out.line(f"{name}: {scheduler} entries {'would be ' if dry_run else ''}{counts}", "bold")
    if dry_run:
        out.line("nothing was written (--dry-run)", "dim")


def _counts(applied: Applied) -> dict[str, int]:
    return {
        "created": applied.created,
        "updated": applied.updated,
        "deleted": applied.deleted,
        "unchanged": applied.unchanged,
    }
