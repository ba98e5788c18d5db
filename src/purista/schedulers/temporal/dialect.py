"""Contract → schedules of Temporal with findings; and when its server will start workflows, read from the same JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from purista.contract.schedule import Schedule
from purista.recurrence import Cron
from purista.recurrence.zone import transitions
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.gateways import nobody_sweeps
from purista.schedulers.spread import too_late
from purista.schedulers.temporal.calendar import Times
from purista.schedulers.temporal.cover import Uncoverable, cover
from purista.schedulers.temporal.place import Place
from purista.schedulers.temporal.support import SUPPORT
from purista.schedulers.temporal.text import described, digest_of, prefix_of

__all__ = ["TemporalDialect"]

DAY = 86_400
ID_LIMIT = 900
"""Temporal takes 977 bytes as an id and 979 as what a workflow's id begins with."""


class TemporalDialect:
    """A :class:`~purista.schedulers.base.Dialect` for the schedules of a Temporal server."""

    name = "temporal"
    lateness_ms = 60_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """One schedule of Temporal for each contract."""
        findings: list[Finding] = []
        entries: list[Entry] = []
        for schedule in sorted(schedules, key=lambda one: one.key):
            times = self._times(owner, schedule, findings)
            if times is not None:
                made = described(self.place, owner, schedule, times)
                body = json.dumps(made, ensure_ascii=False, sort_keys=True)
                entries.append(Entry(made["id"], (schedule.key,), body, digest_of(made)))
        if entries:
            findings.append(Finding("T112", Severity.INFO, "", nobody_sweeps()))
        return Compiled(tuple(entries), tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """The nominal instants (epoch seconds, half open): what workflows are told as their scheduled time."""
        return Times.read(json.loads(entry.body)["times"]).instants(start, end)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """The owner's schedules in one JSON file; none when there is nothing to call."""
        if not compiled.entries:
            return {}
        made = [json.loads(entry.body) for entry in compiled.entries]
        name = prefix_of(owner).removeprefix("purista-").rstrip("/")
        return {f"temporal-{name}.json": json.dumps(made, ensure_ascii=False, indent=2, sort_keys=True) + "\n"}

    def _times(self, owner: Owner, schedule: Schedule, findings: list[Finding]) -> Times | None:
        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, schedule.key, message))

        if not schedule.enabled_by_default:
            say(
                "T101",
                Severity.INFO,
                "disabled by default: it is called all the same, and its occurrences are decided paused",
            )
        rule = schedule.recurrence()
        if rule.next_timestamp(self.place.now - DAY) is None:
            say("T102", Severity.INFO, "never due again: no schedule is written")
            return None
        if problem := _unfit(prefix_of(owner) + schedule.key):
            say("T108", Severity.REFUSED, problem)
            return None
        try:
            times = cover(rule, self.place.since, self.place.until)
        except Uncoverable as error:
            say("T103", Severity.REFUSED, f"{error}; write a date in between")
            return None
        if message := too_late(schedule):
            say("T104", Severity.WARNING, message)
        if isinstance(rule.expression, Cron) and transitions(rule.timezone, self.place.since, self.place.until):
            message = (
                f"written in UTC for each offset of {rule.timezone}: in months with a change one call more is dropped"
            )
            say("T106", Severity.INFO, message)
        return times


def _unfit(name: str) -> str | None:
    """What Temporal cannot take as an id."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its key has half of a surrogate pair; write another name"
    if not name.isprintable():
        return "its key has characters that nobody can see; write another name"
    return f"its id has {size} bytes, Temporal takes {ID_LIMIT}; write a shorter name" if size > ID_LIMIT else None
