"""The contract's own rule as an Airflow timetable. Only Airflow loads this module, so it imports Airflow at its top."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime, from_timestamp

from purista.recurrence.expression import expression_from_dict
from purista.schedulers.airflow.cover import rule_of

__all__ = ["ContractTimetable"]

FIRST_SIGHT = 120
"""A DAG without a start that never ran: seconds back from now within which what was due is not over yet. A file is read again
between the instant and the moment at which the scheduler makes the run."""


class ContractTimetable(Timetable):  # type: ignore[misc]
    """Makes a run at each occurrence of the contract, also where clocks change."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.said = dict(said)
        self.rule = rule_of(said)
        self.description = f"{expression_from_dict(said['expression'])!r} in {said['timezone']}"

    @property
    def summary(self) -> str:
        """What Airflow's pages show."""
        expression = self.said["expression"]
        text = expression.get("value") or expression.get("runAt") or f"every {expression['everyMs'] // 1000} s"
        return f"{text} ({self.said['timezone']})"

    def serialize(self) -> dict[str, Any]:
        """As JSON."""
        return self.said

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ContractTimetable:
        """From JSON."""
        return cls(data)

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """A run that somebody wants now stands for no interval."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """After the last run; without catch-up no earlier than the latest one that is due."""
        now = int(datetime.now(UTC).timestamp())
        bounds: list[int] = []
        if last_automated_data_interval is not None:
            bounds.append(int(last_automated_data_interval.end.timestamp()))
        if restriction.earliest is not None:
            bounds.append(-int(-restriction.earliest.timestamp() // 1) - 1)
        elif last_automated_data_interval is None:
            bounds.append(now - FIRST_SIGHT)
        if not restriction.catchup:
            latest = self.rule.previous_timestamp(now + 1)
            bounds.append(-1 if latest is None else latest - 1)
        found = self.rule.next_timestamp(max(bounds))
        if found is None or (restriction.latest is not None and found > restriction.latest.timestamp()):
            return None
        return DagRunInfo.exact(from_timestamp(found))
