"""Changes that wait at the same time go to the server together: one statement, one transaction, one fsync there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from purista.ledgers.base import Change, Counted

__all__ = ["Batcher"]

BATCH_LIMIT = 500


@dataclass(slots=True)
class _Waiting:
    changes: Sequence[Change]
    counted: Sequence[Counted]
    future: asyncio.Future[list[bool]]


class Batcher:
    """Gathers what comes while a batch is on its way, and sends it as the next one.

    Of several changes of one lineage only the first goes into a batch: the next one is decided by what that left.
    ``send`` gets changes of different lineages; it answers which of them won. ``poisoned`` tells of an error whether it lies
    in what was sent: then each goes alone, so that one does not fail the others.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Change], Sequence[Counted]], Awaitable[set[str]]],
        poisoned: Callable[[Exception], bool],
    ) -> None:
        self._send, self._poisoned = send, poisoned
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self.batches = 0

    async def commit(self, changes: Sequence[Change], counted: Sequence[Counted]) -> list[bool]:
        """Which of the changes won, once they are durable."""
        waiting = _Waiting(changes, counted, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return await waiting.future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._tried(self._next())
        finally:
            self._task = None
            left, self._waiting = self._waiting, []
            for waiting in left:  # only where this task was cancelled: its loop ends
                waiting.future.cancel()

    async def _tried(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._one(batch)
        except Exception as error:  # noqa: BLE001 - handed to the callers, never swallowed
            if len(batch) > 1 and self._poisoned(error):
                for waiting in batch:
                    await self._tried([waiting])
                return
            for waiting in batch:
                if not waiting.future.done():
                    waiting.future.set_exception(error)

    def _next(self) -> list[_Waiting]:
        """The next batch: in order, without two changes of one lineage from different callers."""
        taken: list[_Waiting] = []
        kept: list[_Waiting] = []
        lineages: set[str] = set()
        size = 0
        for waiting in self._waiting:
            mine = {change.lineage for change in waiting.changes}
            if size > BATCH_LIMIT or not lineages.isdisjoint(mine):
                kept.append(waiting)
                continue
            taken.append(waiting)
            lineages |= mine
            size += len(mine)
        self._waiting = kept
        return taken

    async def _one(self, batch: Sequence[_Waiting]) -> None:
        rounds = _rounds([change for waiting in batch for change in waiting.changes])
        counted = [count for waiting in batch for count in waiting.counted]
        won: set[int] = set()
        for changes in rounds or [[]]:
            self.batches += 1
            winners = await self._send(changes, counted)
            won |= {id(change) for change in changes if change.lineage in winners}
            counted = []
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_result([id(change) in won for change in waiting.changes])


def _rounds(changes: Sequence[Change]) -> list[list[Change]]:
    """Lists without two changes of one lineage; nearly always one list."""
    rounds: list[list[Change]] = []
    seen: list[set[str]] = []
    for change in changes:
        place = next((n for n, lineages in enumerate(seen) if change.lineage not in lineages), len(seen))
        if place == len(seen):
            rounds.append([])
            seen.append(set())
        rounds[place].append(change)
        seen[place].add(change.lineage)
    return rounds
