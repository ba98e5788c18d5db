"""Which of many faults it takes: delta debugging, the least list that still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["shrink"]

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[Sequence[T]], bool], *, tries: int = 400) -> list[T]:
    """A part of ``items`` that fails, of which no single item can be left out (as far as ``tries`` allow).

    ``items`` itself must fail.
    """
    kept, parts, left = list(items), 2, tries
    if not kept or fails([]):
        return []
    while len(kept) > 1 and left > 0:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            left -= 1
            if fewer and fails(fewer):
                kept, parts = fewer, max(2, parts - 1)
                break
            if left <= 0:
                return kept
        else:
            if size == 1:
                return kept
            parts = min(len(kept), parts * 2)
    return kept
