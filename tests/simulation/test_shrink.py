"""Delta debugging: the least list that still fails."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from purista.simulation.shrink import shrink


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_is_exactly_what_it_takes(seed: int) -> None:
    rng = random.Random(seed)
    items = list(range(rng.randrange(1, 60)))
    needed = set(rng.sample(items, min(len(items), rng.randrange(1, 4))))
    assert set(shrink(items, lambda part: needed <= set(part))) == needed


def test_nothing_at_all_may_be_enough() -> None:
    assert shrink([1, 2, 3], lambda part: True) == []


def test_it_gives_up_after_so_many_tries() -> None:
    tried: list[Sequence[int]] = []

    def fails(part: Sequence[int]) -> bool:
        tried.append(part)
        return len(part) > 50

    assert 50 < len(shrink(list(range(100)), fails, tries=10)) <= 100
    assert len(tried) <= 12
