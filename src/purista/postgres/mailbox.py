"""Leased messages in PostgreSQL: taken with ``SKIP LOCKED``, so that any number of workers share an address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from purista.errors import LedgerError
from purista.mail.base import Letter, Look, Settlement, Taken
from purista.postgres.database import Database

__all__ = ["PostgresMailbox"]

log = logging.getLogger("purista.postgres")
POLL_SECONDS = 1.0
"""So often it looks by itself: what becomes visible by time, and what was told while the listening connection was broken."""
_COLUMNS = "id, address, body, lease, attempts, max_attempts, created_at"
_POST = """
WITH fresh AS (
  INSERT INTO mail (id, address, body, state, visible_at, attempts, max_attempts, created_at)
  SELECT id, address, body, 'ready', visible_at, 0, max_attempts, $6
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS l(id, address, body, visible_at, max_attempts)
  ON CONFLICT (id) DO NOTHING RETURNING id, address
), told AS (SELECT pg_notify($7, address) FROM (SELECT DISTINCT address FROM fresh) AS a)
SELECT id FROM fresh CROSS JOIN (SELECT count(*) FROM told) AS all_told
"""
_TAKE = f"""
UPDATE mail SET lease = $3, visible_at = $4, attempts = attempts + 1 WHERE id IN (
  SELECT id FROM mail WHERE address = $1 AND state = 'ready' AND visible_at <= $5
  ORDER BY visible_at, created_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING {_COLUMNS}
"""
_REQUEUE = """
WITH back AS (
  UPDATE mail SET state = 'ready', attempts = 0, visible_at = $2, done_at = NULL
  WHERE state = 'dead' AND id = ANY($1::text[]) AND ($4::text IS NULL OR address = $4) RETURNING id, address
), told AS (SELECT pg_notify($3, address) FROM (SELECT DISTINCT address FROM back) AS a)
SELECT id FROM back CROSS JOIN (SELECT count(*) FROM told) AS all_told ORDER BY id
"""


class PostgresMailbox:
    """A :class:`~purista.mail.base.Mailbox` over a :class:`~purista.postgres.database.Database`.

    A NOTIFY wakes who waits; without the connection that listens it looks once a second.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channel = f"purista_mail_{database.schema}"
        self._told: dict[str, int] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._listener: Any = None
        self._connecting = asyncio.Lock()

    async def close(self) -> None:
        """Stop to listen."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError, TimeoutError):
                await listener.close(timeout=5)

    async def post(self, letters: Sequence[Letter], now: int) -> set[str]:
        """Put letters in, in one commit; the ids that were new."""
        columns = zip(*((m.id, m.address, m.body, m.visible_at, m.max_attempts) for m in letters), strict=True)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_POST, *map(list, columns), now, self._channel) if letters else ()
        return {row[0] for row in rows}

    async def look(self, address: str) -> Look:
        """See :class:`~purista.mail.base.Mailbox`. The state comes first: what is told meanwhile counts as a change."""
        await self._listen()
        state = address, self._told.get(address, 0)
        statement = "SELECT min(visible_at) FROM mail WHERE address = $1 AND state = 'ready'"
        async with self._database.connection() as connection:
            return Look(await connection.fetchval(statement, address), state)

    async def changed(self, timeout: float, since: Any) -> None:
        """See :class:`~purista.mail.base.Mailbox`."""
        address, count = since
        event = asyncio.Event()
        waiting = self._waiting.setdefault(address, set())
        waiting.add(event)
        try:
            if self._told.get(address, 0) == count:
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), min(timeout, POLL_SECONDS))
        finally:
            waiting.discard(event)

    async def take(self, address: str, limit: int, lease: str, now: int, visibility_ms: int) -> Sequence[Taken]:
        """See :class:`~purista.mail.base.Mailbox`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_TAKE, address, limit, lease, now + visibility_ms, now)
        return sorted((Taken(*row) for row in rows), key=lambda taken: (taken.created_at, taken.id))

    async def settle(self, settlement: Settlement, now: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._change(
            "UPDATE mail SET state = $3, lease = NULL, done_at = $4, reason = $5"
            " WHERE id = $1 AND lease = $2 AND state = 'ready'",
            settlement.id, settlement.lease, "done" if settlement.reason is None else "dead", now, settlement.reason,
        )  # fmt: skip

    async def release(self, taken: Taken, visible_at: int, reason: str | None, *, count: bool) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._change(
            "UPDATE mail SET lease = NULL, visible_at = $3, reason = $4, attempts = attempts - $5"
            " WHERE id = $1 AND lease = $2 AND state = 'ready'",
            taken.id, taken.lease, visible_at, reason, 0 if count else 1,
        )  # fmt: skip

    async def renew(self, taken: Taken, until: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        statement = "UPDATE mail SET visible_at = $3 WHERE id = $1 AND lease = $2 AND state = 'ready'"
        return await self._change(statement, taken.id, taken.lease, until)

    async def seen(self, address: str, worker: str, now: int) -> None:
        """See :class:`~purista.mail.base.Mailbox`."""
        await self._change(
            "INSERT INTO workers (address, worker, seen_at) VALUES ($1, $2, $3)"
            " ON CONFLICT (address, worker) DO UPDATE SET seen_at = excluded.seen_at",
            address, worker, now,
        )  # fmt: skip

    async def dead(self, address: str, limit: int) -> list[tuple[str, str, str, int]]:
        """``(id, body, reason, died_at)`` of dead letters, oldest first."""
        statement = (
            "SELECT id, body, reason, done_at FROM mail WHERE address = $1 AND state = 'dead'"
            " ORDER BY done_at, id LIMIT $2"
        )
        async with self._database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(statement, address, limit)]

    async def requeue(self, address: str | None, ids: Sequence[str], now: int) -> list[str]:
        """Bring dead letters back (of one address, where it is given) with fresh attempts; the ids that were dead."""
        async with self._database.connection() as connection:
            return [row[0] for row in await connection.fetch(_REQUEUE, list(ids), now, self._channel, address)]

    async def _change(self, statement: str, *values: Any) -> bool:
        async with self._database.connection() as connection:
            return str(await connection.execute(statement, *values)).endswith(" 1")

    async def _listen(self) -> None:
        if self._listener is not None:
            return
        async with self._connecting:
            if self._listener is not None:
                return
            try:
                self._listener = await self._database.listening(self._channel, self._heard, self._ended)
            except LedgerError as error:
                log.warning("cannot listen: %s; looking once a second", error, extra={"action": "listen_failed"})

    def _heard(self, address: str) -> None:
        self._told[address] = self._told.get(address, 0) + 1
        for event in self._waiting.get(address, ()):
            event.set()

    def _ended(self) -> None:
        self._listener = None
        for address in list(self._waiting):
            self._heard(address)
