"""Contract → DAGs with findings; and when Airflow will make their runs, read from the entries alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from purista.contract.schedule import Schedule
from purista.recurrence import Interval, Recurrence
from purista.schedulers.airflow.cover import Line, Uncoverable, contract, cover, instants_of, late_by
from purista.schedulers.airflow.place import Place
from purista.schedulers.airflow.support import SUPPORT
from purista.schedulers.airflow.text import body_of, dag_id, digest_of, file_name, file_text, tags
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.gateways import nobody_sweeps

__all__ = ["AirflowDialect"]

DAY = 86_400
WORDS = 500
"""So many characters of a description are shown."""
Say = Callable[[str, Severity, str], None]


class AirflowDialect:
    """A :class:`~purista.schedulers.base.Dialect` for DAGs of Airflow 3."""

    name = "airflow"
    lateness_ms = 120_000
    support = SUPPORT

    def __init__(self, place: Place) -> None:
        self.place = place

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        """A DAG for each schedule; in standalone files another one for what Airflow's cron leaves out."""
        findings: list[Finding] = []
        entries: list[Entry] = []
        for schedule in sorted(schedules, key=lambda one: one.key):
            entries += [self._entry(owner, schedule, line) for line in self._lines(schedule, findings)]
        if entries:
            findings.append(Finding("AF112", Severity.INFO, "", nobody_sweeps()))
        return Compiled(tuple(entries), tuple(findings))

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        """``run_after`` of the DAG's scheduled runs (epoch seconds, half open), as its timetable finds them."""
        said = json.loads(entry.body)
        first, last = said.get("start"), said.get("end")
        low, high = start if first is None else max(start, first), end if last is None else min(end, last)
        return instants_of(said["timetable"], low, high)

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        """The owner's file of DAGs; none when there is nothing to call."""
        if not compiled.entries:
            return {}
        entries = [json.loads(entry.body) for entry in compiled.entries]
        return {file_name(owner): file_text(owner, entries, standalone=self.place.standalone)}

    def _entry(self, owner: Owner, schedule: Schedule, line: Line) -> Entry:
        name = dag_id(owner.environment, schedule.key, repairs=line.repairs)
        here = self.place
        made: dict[str, Any] = {
            "dag": name, "schedule": schedule.key, "description": schedule.description[:WORDS],
            "tags": tags(owner.environment, owner.service), "timetable": line.timetable, "exact": line.exact,
            "since": here.since, **self._called(),
        }  # fmt: skip
        if here.wait:
            made["wait"] = True
        made |= {bound: at for bound, at in (("start", line.start), ("end", line.end)) if at is not None}
        return Entry(name, (schedule.key,), body_of(made), digest_of(made))

    def _called(self) -> dict[str, str]:
        """Where gateways are, and what proves who calls."""
        here = self.place
        proof = {"token" if here.bearer else "secret": here.credential} if here.credential else {}
        return {**({"broker": here.broker, "group": here.group} if here.broker else {"gateway": here.gateway}), **proof}

    def _lines(self, schedule: Schedule, findings: list[Finding]) -> Sequence[Line]:
        def say(code: str, severity: Severity, message: str) -> None:
            findings.append(Finding(code, severity, schedule.key, message))

        if not schedule.enabled_by_default:
            message = "disabled by default: its DAG calls all the same, and its occurrences are decided paused"
            say("AF101", Severity.INFO, message)
        rule = schedule.recurrence()
        if rule.next_timestamp(self.place.now - DAY) is None:
            say("AF102", Severity.INFO, "never due again: no DAG is made")
            return ()
        if schedule.jitter_window_ms:
            say("AF104", Severity.WARNING, "jitter_window: Airflow has none; runs are made at the instant")
        if not self.place.standalone:
            return (contract(rule),)
        try:
            lines = cover(rule, self.place.now, self.place.until)
        except Uncoverable as error:
            say("AF103", Severity.REFUSED, str(error))
            return ()
        self._explain(rule, lines, say)
        return lines

    def _explain(self, rule: Recurrence, lines: Sequence[Line], say: Say) -> None:
        if late := late_by(rule):
            say(
                "AF105", Severity.WARNING, f"a standalone file knows whole minutes only: calls come up to {late} s late"
            )
        if any(line.repairs for line in lines):
            until = datetime.fromtimestamp(self.place.until, UTC).year
            message = f"what Airflow's cron leaves out where clocks change in {rule.timezone} has a DAG of its own"
            say(
                "AF106",
                Severity.INFO,
                f"{message}; good until {until} or until the zone changes, registering extends it",
            )
        if isinstance(rule.expression, Interval):
            message = "Airflow's own intervals drift: covered by a grid of calls in UTC, those between are dropped"
            say("AF107", Severity.INFO, message)
