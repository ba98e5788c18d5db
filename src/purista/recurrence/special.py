"""Days on which clocks change what a rule means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from purista.recurrence.cron import Cron
from purista.recurrence.cron_walk import labels_between
from purista.recurrence.zone import Transition, transitions

if TYPE_CHECKING:
    from purista.recurrence.recurrence import Recurrence

__all__ = ["SpecialDay", "special_days"]

SHOWN = 12


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A clock change that meets a rule.

    ``kind`` is gap (clocks are set forward) or overlap (back), ``shift_seconds`` by how much; ``at`` the instant of the change
    (epoch seconds); ``local_times`` the rule's times on that day that do not exist or come twice (the first dozen).
    """

    date: date
    kind: str
    shift_seconds: int
    at: int
    local_times: tuple[str, ...]
    effect: str


def special_days(rule: Recurrence, start: int, end: int) -> list[SpecialDay]:
    """The clock changes in ``[start, end)`` (epoch seconds) that meet the rule; only cron follows the wall clock."""
    if not isinstance(rule.expression, Cron):
        return []
    cron = rule.expression
    found = []
    for change in transitions(rule.timezone, start, end):
        low, high = sorted((change.at + change.offset_before, change.at + change.offset_after))
        labels = labels_between(cron, low, high)
        if labels:
            found.append(_special(rule, cron, change, labels))
    return found


def _special(rule: Recurrence, cron: Cron, change: Transition, labels: list[int]) -> SpecialDay:
    day = datetime.fromtimestamp(labels[0], UTC).date()
    times = tuple(f"{datetime.fromtimestamp(label, UTC):%H:%M}" for label in labels[:SHOWN])
    kind = "gap" if change.shift > 0 else "overlap"
    return SpecialDay(day, kind, abs(change.shift), change.at, times, _effect(rule, cron, change, times, len(labels)))


def _effect(rule: Recurrence, cron: Cron, change: Transition, times: tuple[str, ...], count: int) -> str:
    one = count == 1
    if count <= 2:
        shown = " and ".join(times)
    elif count <= SHOWN:
        shown = f"{times[0]} to {times[-1]}"
    else:
        shown = f"{count} times from {times[0]} on"
    if change.shift < 0:
        if cron.is_wildcard:
            return f"{shown} {'comes twice and is' if one else 'come twice and are'} due both times: it follows elapsed time"
        return f"{shown} {'comes twice: due once' if one else 'come twice: due once each'}, in the first pass"
    missing = f"{shown} {'does' if one else 'do'} not exist"
    if cron.is_wildcard:
        return f"{missing} and {'is' if one else 'are'} left out: it follows elapsed time"
    after = datetime.fromtimestamp(change.at, rule.zone)
    clock = f"{after:%H:%M:%S}" if after.second else f"{after:%H:%M}"
    return f"{missing}: due once at {clock}, right after the gap"
