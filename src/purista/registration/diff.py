"""Two manifests, by meaning: which schedules differ, in which options, and at which instants. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from purista.contract.digest import meaning
from purista.contract.schedule import Schedule
from purista.registration.compare import Act, candidates
from purista.registration.moves import Moves, compare_instants

__all__ = ["Difference", "diff"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One schedule that is not the same in both. ``options`` are the names of what changed, by the digest's words."""

    act: Act
    key: str
    former: str | None
    options: tuple[str, ...]
    moves: Moves
    timezone: str


def diff(old: Sequence[Schedule], new: Sequence[Schedule], now: int) -> list[Difference]:
    """What ``new`` changes against ``old``, by key; a rename is one change, not a removal and a birth.

    ``now`` (epoch seconds) is where the comparison of instants begins.
    """
    before = {schedule.key: schedule for schedule in old}
    gone = set(before)
    found: list[Difference] = []
    for schedule in new:
        former = next((key for key in candidates(schedule) if key in gone), None)
        if former is None:
            found.append(_difference(Act.CREATE, None, schedule, now))
            continue
        gone.discard(former)
        if meaning(before[former]) != meaning(schedule):
            act = Act.CHANGE if former == schedule.key else Act.ADOPT
            found.append(_difference(act, before[former], schedule, now))
    found += [_difference(Act.REMOVE, before[key], None, now) for key in gone]
    return sorted(found, key=lambda one: one.key)


def _difference(act: Act, before: Schedule | None, after: Schedule | None, now: int) -> Difference:
    one = after or before
    if one is None:
        raise ValueError("expected a schedule before or after, got neither")
    options: tuple[str, ...] = ()
    if before is not None and after is not None:
        was, will = meaning(before), meaning(after)
        options = tuple(name for name in will if name != "key" and was[name] != will[name])
    former = before.key if before is not None and after is not None and before.key != after.key else None
    return Difference(act, one.key, former, options, compare_instants(before, after, now), one.timezone)
