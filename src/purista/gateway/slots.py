"""Who holds a lineage's slot. Pure functions of a view and the time; the words are explained in ``Standing``."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from purista.contract.schedule import ConcurrencyPolicy
from purista.ledgers.base import Decision, LedgerView, Run, RunState

__all__ = ["CLOCK_SKEW_MS", "Standing", "blocking", "exclusive", "over", "slot_free_at", "standing", "wake_at"]

CLOCK_SKEW_MS = 2_000
"""A permit's slot is free only this long after it expired: clocks of workers and ledger may differ by so much."""


class Standing(StrEnum):
    """How an open run stands."""

    CLAIMED = "claimed"  # somebody is publishing it
    ABANDONED = "abandoned"  # its claim ran out before it was published
    HELD = "held"  # waits for the run it replaces
    WAITING = "waiting"  # published, nobody has begun
    UNDELIVERED = "undelivered"  # nobody began within its deadline
    WORKING = "working"  # somebody holds an unexpired permit, or its work is between two permits in order
    LAPSED = "lapsed"  # every permit expired without a report: the slot is free, the message will come again


def standing(run: Run, now: int) -> Standing:
    """How ``run`` stands at ``now`` (ms)."""
    row = run.row
    if row.decision is Decision.CLAIMED:
        return Standing.CLAIMED if row.lease_until is not None and row.lease_until > now else Standing.ABANDONED
    if row.decision is Decision.HELD:
        return Standing.HELD
    if any(
        p.permit_until is not None and p.permit_until + CLOCK_SKEW_MS > now for p in run.parts if p.state == "working"
    ):
        return Standing.WORKING
    if any(p.state == "working" for p in run.parts):
        return Standing.LAPSED
    if over(run):
        return Standing.LAPSED
    unended = [p for p in run.parts if p.state != "ended"]
    begun = any(p.begins for p in run.parts)
    if begun and not (unended and all(p.untouched for p in unended)):
        return Standing.WORKING
    if row.deadline is not None and now > row.deadline:
        return Standing.UNDELIVERED
    return Standing.WORKING if begun else Standing.WAITING


def over(run: Run) -> bool:
    """How it ended is known, but somebody may still hold a permit: superseded, or completed by its result event."""
    return run.row.run not in (None, RunState.OPEN)


def blocking(runs: Iterable[Run], now: int) -> list[Run]:
    """Published runs that stand in the way of another one."""
    return [run for run in runs if run.row.open and standing(run, now) in (Standing.WORKING, Standing.WAITING)]


def exclusive(view: LedgerView) -> bool:
    """Whether runs of this lineage must not work at the same time, by the contract in force."""
    schedule = view.lineage.contracts[-1].schedule
    return schedule is not None and schedule.concurrency_policy is not ConcurrencyPolicy.ALLOW


def slot_free_at(run: Run) -> int | None:
    """When the last permit of ``run`` is certainly over (ms); None when it holds none."""
    expiries = [p.permit_until for p in run.parts if p.state == "working" and p.permit_until is not None]
    return max(expiries) + CLOCK_SKEW_MS if expiries else None


def wake_at(runs: Iterable[Run]) -> int | None:
    """When somebody should look at the lineage again because something runs out (ms)."""
    opened = [run for run in runs if run.row.open == 2]
    if not opened:
        return None
    held = any(run.row.decision is Decision.HELD for run in opened)
    times: list[int] = []
    for run in opened:
        row = run.row
        if row.decision is Decision.CLAIMED and row.lease_until is not None:
            times.append(row.lease_until)
        elif row.decision is Decision.PUBLISHED:
            free = slot_free_at(run)
            if row.deadline is not None and standing(run, row.deadline + 1) is Standing.UNDELIVERED:
                times.append(row.deadline + 1)
            if free is not None and (held or over(run)):
                times.append(free)
    return min(times, default=None)
