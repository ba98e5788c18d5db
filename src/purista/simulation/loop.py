"""An event loop that travels in time: where it would wait, it sets its clock instead.

``asyncio.sleep``, ``wait_for``, leases and permits all become virtual: a year passes in the time its work takes. The order
of everything is the same in every run, as long as no thread calls back into the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import selectors
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

__all__ = ["Stuck", "TimeLoop", "travel"]

T = TypeVar("T")
RESOLUTION = 1e-6
PATIENCE = 1.0
"""Seconds of real time that a thread (a sync handler) may work while virtual time stands still."""


class Stuck(RuntimeError):
    """Nothing is ready and nothing is awaited that time could bring: it would wait for ever."""


class _Task(asyncio.Task[Any]):
    """A task with a number for its hash, so that sets of tasks have the same order in every run."""

    _numbered = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        _Task._numbered += 1
        self._number = _Task._numbered
        super().__init__(*arguments, **options)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Selector(selectors.DefaultSelector):
    """Waits for nothing but threads; every other wait moves the loop's clock."""

    loop: TimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0) if self.loop.in_threads else []
        ready = super().select(PATIENCE if self.loop.in_threads else 0)
        if ready or self.loop.tell_quiet():
            return ready
        if timeout is None:
            if self.loop.in_threads:
                return []
            raise Stuck("nothing is ready and no timer runs: the test would wait for ever")
        self.loop.pass_time(timeout)
        return []


class TimeLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves only when nothing is ready; then straight to the next timer."""

    def __init__(self) -> None:
        self._passed = 0.0
        self.in_threads = 0
        self._quiet: list[asyncio.Future[None]] = []
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = RESOLUTION
        self.set_task_factory(_task)
        _Task._numbered = 0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._passed

    def pass_time(self, seconds: float) -> None:
        """Set the clock forward without running anything in between."""
        self._passed += seconds

    async def quiet(self) -> None:
        """Wait until nothing is left to do at this instant."""
        waiter: asyncio.Future[None] = self.create_future()
        self._quiet.append(waiter)
        await waiter

    def tell_quiet(self) -> bool:
        """Wake those who wait for :meth:`quiet`; False if nobody does."""
        waiting, self._quiet = self._quiet, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        return bool(waiting)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """As asyncio's, but time stands still until the thread is done, or for a second of real time."""
        self.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._left_thread)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002 - it ends in real time
        """As asyncio's, which waits for a thread of its own."""
        self.in_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.in_threads -= 1

    def _left_thread(self, _: asyncio.Future[Any]) -> None:
        self.in_threads -= 1


def _task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
    **options: Any,
) -> asyncio.Task[T]:
    task = _Task(coroutine, loop=loop, **options)
    context: contextvars.Context | None = options.get("context")  # the task's own says whose it is, not its creator's
    here = TASKS.get() if context is None else context.get(TASKS)
    if here is not None:
        here[task] = None
        task.add_done_callback(lambda done: here.pop(done, None))
    return task


TASKS: contextvars.ContextVar[dict[asyncio.Task[Any], None] | None] = contextvars.ContextVar("TASKS", default=None)
"""Where tasks of one simulated process are kept: children inherit it with their context."""


def travel(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own that travels in time, as ``asyncio.run`` does on a real one."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 20, 100)  # much is made and kept: the collector would look at it again and again
    try:
        with asyncio.Runner(loop_factory=TimeLoop) as runner:
            return runner.run(main)
    finally:
        gc.set_threshold(*thresholds)
