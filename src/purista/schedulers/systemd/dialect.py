"""Contract → timers and services with findings; and when those timers will call, read from their lines alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from purista.contract.schedule import Schedule
from purista.errors import DeclarationError
from purista.recurrence import Interval, Recurrence
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.gateways import nobody_sweeps
from purista.schedulers.spread import too_late
from purista.schedulers.systemd.cover import changes_clocks, cover, late_by, steps
from purista.schedulers.systemd.elapse import timer
from purista.schedulers.systemd.ingress import fitting, key_command, recover_command, sweep_command
from purista.schedulers.systemd.place import Place
from purista.schedulers.systemd.support import SUPPORT
from purista.schedulers.systemd.text import SUFFIXES, Unit, calendars, quote_path, sections, split, user_name

__all__ = ["SystemdDialect", "owner_prefix"]

DAY = 86_400
OFTEN = 10
"""Calls for a schedule that come sooner than this many seconds after each other cost more than they are worth."""

Say = Callable[[str, Severity, str], None]
Group = tuple[tuple[str, ...], int, str]
"""What must be equal for two schedules to share a timer: lines, jitter (ms), and the key of one that has jitter."""


def owner_prefix(owner: Owner) -> str:
    """What the names of the owner's units begin with; the hash tells owners apart whose names look alike."""
    slug = _slug(f"{owner.environment}-{owner.service}", 60)
    return f"purista-{slug}-{_hash(owner.environment, owner.service)}-"


class SystemdDialect:
    """A :class:`~purista.schedulers.base.Dialect` for timers of systemd, 247 or newer."""

    name = "systemd"
    lateness_ms = 60_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """Timers that cover the schedules, those with equal lines grouped, and the owner's for sweeping and recovering."""
        findings: list[Finding] = []
        groups: dict[Group, list[str]] = {}
        for schedule in sorted(schedules, key=lambda s: s.key):
            lines = self._lines(schedule, findings)
            jitter = schedule.jitter_window_ms or 0
            if lines:
                groups.setdefault((lines, jitter, schedule.key if jitter else ""), []).append(schedule.key)
        try:
            units = self._units(owner, groups, findings)
        except DeclarationError as error:
            return Compiled((), (*findings, Finding("S109", Severity.REFUSED, "", str(error))))
        if units and self.place.gateway:
            findings.append(Finding("S112", Severity.INFO, "", nobody_sweeps()))
        elif units:
            units += [self._sweep(owner), self._recover(owner)]
            if not self.place.single_host:
                findings.append(_single_host())
        entries = tuple(Entry(unit.name, unit.keys, unit.text(), unit.digest, unit.sweep) for unit in units)
        return Compiled(entries, tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """When systemd will call (epoch seconds, half open): the ``OnCalendar=`` lines, nothing else. Jitter comes on top."""
        return timer(calendars(entry.body), start, end)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:  # noqa: ARG002 - the bodies are complete
        """Two files for each entry."""
        return {
            f"{entry.name}{suffix}": text
            for entry in compiled.entries
            for suffix, text in zip(SUFFIXES, split(entry.body), strict=True)
        }

    def _lines(self, schedule: Schedule, findings: list[Finding]) -> tuple[str, ...]:
        place = self.place

        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, schedule.key, message))

        if not schedule.enabled_by_default:
            message = "disabled by default: it is called all the same, and its occurrences are decided paused"
            say("S101", Severity.INFO, message)
        rule = schedule.recurrence()
        if rule.next_timestamp(place.now - DAY) is None:
            say("S102", Severity.INFO, "never due again: no timer is written")
            return ()
        if vain := too_late(schedule):
            say("S104", Severity.WARNING, vain)
        if late := late_by(rule):
            say("S105", Severity.WARNING, f"a call every minute covers it: calls come up to {late} s late")
        if changes_clocks(rule, place.now, place.until):
            until = datetime.fromtimestamp(place.until, UTC).year
            message = f"what systemd leaves out where clocks change in {rule.timezone} is called for in UTC"
            say(
                "S106",
                Severity.INFO,
                f"{message}; good until {until} or until the zone changes, registering extends it",
            )
        if isinstance(rule.expression, Interval):
            _explain_interval(rule.expression, say)
        return cover(rule, place.now, place.until)

    def _units(self, owner: Owner, groups: Mapping[Group, list[str]], findings: list[Finding]) -> list[Unit]:
        units = []
        refused: set[str] = set()
        for group in sorted(groups):
            lines, jitter, alone = group
            fit, too_long = fitting(self.place, groups[group])
            refused.update(too_long)
            for number, keys in enumerate(fit, 1):
                what = _slug(alone or lines[0], 48)
                name = f"{owner_prefix(owner)}{what}-{_hash(*lines, str(jitter), alone, str(number))}"
                command = key_command(self.place, keys)
                units.append(self._unit(name, owner, tuple(keys), lines, command, jitter_ms=jitter))
        for key in sorted(refused):
            message = "its key has control characters, or makes the command too long; write another name"
            findings.append(Finding("S108", Severity.REFUSED, key, message))
        return units

    def _sweep(self, owner: Owner) -> Unit:
        """Every few minutes, shifted by owner so that many owners do not call at once."""
        every = self.place.sweep_minutes
        shift = int(hashlib.sha256(owner.service.encode()).hexdigest(), 16) % every
        return self._unit(f"{owner_prefix(owner)}sweep", owner, (), _minutes(every, shift), sweep_command(self.place))

    def _recover(self, owner: Owner) -> Unit:
        """Once an hour, at a minute of the owner's own: after a downtime nobody waits for a monthly call."""
        shift = int(hashlib.sha256(f"recover {owner.service}".encode()).hexdigest(), 16) % 60
        return self._unit(f"{owner_prefix(owner)}recover", owner, (), _minutes(60, shift), recover_command(self.place))

    def _unit(
        self, name: str, owner: Owner, keys: tuple[str, ...], lines: Sequence[str], command: str, *, jitter_ms: int = 0
    ) -> Unit:
        what = f"Description={_description(name, owner, keys)}"
        jitter = [f"RandomizedDelaySec={jitter_ms}ms", "FixedRandomDelay=true"] if jitter_ms else []
        timing = [*(f"OnCalendar={line}" for line in lines), "AccuracySec=1s", *jitter, "Persistent=true"]
        user = [] if self.place.user is None else [f"User={user_name(self.place.user)}"]
        running = ["Type=oneshot", *user, "TimeoutStartSec=10min", "SuccessExitStatus=75", f"ExecStart={command}"]
        folder = str(PurePosixPath(self.place.ledger).parent)
        needed = folder.startswith("/") and not self.place.gateway
        mounts = [f"RequiresMountsFor={quote_path(folder)}"] if needed else []
        unit = [what, "StartLimitIntervalSec=0"]
        return Unit(
            name, owner, keys,
            sections([("Unit", [*unit, *mounts]), ("Service", running)]),
            sections([("Unit", unit), ("Timer", timing), ("Install", ["WantedBy=timers.target"])]),
            sweep=not keys,
        )  # fmt: skip


def _minutes(every: int, shift: int) -> tuple[str, ...]:
    return cover(Recurrence(Interval(every * 60, shift * 60)), 0, 1)


def _explain_interval(interval: Interval, say: Say) -> None:
    step = steps(interval)
    if step < interval.every_seconds:
        say("S107", Severity.INFO, f"it does not divide days evenly: called every {step} s; calls between are dropped")
    if step < OFTEN:
        message = f"called every {step} s, each time a process; write an interval of {OFTEN} s or more"
        say("S111", Severity.WARNING, message)


def _description(name: str, owner: Owner, keys: tuple[str, ...]) -> str:
    """For ``systemctl list-timers``. It ends with a bracket: a backslash at the end would continue the line."""
    if not keys:
        return _plain(f"purista {name.rpartition('-')[2]} ({owner.service}, {owner.environment})")
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return _plain(f"purista ({keys[0][:200]}{more})")


def _plain(text: str) -> str:
    shown = "".join(c if c.isprintable() and c != "\\" else "?" for c in text)
    return shown.encode("utf-8", "replace").decode().replace("%", "%%")


def _slug(text: str, limit: int) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:limit].strip("-")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _single_host() -> Finding:
    message = (
        "timers run on this host and its ledger is a file of this host: with a second host each would call its own ledger; "
        "write SystemdScheduler(single_host=True) if there is only this one"
    )
    return Finding("S110", Severity.WARNING, "", message)
