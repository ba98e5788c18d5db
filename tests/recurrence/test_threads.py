"""One instance asked by many threads answers as it answers one: what it remembers are guesses, never truths."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import ZoneTable, zone_table

THREADS = 8


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Threads take turns far more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("expression", ["30 2 * * *", "*/15 * * * *", "0 0 29 2 *", "0 0 13 * fri", "0 0-23 * * *"])
def test_eight_threads_get_the_answers_of_one(expression: str) -> None:
    alone = Recurrence(Cron(expression), timezone="Europe/Berlin")
    shared = Recurrence(Cron(expression), timezone="Europe/Berlin")
    random.seed(8)
    # Far apart, so that each question throws away what the question before remembered.
    instants = [random.randrange(0, 4_000_000_000) for _ in range(700)]
    instants += [start + shift for start in zone_table("Europe/Berlin").starts[1:100] for shift in (-1, 0, 1)]
    forward = [alone.next_timestamp(instant) for instant in instants]
    backward = [alone.previous_timestamp(instant) for instant in instants]
    lists = [alone.timestamps(instant, instant + 40 * 86_400) for instant in instants[::30]]

    moment, steps = datetime(2026, 3, 1 + len(expression), tzinfo=UTC), []
    step: int | None = int(moment.timestamp())
    while len(steps) < 300:
        assert step is not None
        step = alone.next_timestamp(step)
        if step is None:
            break
        steps.append(step)

    def ask(number: int) -> bool:
        order = list(range(len(instants)))
        random.Random(number).shuffle(order)
        ahead = all(shared.next_timestamp(instants[index]) == forward[index] for index in order)
        back = all(shared.previous_timestamp(instants[index]) == backward[index] for index in order)
        bulk = all(shared.timestamps(at, at + 40 * 86_400) == lists[n] for n, at in enumerate(instants[::30]))
        walked, at = [], moment
        for _ in steps:  # each asks with its own answers, while the rule remembers anybody's
            at = shared.next_after(at)  # type: ignore[assignment]
            walked.append(int(at.timestamp()))
        return ahead and back and bulk and walked == steps

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(ask, range(THREADS)))


def test_a_guess_overwritten_by_another_thread_changes_no_answer() -> None:
    """The zone's guess is shared by all rules of a zone; here it is overwritten at the worst moment, each time."""

    class Restless(ZoneTable):
        """Between any two looks, somebody else asked for another time of year."""

        __slots__ = ("_hint", "looks")

        @property  # type: ignore[override]
        def hint(self) -> tuple[int, int, int]:
            looks = self.looks = getattr(self, "looks", 0) + 1
            number = looks * 7 % (len(self.starts) - 1)
            return self.starts[number], self.starts[number + 1], number

        @hint.setter
        def hint(self, value: tuple[int, int, int]) -> None:
            pass

    table = zone_table("Europe/Berlin")
    for expression in ("30 2 * * *", "0 * * * *"):
        alone, shared = (Recurrence(Cron(expression), timezone="Europe/Berlin") for _ in range(2))
        object.__setattr__(shared, "_table", Restless(table.starts, table.offsets, table.zone))
        for start in table.starts[10:120]:
            for instant in (start - 90_000, start - 3_000, start - 1, start, start + 1, start + 9_000):
                assert shared.next_timestamp(instant) == alone.next_timestamp(instant)
                assert shared.previous_timestamp(instant) == alone.previous_timestamp(instant)
                assert shared.timestamps(instant, instant + 10**6) == alone.timestamps(instant, instant + 10**6)
