"""``purista doctor``: whether this machine is fit for it. Looks, and leaves nothing behind."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zoneinfo
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from statistics import median

from purista import __version__
from purista.assembly import Assembly
from purista.cli import reach
from purista.cli.exits import OK, PROBLEMS, Stop
from purista.cli.find import Session
from purista.cli.finding import Finding
from purista.cli.output import Cell, Output, Row
from purista.distributed import resolved
from purista.errors import PuristaError
from purista.ledgers.sqlite import SqliteLedger
from purista.schedulers.cron.place import host_zone
from purista.settings import Settings

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "unknown": "dim", "none": "dim"}
SLOW_SYNC_MS = 50
FIRST_YEAR = 1_767_225_600  # 2026: this version was written then, and no clock is right that says less


def doctor(session: Session, out: Output, *, ledger: str | None, app: str | None) -> int:
    """Look at everything; 1 when something will not work."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python, _platform, _zones, _host_zone, _cron, _systemd, *_kept(_place(session, ledger, app)), _clock,
        lambda: reach.bridge(os.environ), lambda: reach.services(os.environ),
    ]  # fmt: skip
    with out.counted("looking", len(looks)) as step:
        findings = []
        for look in looks:
            findings += list(look())
            step("")
    failed = any(finding.state == "failed" for finding in findings)
    if out.as_json:
        checks = [{"check": f.check, "state": f.state, "found": f.found, "fix": f.fix or None} for f in findings]
        out.document({"ok": not failed, "version": __version__, "checks": checks})
        return PROBLEMS if failed else OK
    rows: list[Row] = [[f.check, Cell(f.state, _STYLES[f.state]), f.found, Cell(f.fix, "green")] for f in findings]
    out.table(["check", "state", "found", "fix"], rows)
    return PROBLEMS if failed else OK


def _place(session: Session, ledger: str | None, app: str | None) -> str | Assembly:
    """Where the ledger is; an app that cannot be loaded is no reason to look at nothing else."""
    try:
        found = session.place(ledger, app)
    except (Stop, PuristaError):
        return ledger or Settings.read().ledger  # a reference that leads nowhere is found again, and said
    return found.ledger.file.path if isinstance(found, Assembly) and isinstance(found.ledger, SqliteLedger) else found


def _kept(place: str | Assembly) -> list[Callable[[], Iterator[Finding]]]:
    """The looks at the ledger and, where it is a file, at its disk."""
    if isinstance(place, Assembly):
        return [lambda: reach.server_ledger(place.ledger)]
    try:
        where = resolved(place)
    except PuristaError as error:
        said = str(error)
        return [lambda: iter([Finding("ledger", "failed", said, "correct PURISTA_LEDGER")])]
    if "://" in where:
        return [lambda: reach.ledger_of(where)]
    return [lambda: _ledger(where), lambda: _disk(Path(where).resolve().parent)]


def _python() -> Iterator[Finding]:
    yield Finding(
        "python", "ok", f"{platform.python_implementation()} {platform.python_version()}, purista {__version__}"
    )
    version = sqlite3.sqlite_version_info
    fix = "" if version >= (3, 35) else "install SQLite 3.35 or newer (RETURNING)"
    yield Finding("sqlite", "failed" if fix else "ok", sqlite3.sqlite_version, fix)


def _platform() -> Iterator[Finding]:
    found = f"{platform.system()} {platform.release()} ({platform.machine()})"
    if sys.platform.startswith(("linux", "darwin")):
        yield Finding("platform", "ok", found)
    else:
        yield Finding("platform", "warning", found, "services may work; cron does not: use Linux or macOS")


def _zones() -> Iterator[Finding]:
    """Where zone data comes from, and whether two processes of this machine may get different data."""
    system = next((Path(path) for path in zoneinfo.TZPATH if (Path(path) / "UTC").is_file()), None)
    ours, theirs = _package_version(), None if system is None else _system_version(system)
    if system is None and ours is None:
        yield Finding("tz database", "failed", "none", "install tzdata: the system's package, or pip install tzdata")
        return
    found = f"system {theirs or 'of unknown version'} ({system})" if system else f"package tzdata {ours}"
    beside = f"; package tzdata {ours} is not used" if system and ours else ""
    if theirs and ours and theirs != ours:
        fix = "update the older one: a host that only has the package would fire at other times where zones changed"
        yield Finding("tz database", "warning", found + beside, fix)
    else:
        yield Finding("tz database", "ok" if theirs or ours else "warning", found + beside)


def _package_version() -> str | None:
    """``2026a`` of the package's ``2026.1``."""
    try:
        year, number, *_ = metadata.version("tzdata").split(".")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return f"{year}{chr(ord('a') + int(number) - 1)}" if number.isdigit() else None


def _system_version(directory: Path) -> str | None:
    """As the database says in its own files; distributions leave out one or the other."""
    for name in ("+VERSION", "version", "tzdata.zi"):
        try:
            with (directory / name).open(encoding="ascii", errors="replace") as file:
                first = file.readline().strip()
        except OSError:
            continue
        return first.removeprefix("# version ").strip() or None
    return _run("dpkg-query", "-W", "-f=${Version}", "tzdata").partition("-")[0] or None


def _host_zone() -> Iterator[Finding]:
    try:
        zone = host_zone()
    except PuristaError as error:
        yield Finding("zone", "warning", str(error), "write --host-zone where cron is configured")
        return
    differs = os.environ.get("TZ", "").lstrip(":") not in {"", zone}
    note = f"; TZ={os.environ['TZ']} in this process, which cron does not see" if differs else ""
    yield Finding("zone", "ok", f"{zone}{note}")


def _cron() -> Iterator[Finding]:
    flavour, running = _cron_flavour(), _processes() & {"cron", "crond"}
    if flavour is None:
        yield Finding(
            "cron", "none", "no cron daemon installed", "install one (Debian: apt-get install cron) to let it keep time"
        )
        return
    if not running and not sys.platform.startswith("linux"):
        yield Finding("cron", "unknown", f"{flavour}; whether it runs cannot be seen here")
    elif not running:
        yield Finding("cron", "warning", f"{flavour}, not running", "start it: nothing is due while it does not run")
    elif not Path("/etc/cron.d").is_dir():
        yield Finding(
            "cron", "warning", f"{flavour}, running; no /etc/cron.d", "write CronScheduler(directory) of what it reads"
        )
    else:
        writable = "may" if os.access("/etc/cron.d", os.W_OK) else "may not"
        yield Finding("cron", "ok", f"{flavour}, running; this user {writable} write /etc/cron.d")


def _cron_flavour() -> str | None:
    found = next((path for name in ("crond", "cron") if (path := _which(name))), None)
    if found is None:
        return None
    if Path(found).resolve().name.startswith("busybox"):
        return "busybox crond"
    if Path(found).name == "crond":
        return "cronie"
    version = _run("dpkg-query", "-W", "-f=${Version}", "cron")
    return f"Debian cron {version}" if version else "cron (Vixie)"


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _processes() -> set[str]:
    """Names of running programs, where /proc tells."""
    names: set[str] = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            names.add(path.read_text(errors="replace").strip())
        except OSError:  # it has ended
            continue
    return names


def _systemd() -> Iterator[Finding]:
    if Path("/run/systemd/system").is_dir():
        yield Finding("systemd", "ok", (_run("systemctl", "--version").splitlines() or ["running"])[0])
    else:
        yield Finding("systemd", "none", "this machine was not started by systemd")


def _ledger(path: str) -> Iterator[Finding]:
    """Read only: doctor does not migrate."""
    where = Path(path)
    if path == ":memory:" or not where.is_file():
        yield Finding("ledger", "none", f"none at {path}", "the first start of a service makes it, or write --ledger")
        return
    from purista.sqlite.migrate import SCHEMA_VERSION  # noqa: PLC0415 - only where there is a ledger

    try:
        connection = sqlite3.connect(f"{where.resolve().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield Finding("ledger", "failed", f"{path}: {error}", "write --ledger for one that is a ledger and can be read")
        return
    yield _judged(path, version, SCHEMA_VERSION, str(meta.get("environment")))


def _judged(path: str, version: int, ours: int, environment: str) -> Finding:
    said = f"{path}: schema {version}, environment {environment}, {Path(path).stat().st_size / 1e6:.1f} MB"
    if version > ours:
        return Finding("ledger", "failed", said, f"upgrade purista: this one knows schema {ours}")
    wanted = Settings.read().environment
    if environment != wanted:
        return Finding(
            "ledger", "failed", said, f"PURISTA_ENVIRONMENT is {wanted}: set it to {environment}, or another ledger"
        )
    if not os.access(path, os.W_OK):
        return Finding("ledger", "failed", said, "let this user write the file: `purista trigger` and workers must")
    return Finding("ledger", "ok", said)


def _clock() -> Iterator[Finding]:
    """Whether somebody keeps the clock right, and by how much it is off where that is known."""
    if time.time() < FIRST_YEAR:
        yield Finding(
            "clock", "failed", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "set it, or run an NTP client"
        )
        return
    fix = "run an NTP client: what is due when is read from this clock"
    if _which("chronyc"):
        fields = _run("chronyc", "-c", "tracking").strip().split(",")
        if len(fields) > 4:
            off, lost = abs(float(fields[4])), fields[2] == "0"
            state = "warning" if lost or off > 1 else "ok"
            yield Finding(
                "clock",
                state,
                f"chrony: {off * 1000:.1f} ms off" + (", no source" if lost else ""),
                fix if lost else "",
            )
            return
    answer = _run("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
    if answer in {"yes", "no"}:
        told = "kept by NTP (timedatectl)" if answer == "yes" else "not synchronised (timedatectl)"
        yield Finding("clock", "ok" if answer == "yes" else "warning", told, "" if answer == "yes" else fix)
    else:
        yield Finding(
            "clock", "unknown", "neither timedatectl nor chronyc answers: nobody here knows whether it is right", fix
        )


def _disk(directory: Path) -> Iterator[Finding]:
    """How long a small write takes until it is on the disk: every decision waits for one."""
    times = []
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".purista-doctor-") as file:
            for _ in range(7):
                began = time.perf_counter()
                file.write(b"x" * 4096)
                file.flush()
                os.fsync(file.fileno())
                times.append((time.perf_counter() - began) * 1000)
    except OSError as error:
        yield Finding("disk", "failed", f"{directory}: {error.strerror}", "write --ledger where this user may write")
        return
    took = median(times)
    fix = "put the ledger on a local disk (no network file system)" if took > SLOW_SYNC_MS else ""
    yield Finding("disk", "warning" if fix else "ok", f"a write is on the disk after {took:.1f} ms", fix)


def _run(*command: str) -> str:
    """What a program of this machine says; nothing where it is not there, fails or hangs."""
    if _which(command[0]) is None:
        return ""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False, env=environment)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
