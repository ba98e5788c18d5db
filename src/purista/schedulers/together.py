"""Many calls of a scheduler's API, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["each"]

_A = TypeVar("_A")
_B = TypeVar("_B")


async def each(items: Iterable[_A], act: Callable[[_A], Awaitable[_B]], *, at_once: int) -> list[_B]:
    """What each act answered, in order; the first failure is raised when all have ended."""
    limit = asyncio.Semaphore(at_once)

    async def one(item: _A) -> _B:
        async with limit:
            return await act(item)

    found: list[_B] = []
    for ended in await asyncio.gather(*map(one, items), return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
        found.append(ended)
    return found
