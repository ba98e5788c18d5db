"""Entries that shall be there against entries that are: pure. Plan, apply and drift read the same difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from purista.schedulers.base import Entry, LiveEntry

__all__ = ["NO_DIFFERENCE", "Difference", "compare_entries"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of one owner's entries, sorted."""

    missing: tuple[str, ...] = ()  # shall be there, is not
    changed: tuple[str, ...] = ()  # is there, with another meaning
    undeclared: tuple[str, ...] = ()  # carries our mark, but nothing declares it
    same: int = 0
    paused: tuple[str, ...] = ()  # somebody stopped it in the scheduler itself; it is left so

    @property
    def nothing(self) -> bool:
        """Nothing has to be written. What is paused there is for people to resume."""
        return not (self.missing or self.changed or self.undeclared)

    def lines(self) -> tuple[str, ...]:
        """One sentence each, for logs."""
        return (
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} is not declared" for name in self.undeclared),
            *(f"{name} differs" for name in self.changed),
            *(f"{name} is paused in the scheduler" for name in self.paused),
        )


NO_DIFFERENCE = Difference()


def compare_entries(wanted: Iterable[Entry], live: Iterable[LiveEntry]) -> Difference:
    """By name and digest. A live entry without a digest was edited by hand, so it differs."""
    live = tuple(live)
    there = {entry.name: entry.digest for entry in live}
    shall = {entry.name: entry.digest for entry in wanted}
    return Difference(
        tuple(sorted(shall.keys() - there.keys())),
        tuple(sorted(name for name in shall.keys() & there.keys() if there[name] != shall[name])),
        tuple(sorted(there.keys() - shall.keys())),
        sum(there.get(name) == digest for name, digest in shall.items()),
        tuple(sorted(entry.name for entry in live if entry.paused and entry.name in shall)),
    )
