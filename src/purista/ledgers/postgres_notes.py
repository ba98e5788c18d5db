"""The notes of the PostgreSQL schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from purista.ledgers.base import WorkerSeen
from purista.ledgers.notes import DeadLetter, Heard, Letter, RecentCall
from purista.postgres.database import Database
from purista.postgres.mailbox import PostgresMailbox

__all__ = ["PostgresNotes"]


class PostgresNotes:
    """:class:`~purista.ledgers.notes.Notes` of one open schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *values)]

    async def keys(self) -> list[str]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        statement = (
            "SELECT k.key FROM keys AS k JOIN lineages AS l ON l.lineage = k.lineage"
            ' ORDER BY k.key <> l.key, k.key COLLATE "C"'
        )
        return [row[0] for row in await self._rows(statement)]

    async def recent_calls(self, lineage: str) -> list[RecentCall]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = await self._rows(
            "SELECT at, answer, detail FROM recent_calls WHERE key IN (SELECT key FROM keys WHERE lineage = $1)"
            " ORDER BY id DESC",
            lineage,
        )
        return [RecentCall(*row) for row in rows]

    async def counted(self, lineage: str, day: str) -> dict[str, int]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = await self._rows(
            "SELECT answer, sum(count)::bigint FROM calls WHERE day = $1 AND key IN (SELECT key FROM keys WHERE lineage = $2)"
            " GROUP BY answer ORDER BY answer",
            day,
            lineage,
        )
        return {row[0]: row[1] for row in rows}

    async def last_decision(self, lineage: str | None = None) -> Heard | None:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = await self._rows(
            "SELECT decided_at, source FROM occurrences WHERE $1::text IS NULL OR lineage = $1"
            " ORDER BY decided_at DESC LIMIT 1",
            lineage,
        )
        return Heard(*rows[0]) if rows else None

    async def last_counted(self) -> int | None:
        """See :class:`~purista.ledgers.notes.Notes`."""
        at: int | None = (await self._rows("SELECT max(at) FROM recent_calls"))[0][0]
        return at

    async def workers(self, addresses: Sequence[str]) -> dict[str, list[WorkerSeen]]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        found: dict[str, list[WorkerSeen]] = {address: [] for address in addresses}
        statement = "SELECT address, worker, seen_at FROM workers WHERE address = ANY($1::text[]) ORDER BY seen_at DESC"
        for row in await self._rows(statement, list(found)):
            found[row[0]].append(WorkerSeen(*row))
        return found

    async def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = await self._rows(
            "SELECT id, state, attempts, max_attempts, visible_at, reason FROM mail WHERE id = ANY($1::text[])",
            list(ids),
        )
        return {row[0]: Letter(*row[1:]) for row in rows}

    async def dead(self, address: str | None, limit: int) -> list[DeadLetter]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = await self._rows(
            "SELECT id, address, done_at, attempts, coalesce(reason, ''), coalesce(body, '') FROM mail"
            " WHERE state = 'dead' AND ($1::text IS NULL OR address = $1) ORDER BY done_at DESC, id LIMIT $2",
            address,
            limit,
        )
        return [DeadLetter(*row) for row in rows]

    async def requeue(self, ids: Sequence[str], now: int) -> list[str]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        return await PostgresMailbox(self._database).requeue(None, ids, now)
