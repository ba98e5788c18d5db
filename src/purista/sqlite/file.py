"""One file, one writer thread. Writes of concurrent callers share a transaction, and with it one fsync."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from purista.errors import LedgerError
from purista.sqlite.migrate import migrate
from purista.sqlite.writer import BUSY_TIMEOUT_MS, Counters, Operation, Writer, busy

__all__ = ["SqliteFile"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiters:
    """Tasks of this process that wait for the file to change."""

    events: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=set)

    def wake(self) -> None:
        for loop, event in tuple(self.events):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class SqliteFile:
    """A SQLite database in WAL mode at full durability (``synchronous=FULL``: survives a power cut).

    Reads run where they are called: with WAL they wait for nobody and take microseconds. Writes of concurrent callers
    share a transaction (:class:`~purista.sqlite.writer.Writer`). An operation must be a pure function of the
    connection: when one of a batch fails, the batch is rolled back and each of it runs again alone, so that an error
    reaches only its own caller.

    ``environment=None`` takes whichever the file belongs to; ``create=False`` opens only what is there.
    ``path=":memory:"`` keeps everything in this process and forgets it at the end.
    """

    def __init__(self, path: str | Path, *, environment: str | None = "default", create: bool = True) -> None:
        self.path = str(path)
        self.create = create
        self.environment = environment
        self.volatile = self.path == ":memory:"
        self._waiters = _Waiters()
        self._writer: Writer | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = threading.RLock()
        self._users = 0

    @property
    def counters(self) -> Counters:
        """Commits and operations of this process since the file was opened."""
        return self._writer.counters if self._writer is not None else Counters()

    def open(self) -> None:
        """Open, migrate and check the file. Counted: each ``open`` wants its ``close``.

        :raises LedgerMismatch: the file belongs to another environment or to a newer purista.
        :raises LedgerError: the file cannot be opened.
        """
        self._users += 1
        if self._users > 1:
            return
        if not self.create and not Path(self.path).is_file():
            self._users = 0
            raise LedgerError(f"expected a ledger at {self.path}, found none; start the service once, or give --ledger")
        connections: list[sqlite3.Connection] = []
        try:
            connections.append(self._connect())
            migrate(connections[0], self.environment, create=self.create)
            connections.append(connections[0] if self.volatile else self._connect())
            connections[0].execute("PRAGMA busy_timeout=0")  # the writer waits by itself, where it holds nobody up
        except BaseException as error:
            self._users = 0
            for connection in connections:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise LedgerError(f"expected a SQLite file at {self.path}, got: {error}") from error
            raise
        self._writer, self._reader = Writer(connections[0], self._waiters.wake, in_memory=self.volatile), connections[1]

    def close(self) -> None:
        """Finish what was queued, then close. Does nothing while others still use the file."""
        if self._users == 0:
            return
        self._users -= 1
        if self._users or self._writer is None or self._reader is None:
            return
        self._writer.close()
        self._reader.close()
        self._writer = self._reader = None

    def read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read where it is called. It sees every commit that was answered before."""
        writer, reader = self._writer, self._reader
        if writer is None or reader is None:
            raise LedgerError(f"the file {self.path} is not open")
        try:
            if writer.turn.acquire(
                blocking=self.volatile
            ):  # its pages are at hand: what was written is read from memory
                try:
                    return operation(writer.connection)
                except sqlite3.OperationalError as error:
                    if not busy(error):
                        raise
                finally:
                    writer.turn.release()
            with self._reading:
                return operation(reader)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def write(self, operation: Operation[T], *, durable: bool = True, long: bool = False) -> T:
        """Run a write in the next group commit and return its result once that commit is on disk.

        ``durable=False`` skips the fsync when nothing else in the batch needs it: the write survives a killed process
        but not a power cut. For counts, never for decisions. ``long`` work never runs in the event loop's own thread.
        """
        if self._writer is None:
            raise LedgerError(f"the file {self.path} is not open")
        try:
            return await self._writer.write(operation, durable=durable, long=long)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def state(self) -> tuple[int, int]:
        """Differs after every commit, of this process or another. Taken before a read, it tells what came after it."""
        return self.counters.operations, self.data_version()

    async def changed(self, timeout: float, *, poll: float = 0.05, since: tuple[int, int] | None = None) -> bool:
        """Wait until this or another process wrote, at most ``timeout`` seconds. True if something changed.

        Writers of this process wake the waiter at once; those of other processes are seen through SQLite's
        ``data_version``, looked at every ``poll`` seconds (a read of shared memory). With ``since`` (a :meth:`state`) what
        came after that counts as well.
        """
        entry = (asyncio.get_running_loop(), asyncio.Event())
        self._waiters.events.add(entry)
        try:
            if since is not None and self.state() != since:
                return True  # between the caller's look and now; nobody was there to be woken
            before = None if since is None else since[1]
            return await self._watch(entry[1], timeout, None if self.volatile else poll, before)
        finally:
            self._waiters.events.discard(entry)

    async def _watch(self, event: asyncio.Event, timeout: float, poll: float | None, before: int | None) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        before = self.data_version() if before is None else before
        while (left := until - loop.time()) > 0:
            try:
                await asyncio.wait_for(event.wait(), left if poll is None else min(left, poll))
            except TimeoutError:
                if poll is not None and self.data_version() != before:
                    return True
            else:
                return True
        return False

    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        reader = self._reader
        if reader is None:
            raise LedgerError(f"the file {self.path} is not open")
        with self._reading:
            return int(reader.execute("PRAGMA data_version").fetchone()[0])

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            timeout=BUSY_TIMEOUT_MS / 1000,
        )
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    def _failed(self, error: sqlite3.Error) -> LedgerError:
        """Locked for too long, disk full, read-only, damaged: whatever it is, nothing was written."""
        failed = LedgerError(f"the file {self.path} does not answer: {error}")
        failed.__cause__ = error
        return failed


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn a new file to WAL. SQLite's busy time-out does not cover this one step (https://sqlite.org/wal.html, "Sometimes
    queries return SQLITE_BUSY in WAL mode"), so processes that make one ledger at once must ask again here.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not busy(error) or time.monotonic() >= until:
                raise
            time.sleep(0.005)
        else:
            return
