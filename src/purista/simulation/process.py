"""A simulated process: its tasks, its way to the ledger's file, and its death."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from purista.simulation.loop import TASKS
from purista.sqlite.file import SqliteFile
from purista.sqlite.writer import Counters

__all__ = ["Host", "Line", "Process"]

T = TypeVar("T")
LOOK_AGAIN_SECONDS = 30.0
"""So long after a jump of the clock waiters look again, as they do on a real host at the latest."""


class Host:
    """The file that outlives all processes, and who waits for its changes."""

    def __init__(self, environment: str = "default") -> None:
        self.file = SqliteFile(":memory:", environment=environment)
        self._loop = asyncio.get_running_loop()
        self.file.open()
        self._waiting: dict[asyncio.Future[bool], None] = {}
        self.posted = 0
        self.file.read(self._watch_mail)

    def _watch_mail(self, connection: sqlite3.Connection) -> None:
        """Only letters that can be taken wake those who wait for some: renewals and decisions are nothing to them."""
        connection.create_function("simulation_posted", 0, self._post)
        for name, event in (("insert", "INSERT ON"), ("update", "UPDATE OF lease, state ON")):
            connection.execute(
                f"CREATE TEMP TRIGGER simulation_{name} AFTER {event} main.mail"
                " WHEN NEW.state = 'ready' AND NEW.lease IS NULL BEGIN SELECT simulation_posted(); END"
            )

    def _post(self) -> None:
        self.posted += 1
        self.wake()

    def close(self) -> None:
        """Forget everything."""
        self.file.close()

    def wake(self) -> None:
        """There may be something to take: everybody looks."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting:
            if not future.done():
                future.set_result(True)

    def wake_later(self) -> None:
        """After a jump: nobody who waits knows of it before he looks."""
        self._loop.call_later(LOOK_AGAIN_SECONDS, self.wake)

    async def change(self) -> bool:
        """Wait until there may be something to take."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[future] = None
        try:
            return await future
        finally:
            self._waiting.pop(future, None)


class Process:
    """What dies together. ``die_at`` is told of every write and says whether, and on which side of it, to die."""

    def __init__(self, name: str, host: Host) -> None:
        self.name, self.host, self.alive = name, host, True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.die_at: Callable[[], str | None] = lambda: None
        self.on_death: list[Callable[[Process], None]] = []

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something in this process; its child tasks belong to it."""
        context = contextvars.copy_context()
        context.run(TASKS.set, self.tasks)
        return asyncio.get_running_loop().create_task(work, context=context)

    def die(self) -> None:
        """Now, in the middle of whatever it does. What it had not committed is gone."""
        if not self.alive:
            return
        self.alive = False
        for told in self.on_death:
            told(self)
        for task in list(self.tasks):
            task.cancel()


class Line(SqliteFile):
    """A process's connection to the host's file. After its process's death nothing gets through any more."""

    def __init__(self, process: Process) -> None:
        super().__init__(":memory:", environment=process.host.file.environment)
        self._process, self._shared = process, process.host.file

    @property
    def counters(self) -> Counters:
        """Of the shared file."""
        return self._shared.counters

    def open(self) -> None:
        """It is open."""

    def close(self) -> None:
        """It stays open: others use it."""

    def read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """See :class:`SqliteFile`."""
        self._must_live()
        return self._shared.read(operation)

    async def write(
        self, operation: Callable[[sqlite3.Connection], T], *, durable: bool = True, long: bool = False
    ) -> T:
        """See :class:`SqliteFile`. Here a process may die: right before its commit, or right after it."""
        self._must_live()
        side = self._process.die_at()
        if side == "before":
            self._process.die()
            raise asyncio.CancelledError

        def guarded(connection: sqlite3.Connection) -> T:
            self._must_live()
            return operation(connection)

        result = await self._shared.write(guarded, durable=durable, long=long)
        if side == "after":
            self._process.die()
            raise asyncio.CancelledError
        return result

    def state(self) -> tuple[int, int]:
        """Differs after every letter that can be taken."""
        return self._process.host.posted, 0

    async def changed(
        self,
        timeout: float,  # noqa: ARG002 - a quiet year would be a million looks
        *,
        poll: float = 0.05,  # noqa: ARG002 - it is told
        since: tuple[int, int] | None = None,
    ) -> bool:
        """See :class:`SqliteFile`. Never looks in vain, so that quiet months cost nothing."""
        if since is not None and self.state() != since:
            return True
        return await self._process.host.change()

    def data_version(self) -> int:
        """One connection: it sees no other."""
        self._must_live()
        return 0

    def _must_live(self) -> None:
        if not self._process.alive:
            raise asyncio.CancelledError
