"""Virtual time for tests: a loop that travels instead of waiting, and a decorator that puts a test on one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from purista.simulation.loop import Stuck, TimeLoop, travel

__all__ = ["Stuck", "TimeLoop", "travel", "virtual_time"]

P = ParamSpec("P")
T = TypeVar("T")


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run an async test on a loop of its own in which waiting takes no time. Needs no asyncio plugin.

    ::

        @virtual_time
        async def test_a_day(…):
            await asyncio.sleep(86_400)
    """

    @functools.wraps(test)
    def sync(*args: P.args, **kwargs: P.kwargs) -> T:
        return travel(test(*args, **kwargs))

    sync.__signature__ = inspect.signature(test)  # type: ignore[attr-defined] # pytest reads the fixtures there
    del sync.__dict__["__wrapped__"]  # asyncio plugins would take it for a coroutine function
    return sync
