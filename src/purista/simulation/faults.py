"""What goes wrong in a simulation: a list that the seed decides, of which any part can be left out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from purista.contract.schedule import Schedule

__all__ = ["Chances", "Crash", "Duplicate", "Fault", "Jump", "draw"]

WRITES = 9
LONGEST_DOWN_MS = 90_000


@dataclass(frozen=True, slots=True)
class Chances:
    """How much goes wrong: crashes and repeated calls for each occurrence, and jumps of the clock (ms, one each)."""

    crash: float = 0.0
    duplicate: float = 0.0
    jumps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """``number`` names it within its seed; ``at`` is ms after the start, in true time."""

    number: int
    at: int


@dataclass(frozen=True, slots=True)
class Crash(Fault):
    """A process dies at the next write but ``writes``: ``side`` before or after its commit. It is back after ``down`` ms."""

    process: str
    writes: int
    side: str
    down: int

    def __str__(self) -> str:
        return f"{self.process} dies {self.side} write {self.writes + 1}, for {self.down / 1000:g} s"


@dataclass(frozen=True, slots=True)
class Duplicate(Fault):
    """A call comes again, in a process that may be another one."""

    process: str
    key: str

    def __str__(self) -> str:
        return f"{self.key} is called again, by {self.process}"


@dataclass(frozen=True, slots=True)
class Jump(Fault):
    """The host's clock is set."""

    by: int

    def __str__(self) -> str:
        return f"the clock jumps by {self.by / 1000:+g} s"


def draw(
    seed: int, chances: Chances, schedules: Sequence[Schedule], processes: Sequence[str], start: int, length: int
) -> list[Fault]:
    """The faults of a seed. The same question has the same answer everywhere."""
    rng = random.Random(f"purista faults {seed}")  # noqa: S311 - it must be the same again
    faults: list[Fault] = []
    for jump in chances.jumps:
        faults.append(Jump(len(faults), rng.randrange(length), jump))
    for at, key in _due(schedules, start, length):
        crashes, repeats = rng.random() < chances.crash, rng.random() < chances.duplicate
        if crashes:
            when = at + rng.choice([-1, 0, rng.randrange(5_000), rng.randrange(120_000)])
            faults.append(
                Crash(
                    len(faults), max(0, when), rng.choice(processes), rng.randrange(WRITES),
                    rng.choice(["before", "after"]), rng.randrange(LONGEST_DOWN_MS),
                )
            )  # fmt: skip
        if repeats:
            when = at + rng.choice([0, 0, rng.randrange(1_000), rng.randrange(60_000)])
            faults.append(Duplicate(len(faults), when, rng.choice(processes), key))
    return faults


def _due(schedules: Sequence[Schedule], start: int, length: int) -> list[tuple[int, str]]:
    first, last = -(-start // 1000), (start + length) // 1000
    found = [(t * 1000 - start, s.key) for s in schedules for t in s.recurrence().timestamps(first, last)]
    return sorted(found)
