"""Where a contract and the library it comes from part ways when the clocks change: found by asking both, not by rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from purista.contract.schedule import Schedule
from purista.recurrence import Cron, Transition, transitions

__all__ = ["Fires", "differences"]

Fires = Callable[[int, int], Sequence[int]]  # the source's instants in [start, end), epoch seconds
HOUR, DAY = 3600, 86_400
LOOK = 400 * DAY  # both changes of a year
DENSE = 24  # times a day
SHOWN = 3


def differences(schedule: Schedule, fires: Fires, *, now: int) -> Iterator[str]:
    """What is due at other instants around the changes of the clocks in the next year. ``now`` is epoch seconds."""
    rule = schedule.expression
    if not isinstance(rule, Cron):
        return
    for change in transitions(schedule.timezone, now, now + LOOK):
        start, end = _window(rule, change)
        ours = set(schedule.recurrence().timestamps(start, end))
        theirs = set(fires(start, end))
        if ours != theirs:
            yield _said(schedule, change, sorted(theirs - ours), sorted(ours - theirs))


def _window(rule: Cron, change: Transition) -> tuple[int, int]:
    """A few hours around for what is often due, five weeks after for what is not: some libraries stumble late."""
    if len(rule.seconds) > DENSE:
        return change.at - 3 * HOUR, change.at + 4 * HOUR
    return change.at - DAY, change.at + 36 * DAY


def _said(schedule: Schedule, change: Transition, before: list[int], after: list[int]) -> str:
    zone = schedule.recurrence().zone
    day = datetime.fromtimestamp(change.at, zone)
    way = "forward" if change.shift > 0 else "back"
    gone = f"was due at {_times(before)} and is not now" if before else ""
    new = f"is due at {_times(after)} and was not before" if after else ""
    both = " and ".join(text for text in (gone, new) if text)
    return f"when the clocks go {way} on {day:%Y-%m-%d} ({schedule.timezone}) it {both}"


def _times(instants: list[int]) -> str:
    shown = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}" for at in instants[:SHOWN]]
    more = len(instants) - len(shown)
    return ", ".join(shown) + (f" and {more} times more" if more else "")
