"""Contract → CronJobs with findings; and when the controller will make Jobs, read from the objects alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from purista.contract.schedule import Schedule
from purista.recurrence import Interval, OneShot, Recurrence
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.gateways import nobody_sweeps
from purista.schedulers.kubernetes.cover import Line, Uncoverable, cover, late_by
from purista.schedulers.kubernetes.place import Place
from purista.schedulers.kubernetes.robfig import firings
from purista.schedulers.kubernetes.support import SUPPORT
from purista.schedulers.kubernetes.text import cronjob, cronjob_name, mark_of, owner_label, yaml_of
from purista.schedulers.spread import delay_s, too_late

__all__ = ["KubernetesDialect"]

DAY = 86_400
ANNOTATIONS_LIMIT = 200_000
"""Kubernetes takes 256 KiB of annotations for an object."""

Say = Callable[[str, Severity, str], None]


class KubernetesDialect:
    """A :class:`~purista.schedulers.base.Dialect` for CronJobs of ``batch/v1`` (Kubernetes 1.27 or newer, for ``timeZone``)."""

    name = "kubernetes"
    lateness_ms = 120_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """A CronJob for each schedule, and more where its library leaves something out."""
        findings: list[Finding] = []
        entries: list[Entry] = []
        for schedule in sorted(schedules, key=lambda one: one.key):
            for number, line in enumerate(self._lines(schedule, findings)):
                entries.append(self._entry(owner, schedule, number, line))
        if entries:
            findings.append(Finding("K112", Severity.INFO, "", nobody_sweeps()))
        return Compiled(tuple(entries), tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """The nominal instants of the CronJob's Jobs (epoch seconds, half open), as its library finds them."""
        spec = json.loads(entry.body)["spec"]
        return firings(spec["schedule"], spec["timeZone"], start, end)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """The owner's CronJobs in one file; none when there is nothing to call."""
        if not compiled.entries:
            return {}
        return {f"cronjobs-{owner_label(owner)}.yaml": yaml_of([json.loads(entry.body) for entry in compiled.entries])}

    def _entry(self, owner: Owner, schedule: Schedule, number: int, line: Line) -> Entry:
        name = cronjob_name(owner, schedule.key, number)
        made = cronjob(self.place, owner, name, schedule.key, line, delay_s(schedule))
        return Entry(name, (schedule.key,), json.dumps(made), str(mark_of(made)))

    def _lines(self, schedule: Schedule, findings: list[Finding]) -> Sequence[Line]:
        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, schedule.key, message))

        if not schedule.enabled_by_default:
            say(
                "K101",
                Severity.INFO,
                "disabled by default: it is called all the same, and its occurrences are decided paused",
            )
        rule = schedule.recurrence()
        if rule.next_timestamp(self.place.now - DAY) is None:
            say("K102", Severity.INFO, "never due again: no CronJob is written")
            return ()
        if not schedule.key.isprintable():
            say("K108", Severity.REFUSED, "its key has characters that no argument can carry; write another name")
            return ()
        try:
            lines = cover(rule, self.place.now, self.place.until)
        except Uncoverable as error:
            say("K103", Severity.REFUSED, str(error))
            return ()
        if message := too_late(schedule):
            say("K104", Severity.WARNING, message)
        self._explain(rule, lines, say)
        return lines

    def _explain(self, rule: Recurrence, lines: Sequence[Line], say: Say) -> None:
        if late := late_by(rule):
            say("K105", Severity.WARNING, f"CronJobs know whole minutes only: calls come up to {late} s late")
        if any(line.repairs for line in lines):
            until = datetime.fromtimestamp(self.place.until, UTC).year
            message = f"what CronJobs leave out where clocks change in {rule.timezone} has CronJobs of its own, in UTC"
            say(
                "K106",
                Severity.INFO,
                f"{message}; good until {until} or until the zone changes, registering extends it",
            )
        if isinstance(rule.expression, Interval | OneShot):
            say(
                "K107",
                Severity.INFO,
                "CronJobs know neither intervals nor years: covered by calls in UTC, those between are dropped",
            )
        if rule.start is not None or rule.end is not None:
            say("K109", Severity.INFO, "start and end: CronJobs have none; calls before and after are dropped")
