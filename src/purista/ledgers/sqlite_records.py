"""Reading and forgetting records of the SQLite ledger."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from purista.clock import to_iso
from purista.ledgers.base import Page, Part, Query, Run
from purista.ledgers.rows import OCCURRENCE_COLUMNS, PART_COLUMNS, occurrence_from_row, part_from_row

__all__ = ["history", "parts_of", "purge", "purge_payloads"]


def history(connection: sqlite3.Connection, query: Query) -> Page:
    """Decided occurrences with the parts of their runs, newest first."""
    where: list[str] = ["1"]
    values: list[Any] = []
    if query.key is not None:
        where.append("lineage = (SELECT lineage FROM keys WHERE key = ?)")
        values.append(query.key)
    if query.occurrence_id is not None:
        where.append("occurrence_id = ?")
        values.append(query.occurrence_id)
    if query.start is not None:
        where.append("last_at >= ?")
        values.append(query.start)
    if query.end is not None:
        where.append("scheduled_at < ?")
        values.append(query.end)
    if query.idempotency_key is not None:
        where.append("idempotency_key = ?")
        values.append(query.idempotency_key)
    if query.occurrence_class is not None:
        where.append("class = ?")
        values.append(query.occurrence_class)
    if query.before is not None:
        where.append("(scheduled_at, occurrence_id) < (?, ?)")
        values.extend(query.before)
    rows = connection.execute(
        f"SELECT {OCCURRENCE_COLUMNS} FROM occurrences WHERE {' AND '.join(where)}"
        " ORDER BY scheduled_at DESC, occurrence_id DESC LIMIT ?",
        (*values, query.limit + 1),
    ).fetchall()
    more, rows = len(rows) > query.limit, rows[: query.limit]
    parts = parts_of(connection, [row[4] for row in rows])
    runs = tuple(Run.of(occurrence_from_row(row), parts.get(row[4], ())) for row in rows)
    return Page(runs, (rows[-1][1], rows[-1][4]) if more else None)


_HAS_MAIL = (
    "EXISTS (SELECT 1 FROM parts AS p JOIN mail AS m ON m.id = p.part"
    " WHERE p.run = o.occurrence_id AND m.state <> 'done')"
)
"""Somebody may requeue its dead letters: a job of a run that nobody knows is refused."""


def purge(connection: sqlite3.Connection, before: int, limit: int) -> int:
    """Forget ended records, at most ``limit`` of a kind; returns how many."""
    ids = connection.execute(
        "DELETE FROM occurrences WHERE (lineage, scheduled_at, class, request) IN"
        " (SELECT lineage, scheduled_at, class, request FROM occurrences AS o WHERE open = 0 AND decided_at < ?"
        f" AND NOT {_HAS_MAIL} LIMIT ?)"
        " RETURNING occurrence_id",
        (before, limit),
    ).fetchall()
    connection.executemany("DELETE FROM parts WHERE run = ?", ids)
    mail = connection.execute(
        "DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE state = 'done' AND done_at < ? LIMIT ?)",
        (before, limit),
    )
    return len(ids) + max(0, mail.rowcount) + _purge_notes(connection, before)


def _purge_notes(connection: sqlite3.Connection, before: int) -> int:
    """What was noted beside decisions: who worked, who called for nothing, who changed what. All of it is small."""
    day = to_iso(before)[:10]
    gone = 0
    for statement, value in (
        ("DELETE FROM workers WHERE seen_at < ?", before), ("DELETE FROM recent_calls WHERE at < ?", before),
        ("DELETE FROM calls WHERE day < ?", day), ("DELETE FROM audit WHERE at < ?", before),
    ):  # fmt: skip
        gone += max(0, connection.execute(statement, (value,)).rowcount)
    return gone


def purge_payloads(connection: sqlite3.Connection, before: int, limit: int) -> int:
    """Forget what ended records and worked messages carried, at most ``limit`` of a kind; that they were stays on record."""
    rows = connection.execute(
        "UPDATE occurrences SET payload = NULL WHERE rowid IN (SELECT rowid FROM occurrences"
        " WHERE open = 0 AND decided_at < ? AND payload IS NOT NULL LIMIT ?)",
        (before, limit),
    )
    mail = connection.execute(
        "UPDATE mail SET body = NULL WHERE rowid IN (SELECT rowid FROM mail"
        " WHERE state = 'done' AND done_at < ? AND body IS NOT NULL LIMIT ?)",
        (before, limit),
    )
    return max(0, rows.rowcount) + max(0, mail.rowcount)


def parts_of(connection: sqlite3.Connection, runs: list[str]) -> dict[str, list[Part]]:
    """The parts that were written down, by run."""
    parts: dict[str, list[Part]] = {}
    statement = f"SELECT {PART_COLUMNS} FROM parts WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, part"
    for row in connection.execute(statement, (json.dumps(runs),)):
        parts.setdefault(row[0], []).append(part_from_row(row))
    return parts
