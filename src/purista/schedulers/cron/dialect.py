"""Contract → cron.d lines with findings; and when those lines will fire, read from the lines alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from purista.contract.schedule import Schedule
from purista.errors import DeclarationError
from purista.recurrence import Cron, Interval, OneShot, Recurrence
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.cron.cover import Uncoverable, cover, late_by, same_clock
from purista.schedulers.cron.ingress import fitting, key_command, recover_command, sweep_command
from purista.schedulers.cron.place import Place
from purista.schedulers.cron.support import SUPPORT
from purista.schedulers.cron.text import JOBS_LIMIT, Job, file_text, line_digest, user_field
from purista.schedulers.gateways import nobody_sweeps
from purista.schedulers.spread import delay_s, too_late

__all__ = ["CronDialect", "file_name"]

DAY = 86_400


def file_name(owner: Owner) -> str:
    """The owner's file: only characters that Debian's cron reads, and a hash so that no two owners share one."""
    digest = hashlib.sha256(f"{owner.environment}\0{owner.service}".encode()).hexdigest()[:8]
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", f"{owner.environment}-{owner.service}").strip("-")[:60]
    return f"purista-{slug}-{digest}"


class CronDialect:
    """A :class:`~purista.schedulers.base.Dialect` for Debian's cron (and cronie, which reads the same files)."""

    name = "cron"
    lateness_ms = 60_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """Lines that cover the schedules, equal lines grouped, and the owner's lines for sweeping and recovering."""
        findings: list[Finding] = []
        by_time: dict[tuple[str, int], list[str]] = {}
        for schedule in sorted(schedules, key=lambda s: s.key):
            for fields in self._fields(schedule, findings):
                by_time.setdefault((fields, delay_s(schedule)), []).append(schedule.key)
        try:
            user_field(self.place.user)
            jobs = self._jobs(by_time, findings)
        except DeclarationError as error:
            return Compiled((), (*findings, Finding("C109", Severity.REFUSED, "", str(error))))
        if jobs and self.place.gateway:
            findings.append(Finding("C111", Severity.INFO, "", nobody_sweeps()))
        elif jobs:
            jobs += [self._sweep(owner), self._recover(owner)]
            if not self.place.single_host:
                findings.append(_single_host())
        entries = tuple(Entry(job.name, job.keys, job.text(), job.digest, job.sweep) for job in jobs)
        return Compiled(entries, tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """When cron will run the entry's line (epoch seconds, half open): five fields in the host's zone, nothing else."""
        found: set[int] = set()
        for line in entry.body.splitlines():
            if not line.startswith("#"):
                rule = Recurrence(Cron(" ".join(line.split(" ")[:5])), timezone=self.place.host_zone)
                found.update(rule.timestamps(start, end))
        return sorted(found)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """The owner's file, or files where one would have more lines than cron reads; none when there is nothing to call."""
        if not compiled.entries:
            return {}
        name, parts = file_name(owner), _parts(compiled.entries)
        return {
            (f"{name}-{number}" if number > 1 else name): _text(owner, part)
            for number, part in enumerate(parts, 1)
            if part
        }

    def _fields(self, schedule: Schedule, findings: list[Finding]) -> list[str]:
        place, key = self.place, schedule.key

        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, key, message))

        if not schedule.enabled_by_default:
            say(
                "C101",
                Severity.INFO,
                "disabled by default: it is called all the same, and its occurrences are decided paused",
            )
        rule = schedule.recurrence()
        if rule.next_timestamp(place.now - DAY) is None:
            say("C102", Severity.INFO, "never due again: no line is written")
            return []
        try:
            lines = cover(rule, place.host_zone, place.now, place.until)
        except Uncoverable as error:
            say("C103", Severity.REFUSED, str(error))
            return []
        if message := too_late(schedule):
            say("C104", Severity.WARNING, message)
        self._explain(rule, say)
        return lines

    def _explain(self, rule: Recurrence, say: Callable[[str, Severity, str], None]) -> None:
        place = self.place
        late = late_by(rule)
        if late:
            say("C105", Severity.WARNING, f"cron knows whole minutes only: calls come up to {late} s late")
        same = same_clock(rule.timezone, place.host_zone, place.now, place.until)
        if isinstance(rule.expression, Cron) and not same:
            until = datetime.fromtimestamp(place.until, UTC).year
            say(
                "C106",
                Severity.INFO,
                f"{rule.timezone} is not the host's zone ({place.host_zone}): covered by extra calls, which are dropped; good "
                f"until {until} or until the zones change, registering again extends it",
            )
        if isinstance(rule.expression, Interval | OneShot):
            say("C107", Severity.INFO, "covered by a grid of calls; those between are dropped")

    def _jobs(self, by_time: dict[tuple[str, int], list[str]], findings: list[Finding]) -> list[Job]:
        jobs = []
        refused: set[str] = set()
        for fields, delay in sorted(by_time):
            groups, too_long = fitting(self.place, by_time[fields, delay], delay)
            refused.update(too_long)
            when = f"{fields} +{delay}s" if delay else fields
            for number, keys in enumerate(groups):
                name = when if number == 0 else f"{when} #{number + 1}"
                jobs.append(self._job(name, tuple(keys), fields, key_command(self.place, keys, delay)))
        for key in sorted(refused):
            message = "its key makes the command longer than cron's 998 characters; shorten the name"
            findings.append(Finding("C108", Severity.REFUSED, key, message))
        return jobs

    def _sweep(self, owner: Owner) -> Job:
        """Every few minutes, shifted by owner so that many owners do not call at once."""
        every = self.place.sweep_minutes
        shift = int(hashlib.sha256(owner.service.encode()).hexdigest(), 16) % every
        fields = f"{shift}-59/{every} * * * *" if every > 1 else "* * * * *"
        return self._job("sweep", (), fields, sweep_command(self.place), sweep=True)

    def _recover(self, owner: Owner) -> Job:
        """Once an hour, at a minute of the owner's own: after a downtime nobody waits for a monthly call."""
        minute = int(hashlib.sha256(f"recover {owner.service}".encode()).hexdigest(), 16) % 60
        return self._job("recover", (), f"{minute} * * * *", recover_command(self.place), sweep=True)

    def _job(self, name: str, keys: tuple[str, ...], fields: str, command: str, *, sweep: bool = False) -> Job:
        return Job(name, keys, fields, self.place.user, command, line_digest(fields, self.place.user, command), sweep)


def _text(owner: Owner, entries: Sequence[Entry]) -> str:
    digest = hashlib.sha256("\n".join(entry.digest for entry in entries).encode()).hexdigest()[:32]
    return file_text(owner, (), digest) + "".join(entry.body for entry in entries)


def _parts(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries over as few files as hold them, a power of two. By name, so that few move when one comes or goes."""
    count = 1
    while True:
        parts: list[list[Entry]] = [[] for _ in range(count)]
        for entry in entries:
            place = (
                0 if entry.sweep else int.from_bytes(hashlib.sha256(entry.name.encode()).digest()[:8], "big") % count
            )
            parts[place].append(entry)
        if max(map(len, parts)) <= JOBS_LIMIT:
            return parts
        count *= 2


def _single_host() -> Finding:
    message = (
        "lines run on this host and its ledger is a file of this host: with a second host each would call its own ledger; "
        "write CronScheduler(single_host=True) if there is only this one"
    )
    return Finding("C110", Severity.WARNING, "", message)
