"""What would stop an apply, and what keeps units from calling as they say. Looks at files only; changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from purista.schedulers.base import Finding, Severity
from purista.schedulers.systemd.live import read_text
from purista.schedulers.systemd.text import read_mark
from purista.schedulers.users import this_user, user_exists

__all__ = ["RIGHTS", "Surroundings", "look"]

RIGHTS = "run `purista apply systemd` as root in the deploy and start services with PURISTA_REGISTRATION=verify"
BOOTED = Path("/run/systemd/system")
LINGER = Path("/var/lib/systemd/linger")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A folder, whose units they are, and whether this machine's systemd reads them. ``booted`` exists where it runs."""

    directory: Path
    user: str | None
    user_units: bool
    here: bool
    booted: Path | None = None

    @property
    def running(self) -> Path:
        """What exists while the manager runs."""
        if self.booted is not None:
            return self.booted
        if not self.user_units:
            return BOOTED
        return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}") / "systemd"


def look(at: Surroundings) -> list[Finding]:
    """All findings; the first that stops an apply alone."""
    stopped = next(_stopping(at), None)
    if stopped is not None:
        return [stopped]
    return [*_warnings(at), *_strange(at)]


def _stopping(at: Surroundings) -> Iterator[Finding]:
    if at.here and not at.running.is_dir():
        which = "this user's systemd" if at.user_units else "systemd"
        fix = "write the units with `purista export systemd -o DIR` for the machine that has it, or take cron"
        yield _refused("S203", f"{which} is not running here ({at.running} is missing); {fix}")
    if at.here and at.booted is None and shutil.which("systemctl") is None:
        yield _refused("S204", "expected the command systemctl, found none; install systemd")
    folder = _nearest(at.directory) if at.user_units and at.here else at.directory
    if not folder.is_dir():
        yield _refused("S201", f"expected a folder {at.directory}, found none; make it, or write another directory")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield _refused("S202", f"this process may not write to {at.directory}; {RIGHTS}")
    if at.user is not None and at.here and not user_exists(at.user):
        yield _refused("S205", _unknown_user(at.user))


def _warnings(at: Surroundings) -> Iterator[Finding]:
    if not at.here:
        message = f"{at.directory} is not a folder that systemd reads here: files are written, and nothing is enabled"
        yield _warning("S206", f"{message}; copy them to /etc/systemd/system and enable the timers there")
        if at.user is not None and not user_exists(at.user):
            yield _warning("S205", _unknown_user(at.user))
    elif at.user_units and LINGER.is_dir() and not (LINGER / this_user()).exists():
        message = "this user's timers stop when they log out"
        yield _warning("S207", f"{message}; run `loginctl enable-linger {this_user()}`")


def _strange(at: Surroundings) -> Iterator[Finding]:
    """Timers that somebody stopped, changed from outside, or put there under our names."""
    if not at.directory.is_dir():
        return
    wants = at.directory / "timers.target.wants"
    for path in sorted(at.directory.glob("purista-*.timer")):
        text = read_text(path)
        if text is None or read_mark(text) is None:
            yield _warning("S210", f"{path} has a name like ours and not our mark: it is left alone")
        elif at.here and not os.path.lexists(wants / path.name):
            fix = f"`systemctl enable --now {path.name}`, or pause the schedule instead (`purista pause`)"
            yield _warning("S208", f"{path.name} is disabled, so it does not call, and stays so; {fix}")
        if path.with_name(f"{path.name}.d").is_dir():
            yield _warning("S209", f"{path.name}.d changes when {path.name} calls: what is predicted may not be so")


def _nearest(folder: Path) -> Path:
    """The folder, or the first one above it that exists."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _unknown_user(user: str) -> str:
    fix = f"write SystemdScheduler(user='app'), or run adduser --system {user}"
    return f"expected a user of this machine, got {user!r}: every call would fail; {fix}"


def _refused(code: str, message: str) -> Finding:
    return Finding(code, Severity.REFUSED, "", message)


def _warning(code: str, message: str) -> Finding:
    return Finding(code, Severity.WARNING, "", message)
