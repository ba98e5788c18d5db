"""Leased messages in the shared file: taken, renewed, acknowledged, retried, dead-lettered, remembered when done.

Every function here is one step on a connection, so that a caller can put several in one transaction (a decision and
its deliveries, an acknowledgement and its end report).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from purista.mail.base import Letter, Look, Settlement, Taken
from purista.sqlite.file import SqliteFile

__all__ = [
    "SqliteMailbox",
    "acknowledge",
    "find_dead",
    "forget",
    "next_visible",
    "post",
    "release",
    "renew",
    "requeue",
    "take",
]


def post(connection: sqlite3.Connection, letters: Sequence[Letter], now: int) -> set[str]:
    """Put letters in; returns the ids that were new."""
    statement = (
        "INSERT INTO mail (id, address, body, state, visible_at, attempts, max_attempts, created_at)"
        " VALUES (?, ?, ?, 'ready', ?, 0, ?, ?) ON CONFLICT (id) DO NOTHING"
    )
    return {
        m.id
        for m in letters
        if connection.execute(statement, (m.id, m.address, m.body, m.visible_at, m.max_attempts, now)).rowcount
    }


def take(
    connection: sqlite3.Connection, address: str, limit: int, lease: str, now: int, visibility_ms: int
) -> list[Taken]:
    """Lease up to ``limit`` due messages, oldest first, and hide them for ``visibility_ms``."""
    rows = connection.execute(
        "UPDATE mail SET lease = ?, visible_at = ?, attempts = attempts + 1 WHERE id IN ("
        " SELECT id FROM mail WHERE address = ? AND state = 'ready' AND visible_at <= ?"
        " ORDER BY visible_at, created_at LIMIT ?)"
        " RETURNING id, address, body, lease, attempts, max_attempts, created_at",
        (lease, now + visibility_ms, address, now, limit),
    ).fetchall()
    return sorted((Taken(*row) for row in rows), key=lambda taken: (taken.created_at, taken.id))


def renew(connection: sqlite3.Connection, id: str, lease: str, until: int) -> bool:
    """Hide a taken message for longer. False: the lease is somebody else's by now."""
    cursor = connection.execute(
        "UPDATE mail SET visible_at = ? WHERE id = ? AND lease = ? AND state = 'ready'", (until, id, lease)
    )
    return cursor.rowcount == 1


def acknowledge(connection: sqlite3.Connection, settlements: Iterable[Settlement], now: int) -> int:
    """End taken messages: done, or dead where a reason is given. Returns how many were still ours."""
    count = 0
    for settlement in settlements:
        cursor = connection.execute(
            "UPDATE mail SET state = ?, lease = NULL, done_at = ?, reason = ? WHERE id = ? AND lease = ? AND state = 'ready'",
            ("done" if settlement.reason is None else "dead", now, settlement.reason, settlement.id, settlement.lease),
        )
        count += cursor.rowcount
    return count


def release(
    connection: sqlite3.Connection, id: str, lease: str, visible_at: int, reason: str | None, *, count_attempt: bool
) -> bool:
    """Give a taken message back, to be seen again at ``visible_at``. ``count_attempt=False`` undoes the attempt."""
    cursor = connection.execute(
        "UPDATE mail SET lease = NULL, visible_at = ?, reason = ?, attempts = attempts - ?"
        " WHERE id = ? AND lease = ? AND state = 'ready'",
        (visible_at, reason, 0 if count_attempt else 1, id, lease),
    )
    return cursor.rowcount == 1


def requeue(connection: sqlite3.Connection, ids: Sequence[str], now: int, address: str | None = None) -> set[str]:
    """Bring dead letters back (of one address, where it is given) with fresh attempts; returns the ids that were dead."""
    rows = connection.execute(
        "UPDATE mail SET state = 'ready', attempts = 0, visible_at = ?1, done_at = NULL"
        " WHERE state = 'dead' AND id IN (SELECT value FROM json_each(?2)) AND (?3 IS NULL OR address = ?3) RETURNING id",
        (now, json.dumps(list(ids)), address),
    )
    return {row[0] for row in rows}


def forget(connection: sqlite3.Connection, prefix: str, before: int) -> int:
    """Drop untaken messages of addresses that begin with ``prefix`` and were posted before ``before``; returns how many."""
    cursor = connection.execute(
        "DELETE FROM mail WHERE state = 'ready' AND lease IS NULL AND address >= ? AND address < ? AND created_at < ?",
        (prefix, prefix + "\U0010ffff", before),
    )
    return cursor.rowcount


def find_dead(connection: sqlite3.Connection, address: str, limit: int) -> list[tuple[str, str, str, int]]:
    """``(id, body, reason, died_at)`` of dead letters, oldest first."""
    return connection.execute(
        "SELECT id, body, reason, done_at FROM mail WHERE address = ? AND state = 'dead' ORDER BY done_at LIMIT ?",
        (address, limit),
    ).fetchall()


def next_visible(connection: sqlite3.Connection, address: str) -> int | None:
    """When the next message of this address can be taken; None when there is none."""
    row = connection.execute(
        "SELECT min(visible_at) FROM mail WHERE address = ? AND state = 'ready'", (address,)
    ).fetchone()
    return None if row[0] is None else int(row[0])


class SqliteMailbox:
    """The file as a :class:`~purista.mail.base.Mailbox`. Takings and renewals do not ask for the fsync: after a power cut a
    message comes once more.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def look(self, address: str) -> Look:
        """See :class:`~purista.mail.base.Mailbox`. The state comes first: what is written meanwhile counts as a change."""
        state = self._file.state()
        return Look(self._file.read(lambda c: next_visible(c, address)), state)

    async def changed(self, timeout: float, since: Any) -> None:
        """See :class:`~purista.mail.base.Mailbox`. Writes of this process wake at once, those of others within 50 ms."""
        await self._file.changed(timeout, since=since)

    async def take(self, address: str, limit: int, lease: str, now: int, visibility_ms: int) -> Sequence[Taken]:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._file.write(lambda c: take(c, address, limit, lease, now, visibility_ms), durable=False)

    async def settle(self, settlement: Settlement, now: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._file.write(lambda c: acknowledge(c, [settlement], now)) == 1

    async def release(self, taken: Taken, visible_at: int, reason: str | None, *, count: bool) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._file.write(
            lambda c: release(c, taken.id, taken.lease, visible_at, reason, count_attempt=count)
        )

    async def renew(self, taken: Taken, until: int) -> bool:
        """See :class:`~purista.mail.base.Mailbox`."""
        return await self._file.write(lambda c: renew(c, taken.id, taken.lease, until), durable=False)

    async def seen(self, address: str, worker: str, now: int) -> None:
        """See :class:`~purista.mail.base.Mailbox`."""
        await self._file.write(
            lambda c: c.execute(
                "INSERT INTO workers (address, worker, seen_at) VALUES (?, ?, ?)"
                " ON CONFLICT (address, worker) DO UPDATE SET seen_at = excluded.seen_at",
                (address, worker, now),
            ),
            durable=False,
        )
