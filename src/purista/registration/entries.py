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

    @property
    def nothing(self) -> bool:
        """What is live is what shall be."""
        return not (self.missing or self.changed or self.undeclared)

    def lines(self) -> tuple[str, ...]:
        """One sentence each, for logs."""
        return (
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} is not declared" for name in self.undeclared),
            *(f"{name} differs" for name in self.changed),
        )


NO_DIFFERENCE = Difference()


def compare_entries(wanted: Iterable[Entry], live: Iterable[LiveEntry]) -> Difference:
    """By name and digest. A live entry without a digest was edited by hand, so it differs."""
    there = {entry.name: entry.digest for entry in live}
    shall = {entry.name: entry.digest for entry in wanted}
    return Difference(
        tuple(sorted(shall.keys() - there.keys())),
        tuple(sorted(name for name in shall.keys() & there.keys() if there[name] != shall[name])),
        tuple(sorted(there.keys() - shall.keys())),
        sum(there.get(name) == digest for name, digest in shall.items()),
    )
