"""Schedules of one time share a call; a call has a longest length. How many calls that makes, for every host's scheduler."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from purista.errors import DeclarationError

__all__ = ["packed"]


def packed(
    keys: Sequence[str], quote: Callable[[str], str], *, bare: str, limit: int
) -> tuple[list[list[str]], list[str]]:
    """Keys in groups whose command, ``bare`` with each quoted key behind it, has at most ``limit`` bytes; and the keys that fit
    none, or that ``quote`` cannot write.
    """
    groups: list[list[str]] = [[]]
    refused: list[str] = []
    length = base = len(bare.encode())
    for key in keys:
        try:
            size = 1 + len(quote(key).encode())
        except DeclarationError:
            refused.append(key)
            continue
        if base + size > limit:
            refused.append(key)
            continue
        if length + size > limit:
            groups.append([])
            length = base
        groups[-1].append(key)
        length += size
    return [group for group in groups if group], refused
