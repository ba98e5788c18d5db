"""``purista import``: finds the source, and shows or writes what came of it."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from purista.cli.exits import CANNOT_CREATE, CONFIG, OK, PROBLEMS, USAGE, Stop
from purista.cli.output import Cell, Output, Row, complain
from purista.cli.when import zone_of
from purista.errors import RegistrationError
from purista.importers.base import Finding, Imported, Kind, word
from purista.importers.module import render
from purista.recurrence import expression_to_dict

__all__ = ["apscheduler", "celery", "crontab"]

_STYLES = {Kind.REFUSED: "bold red", Kind.LOST: "yellow", Kind.DIFFERENT: "yellow", Kind.CHOSEN: "dim"}
_STARTERS = (("asyncio", "AsyncIOScheduler"), ("base", "BaseScheduler"))
_WITH_USERS = ("/etc/crontab", "/etc/cron.d/")


def crontab(out: Output, source: str, *, user: bool, timezone: str | None, path: Path | None) -> int:
    """A crontab from a file, or ``-`` for stdin.

    :raises Stop: it cannot be read, or the zone is none.
    """
    from purista.importers.crontab import import_crontab  # noqa: PLC0415 - one importer a call

    if timezone is None:
        from purista.schedulers.cron.place import host_zone  # noqa: PLC0415 - only where it is asked for

        try:
            timezone = host_zone()
        except RegistrationError as error:
            raise Stop(USAGE, f"expected the zone of the crontab's machine, {error}; write --timezone") from None
    zone_of(timezone)
    user = user or source.startswith(_WITH_USERS)
    name = "stdin" if source == "-" else source
    with out.progress("importing"):
        imported = import_crontab(_text(source), timezone=timezone, user=user, source=name)
    return _finish(out, imported, path)


def _text(source: str) -> str:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise Stop(USAGE, f"expected a crontab, got {source}: {error.strerror}; write a file, or - for stdin") from None
    return data.decode("utf-8", errors="replace")


def celery(out: Output, reference: str, *, path: Path | None, now: int) -> int:
    """The entries that a beat of this app would have.

    :raises Stop: the app cannot be imported, or is none.
    """
    from purista.importers.celery import import_beat  # noqa: PLC0415 - one importer a call

    with out.progress("importing"):
        app = _load(reference, "a Celery app", "conf")
        try:
            app.loader.import_default_modules()  # what beat does at its start: some entries are added there
            app.finalize()
            imported = import_beat(app, reference, now=now // 1000)
        except Exception as error:
            raise _theirs(reference, error) from error
    return _finish(out, imported, path)


def apscheduler(out: Output, reference: str, *, path: Path | None, now: int) -> int:
    """The jobs that code adds to this scheduler, which is not started.

    :raises Stop: the scheduler cannot be imported, or is none.
    """
    from purista.importers.apscheduler import import_jobs  # noqa: PLC0415 - one importer a call

    with out.progress("importing"):
        with _never_started():
            scheduler = _load(reference, "an APScheduler 3 scheduler", "get_jobs")
        imported = import_jobs(scheduler, reference, now=now // 1000)
    return _finish(out, imported, path)


@contextmanager
def _never_started() -> Iterator[None]:
    """While somebody's module is imported no scheduler starts: one that blocks would never come back."""
    try:
        kinds = [getattr(importlib.import_module(f"apscheduler.schedulers.{home}"), name) for home, name in _STARTERS]
    except (ImportError, AttributeError):
        yield  # then the module fails by itself, and says why
        return
    kept = [(kind, kind.__dict__["start"]) for kind in kinds]
    try:
        for kind, _ in kept:
            kind.start = lambda *_, **__: None
        yield
    finally:
        for kind, start in kept:
            kind.start = start


def _load(reference: str, what: str, mark: str) -> Any:
    """The object that ``module:attribute`` names; the current directory is looked in first."""
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise Stop(USAGE, f"expected {what} as MODULE:NAME, got {reference!r}; write proj.celery:app, say")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module_name)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:
        raise _theirs(reference, error) from error
    if not hasattr(found, mark):
        raise Stop(CONFIG, f"expected {what} at {reference}, got {type(found).__name__}; write where it is made")
    return found


def _theirs(reference: str, error: BaseException) -> Stop:
    """Somebody else's code failed: its traceback says where, our sentence what it was needed for."""
    if not isinstance(error, ModuleNotFoundError | AttributeError):
        traceback.print_exception(error)
    said = f"{type(error).__name__}: {error}"
    return Stop(
        CONFIG, f"{reference} cannot be imported: {said}; run this where the app itself runs, with its packages"
    )


def _finish(out: Output, imported: Imported, path: Path | None) -> int:
    module = render(imported)
    if path is not None:
        _write(path, module)
    code = PROBLEMS if imported.refused else OK
    if out.as_json:
        out.document(_document(imported, module, path))
    elif path is None:
        sys.stdout.write(module)
        for finding in imported.findings:
            complain(_sentence(finding))
    else:
        rows: list[Row] = [
            [Cell(str(f.kind), _STYLES[f.kind]), f.job, f.where, f.message, Cell(f.fix, "green")]
            for f in imported.findings
        ]
        out.table(["finding", "job", "where", "message", "fix"], rows)
        out.line(f"{_account(imported)}; written to {path}", "red" if code else "green")
        return code
    complain(_account(imported)) if not out.as_json else None
    return code


def _account(imported: Imported) -> str:
    return f"{len(imported.jobs)} of {word(imported.total, 'job')} carried over, {len(imported.refused)} not"


def _sentence(finding: Finding) -> str:
    where = ", ".join(text for text in (finding.where, finding.job) if text)
    return f"{finding.kind}: {f'{where}: ' if where else ''}{finding.message}; {finding.fix}"


def _write(path: Path, text: str) -> None:
    """A new file; what is there was perhaps edited by hand, and is never written over."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Stop(CANNOT_CREATE, f"expected a new file, got {path}, which exists; write another name") from None
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected a file that can be written, got {path}: {error.strerror}") from None


def _document(imported: Imported, module: str, path: Path | None) -> dict[str, Any]:
    carried = [
        {
            "key": job.schedule.key, "where": job.where, "source": job.source, "timezone": job.schedule.timezone,
            "expression": expression_to_dict(job.schedule.expression),
            "concurrencyPolicy": str(job.schedule.concurrency_policy),
            "missedRunPolicy": str(job.schedule.missed_run_policy),
        }
        for job in imported.jobs
    ]  # fmt: skip
    findings = [
        {"kind": str(f.kind), "job": f.job or None, "where": f.where or None, "message": f.message, "fix": f.fix}
        for f in imported.findings
    ]
    return {
        "origin": imported.origin, "total": imported.total, "carried": carried, "findings": findings,
        "path": path and str(path), "module": module,
    }  # fmt: skip
