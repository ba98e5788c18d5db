"""The one connection of a process that writes. Writes that wait at the same time share a transaction, and with it one
fsync."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["BUSY_TIMEOUT_MS", "Counters", "Operation", "Writer", "busy"]

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]
BUSY_TIMEOUT_MS = 30_000
BATCH_LIMIT = 1024
QUICK_S = 0.001
"""Commits that take less than this run in the event loop: the way to a thread and back costs about as much as they do."""


def busy(error: sqlite3.Error) -> bool:
    """Another connection holds the file's lock: nothing is wrong, ask again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


@dataclass(slots=True)
class Counters:
    """What the writer did: for benchmarks and health, never for decisions."""

    commits: int = 0
    operations: int = 0


@dataclass(slots=True)
class _Write:
    operation: Operation[Any]
    durable: bool
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Runs operations in ``BEGIN IMMEDIATE`` transactions and answers after the commit.

    While commits are quick, those of one turn of the event loop are gathered and written at its end, in the loop.
    When the disk is slow, another process holds the lock, or the work is long, a thread does the same, so that the loop
    is never held up for more than about ``QUICK_S``.

    :param connection: without a busy time-out of its own; ``turn`` guards it.
    :param committed: called after each commit, in whichever thread made it.
    :param in_memory: nothing to wait for and nothing to gather: each write is done where it is called, so that a virtual clock
        sees all in order.
    """

    def __init__(self, connection: sqlite3.Connection, committed: Callable[[], None], *, in_memory: bool) -> None:
        self.connection = connection
        self._in_memory = in_memory
        self.counters = Counters()
        self.turn = threading.RLock()
        self._committed = committed
        self._seconds = 0.0  # what a durable commit takes lately
        self._gathered: list[_Write] = []
        self._gathering = threading.Lock()
        self._inbox: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def write(self, operation: Operation[T], *, durable: bool, long: bool) -> T:
        """Run ``operation`` in the next commit; its result once that commit is on disk."""
        if self._in_memory:
            with self.turn:
                (answer,) = self._transaction([operation], durable=durable, patient=True)
            self._committed()
            await asyncio.sleep(0)  # whoever writes lets others have their turn, as where there is a disk to wait for
            done: T = answer
            return done
        loop = asyncio.get_running_loop()
        write = _Write(operation, durable, loop.create_future(), loop)
        if long or self._seconds > QUICK_S:
            self._hand_over([write])
        else:
            with self._gathering:
                self._gathered.append(write)
                first = len(self._gathered) == 1
            if first:
                loop.call_soon(self.flush)
        result: T = await write.future
        return result

    def flush(self) -> None:
        """Commit what this turn of the loop gathered, unless that means waiting."""
        with self._gathering:
            batch, self._gathered = self._gathered, []
        if not batch:
            return
        if not self.turn.acquire(blocking=False):
            self._hand_over(batch)
            return
        try:
            self._commit(batch, patient=False)
        finally:
            self.turn.release()

    def close(self) -> None:
        """Finish what was queued, then close the connection."""
        self.flush()
        if self._thread is not None:
            self._inbox.put(None)
            self._thread.join()
            self._thread = None
        self.connection.close()

    def _hand_over(self, batch: Sequence[_Write]) -> None:
        for write in batch:
            self._inbox.put(write)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="purista-sqlite-writer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        stop = False
        while not stop:
            batch: list[_Write] = []
            following = self._inbox.get()
            while following is not None and len(batch) < BATCH_LIMIT - 1:
                batch.append(following)
                try:
                    following = self._inbox.get_nowait()
                except queue.Empty:
                    break
            else:
                stop = following is None
                batch += [] if following is None else [following]
            if batch:
                with self.turn:
                    self._commit(batch, patient=True)

    def _commit(self, batch: Sequence[_Write], *, patient: bool) -> None:
        try:
            operations = [write.operation for write in batch]
            answers = self._transaction(operations, durable=any(w.durable for w in batch), patient=patient)
        except BaseException as error:  # noqa: BLE001 - handed to the caller, never swallowed
            if not patient and isinstance(error, sqlite3.OperationalError) and busy(error):
                self._hand_over(batch)
            elif len(batch) == 1 or (isinstance(error, sqlite3.OperationalError) and busy(error)):
                for write in batch:  # the file stays busy: to wait again for each of them would multiply the wait
                    _answer(write, error)
            else:
                for write in batch:
                    self._commit([write], patient=patient)
            return
        self._committed()
        _answer_all(batch, answers)

    def _transaction(self, operations: Sequence[Operation[Any]], *, durable: bool, patient: bool) -> list[Any]:
        connection = self.connection
        if not durable:
            connection.execute("PRAGMA synchronous=NORMAL")
        try:
            _begin(connection, BUSY_TIMEOUT_MS / 1000 if patient else 0)
            try:
                answers = [operation(connection) for operation in operations]
                ready = time.perf_counter()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        finally:
            if not durable:
                connection.execute("PRAGMA synchronous=FULL")
        if durable:
            self._seconds += (time.perf_counter() - ready - self._seconds) / 4
        self.counters.commits += durable
        self.counters.operations += len(operations)
        return answers


def _begin(connection: sqlite3.Connection, patience: float) -> None:
    until = time.monotonic() + patience
    pause = 0.0005
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not busy(error) or time.monotonic() >= until:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 0.01)
        else:
            return


def _answer(write: _Write, error: BaseException) -> None:
    if _in(write.loop):
        _fail(write.future, error)
    elif not write.loop.is_closed():
        write.loop.call_soon_threadsafe(_fail, write.future, error)


def _answer_all(batch: Sequence[_Write], answers: Sequence[Any]) -> None:
    """Wake each loop once, however many of its callers wait: waking costs a system call."""
    waiting: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for write, answer in zip(batch, answers, strict=True):
        waiting.setdefault(write.loop, []).append((write.future, answer))
    for loop, settled in waiting.items():
        if _in(loop):
            _settle(settled)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in settled:
        if not future.done():  # else the caller was cancelled; the write stands all the same
            future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _in(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # the writer's thread
        return False
