"""The notes of the SQLite file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from purista.ledgers.base import WorkerSeen
from purista.ledgers.notes import DeadLetter, Heard, Letter, RecentCall
from purista.sqlite import mailbox
from purista.sqlite.file import SqliteFile

__all__ = ["SqliteNotes"]


class SqliteNotes:
    """:class:`~purista.ledgers.notes.Notes` of one open file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._file.read(lambda c: c.execute(statement, values).fetchall())

    async def keys(self) -> list[str]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        statement = (
            "SELECT k.key FROM keys AS k JOIN lineages AS l ON l.lineage = k.lineage ORDER BY k.key <> l.key, k.key"
        )
        return [row[0] for row in self._rows(statement)]

    async def recent_calls(self, lineage: str) -> list[RecentCall]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = self._rows(
            "SELECT at, answer, detail FROM recent_calls WHERE key IN (SELECT key FROM keys WHERE lineage = ?)"
            " ORDER BY id DESC",
            lineage,
        )
        return [RecentCall(*row) for row in rows]

    async def counted(self, lineage: str, day: str) -> dict[str, int]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        return dict(
            self._rows(
                "SELECT answer, sum(count) FROM calls WHERE day = ? AND key IN (SELECT key FROM keys WHERE lineage = ?)"
                " GROUP BY answer ORDER BY answer",
                day,
                lineage,
            )
        )

    async def last_decision(self, lineage: str | None = None) -> Heard | None:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = self._rows(
            "SELECT decided_at, source FROM occurrences WHERE ?1 IS NULL OR lineage = ?1"
            " ORDER BY decided_at DESC LIMIT 1",
            lineage,
        )
        return Heard(*rows[0]) if rows else None

    async def last_counted(self) -> int | None:
        """See :class:`~purista.ledgers.notes.Notes`."""
        at: int | None = self._rows("SELECT max(at) FROM recent_calls")[0][0]
        return at

    async def workers(self, addresses: Sequence[str]) -> dict[str, list[WorkerSeen]]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        found: dict[str, list[WorkerSeen]] = {address: [] for address in addresses}
        for row in self._rows(
            "SELECT address, worker, seen_at FROM workers WHERE address IN (SELECT value FROM json_each(?))"
            " ORDER BY seen_at DESC",
            json.dumps(list(found)),
        ):
            found[row[0]].append(WorkerSeen(*row))
        return found

    async def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = self._rows(
            "SELECT id, state, attempts, max_attempts, visible_at, reason FROM mail"
            " WHERE id IN (SELECT value FROM json_each(?))",
            json.dumps(list(ids)),
        )
        return {row[0]: Letter(*row[1:]) for row in rows}

    async def dead(self, address: str | None, limit: int) -> list[DeadLetter]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        rows = self._rows(
            "SELECT id, address, done_at, attempts, coalesce(reason, ''), coalesce(body, '') FROM mail"
            " WHERE state = 'dead' AND (?1 IS NULL OR address = ?1) ORDER BY done_at DESC, id LIMIT ?2",
            address,
            limit,
        )
        return [DeadLetter(*row) for row in rows]

    async def requeue(self, ids: Sequence[str], now: int) -> list[str]:
        """See :class:`~purista.ledgers.notes.Notes`."""
        return sorted(await self._file.write(lambda c: mailbox.requeue(c, ids, now), long=len(ids) > 1_000))
