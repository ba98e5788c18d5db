"""Contract → jobs with findings; and when Cloud Scheduler will call for sure, read from the jobs alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from purista.contract.schedule import Schedule
from purista.recurrence import Interval, OneShot, Recurrence
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.gateways import nobody_sweeps
from purista.schedulers.gcp.cover import Line, Uncoverable, cover, late_by, movable
from purista.schedulers.gcp.fields import UTC as UTC_ZONE
from purista.schedulers.gcp.fields import Fields, firings
from purista.schedulers.gcp.ingress import ATTRIBUTE_LIMIT, URL_LIMIT, address
from purista.schedulers.gcp.place import Place, Topic
from purista.schedulers.gcp.support import SUPPORT
from purista.schedulers.gcp.text import job, job_id, mark_of, owner_mark, terraform
from purista.schedulers.spread import delay_s, too_late

__all__ = ["GcpDialect"]

DAY = 86_400
OLD_QUOTA = 1_000
"""Projects that were made some years ago have this quota."""
SWEEP_MINUTES = 10

Say = Callable[[str, Severity, str], None]


class GcpDialect:
    """A :class:`~purista.schedulers.base.Dialect` for jobs of Cloud Scheduler (API v1)."""

    name = "gcp"
    lateness_ms = 120_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """A job for each schedule, another one where the first may leave something out, and the owner's sweep."""
        findings: list[Finding] = []
        entries: list[Entry] = []
        for schedule in sorted(schedules, key=lambda one: one.key):
            for number, line in enumerate(self._lines(schedule, findings)):
                entries.append(self._entry(owner, schedule.key, number, line))
        if entries and isinstance(self.place.target, Topic):
            entries.append(self._sweep(owner))
        elif entries:
            findings.append(Finding("G112", Severity.INFO, "", nobody_sweeps()))
        findings += self._counted(len(entries))
        return Compiled(tuple(entries), tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """The instants at which the job calls for sure (epoch seconds, half open). What a job in a zone does with a time that
        its clock shows twice is not documented, so it is not counted; nor is a forced run, a repetition, or the delay of an
        instant while the call before it is not yet answered.
        """
        made = json.loads(entry.body)
        return firings(made["schedule"], made["timeZone"], start, end)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """The owner's jobs as a Terraform file; none when there is nothing to call."""
        if not compiled.entries:
            return {}
        jobs = [json.loads(entry.body) for entry in compiled.entries]
        return {f"purista-{owner_mark(owner)}.tf.json": terraform(self.place, jobs)}

    def _entry(self, owner: Owner, key: str, number: int, line: Line) -> Entry:
        name = job_id(owner, key, number)
        made = job(self.place, owner, name, key, line)
        return Entry(name, (key,), json.dumps(made), (mark_of(made) or ("", ""))[1])

    def _sweep(self, owner: Owner) -> Entry:
        """Wakes a gateway that has no instance while nobody calls. At minutes of the owner's own."""
        shift = int(hashlib.sha256(owner.service.encode("utf-8", "surrogatepass")).hexdigest(), 16) % SWEEP_MINUTES
        name = job_id(owner, "sweep", -1)
        line = Line(Fields(tuple(range(shift, 60, SWEEP_MINUTES))).text(), UTC_ZONE)
        made = job(self.place, owner, name, None, line)
        return Entry(name, (), json.dumps(made), (mark_of(made) or ("", ""))[1], sweep=True)

    def _counted(self, count: int) -> list[Finding]:
        quota = self.place.quota
        if count > quota:
            message = (
                f"{count} jobs are more than the {quota} that {self.place.location} takes: nothing is written; ask Google "
                "for a larger quota and write job_quota=, or give some services another location"
            )
            return [Finding("G110", Severity.REFUSED, "", message)]
        if count > OLD_QUOTA:
            message = f"{count} jobs: an older project takes {OLD_QUOTA} in a location; look at its quotas and write job_quota="
            return [Finding("G111", Severity.WARNING, "", message)]
        return []

    def _lines(self, schedule: Schedule, findings: list[Finding]) -> Sequence[Line]:
        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, schedule.key, message))

        if not schedule.enabled_by_default:
            say(
                "G101",
                Severity.INFO,
                "disabled by default: it is called all the same, and its occurrences are decided paused",
            )
        rule = schedule.recurrence()
        if rule.next_timestamp(self.place.now - DAY) is None:
            say("G102", Severity.INFO, "never due again: no job is written")
            return ()
        wrong = self._unfit(schedule.key)
        if wrong:
            say("G108", Severity.REFUSED, wrong)
            return ()
        try:
            lines = cover(rule, self.place.now, self.place.until, movable(rule, delay_s(schedule)))
        except Uncoverable as error:
            say("G103", Severity.REFUSED, str(error))
            return ()
        if message := too_late(schedule):
            say("G104", Severity.WARNING, message)
        self._explain(rule, lines, say)
        return lines

    def _unfit(self, key: str) -> str:
        """Why a call cannot carry the key; empty where it can."""
        if not key.isprintable():
            return "its key has characters that no call can carry; write another name"
        target = self.place.target
        if isinstance(target, Topic):
            long = len(key.encode()) > ATTRIBUTE_LIMIT
            return (
                f"its key is longer than the {ATTRIBUTE_LIMIT} bytes of an attribute; shorten the name" if long else ""
            )
        long = len(address(target.gateway, key)) > URL_LIMIT
        return f"its address is longer than {URL_LIMIT} characters; shorten the name" if long else ""

    def _explain(self, rule: Recurrence, lines: Sequence[Line], say: Say) -> None:
        if late := late_by(rule):
            say("G105", Severity.WARNING, f"Cloud Scheduler knows whole minutes only: calls come up to {late} s late")
        if any(line.repairs for line in lines):
            until = datetime.fromtimestamp(self.place.until, UTC).year
            message = f"what Cloud Scheduler may leave out where clocks change in {rule.timezone} has a job of its own, in UTC"
            say(
                "G106",
                Severity.INFO,
                f"{message}; good until {until} or until the zone changes, registering extends it",
            )
        if isinstance(rule.expression, Interval | OneShot):
            say(
                "G107",
                Severity.INFO,
                "jobs know neither intervals nor years: covered by calls in UTC, of which some are dropped",
            )
        if rule.start is not None or rule.end is not None:
            say("G109", Severity.INFO, "start and end: jobs have none; calls before and after are dropped")
