"""What really happened in a world, in true time: kept by the world itself, never by what is under test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from purista.values import value

__all__ = ["Event", "Journal", "Work"]


@value(frozen=True, slots=True)
class Event:
    """One thing that happened. ``at`` is true time and ``wall`` what the host believed, both ms since the epoch."""

    at: int
    wall: int
    what: str
    key: str = ""
    occurrence_id: str = ""
    detail: str = ""


@dataclass(slots=True)
class Work:
    """A handler at work, from ``begin`` to ``end`` (ms of true time; None: still)."""

    key: str
    occurrence_id: str
    scheduled_at: int
    delivery: str
    address: str
    process: str
    body: Any
    begin: int
    wall: int
    end: int | None = None
    outcome: str = ""


@dataclass(slots=True)
class Journal:
    """Events and work, in order. ``true`` and ``wall`` tell the times."""

    true: Callable[[], int]
    wall: Callable[[], int]
    events: list[Event] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)

    def note(self, what: str, key: str = "", occurrence_id: str = "", detail: str = "") -> None:
        """Write an event down."""
        self.events.append(Event(self.true(), self.wall(), what, key, occurrence_id, detail))

    def note_all(self, what: str, details: Iterable[tuple[str, str]]) -> None:
        """Write down what happened at once, as ``(key, detail)``."""
        true, wall = self.true(), self.wall()
        self.events += [Event(true, wall, what, key, "", detail) for key, detail in details]

    def begin(self, work: Work) -> None:
        """A handler begins."""
        self.work.append(work)

    def end(self, work: Work, outcome: str) -> None:
        """It ends, unless its process is dead already."""
        if work.end is None:
            work.end, work.outcome = self.true(), outcome

    def died(self, process: str) -> None:
        """A process died, and with it what it worked on."""
        self.note("process died", detail=process)
        for work in reversed(self.work):
            if work.end is None and work.process == process:
                self.end(work, "killed")

    def of(self, key: str) -> Iterator[Work]:
        """The work of one schedule."""
        return (work for work in self.work if work.key == key)
