"""Registering in the SQLite ledger: slices and subscriptions, in the caller's transaction."""

from __future__ import annotations

import json
import sqlite3

from purista.ledgers.base import Registration

__all__ = ["register"]


def register(connection: sqlite3.Connection, registration: Registration) -> None:
    """The slice and its subscriptions, in the caller's transaction."""
    slice_ = registration.slice
    if slice_ is not None:
        connection.execute(
            "INSERT INTO slices (service, version, environment, revision, digest, keys, replaced, registered_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (service, version, environment) DO UPDATE SET"
            " revision = excluded.revision, digest = excluded.digest, keys = excluded.keys,"
            " replaced = excluded.replaced, registered_at = excluded.registered_at",
            (
                slice_.service, slice_.version, slice_.environment, slice_.revision, slice_.digest,
                json.dumps(slice_.keys), json.dumps(slice_.replaced), slice_.registered_at,
            ),
        )  # fmt: skip
    if _subscribe(connection, registration) or slice_ is not None:
        connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'registry'")


def _subscribe(connection: sqlite3.Connection, registration: Registration) -> bool:
    """Whether anything was new, or is gone."""
    before = connection.total_changes
    wanted = {(event, address) for event, addresses in registration.subscriptions.items() for address in addresses}
    for owned in registration.subscribers:
        known = connection.execute(
            "SELECT event, address FROM subscriptions WHERE address = ?1"
            " OR (substr(?1, -1) = '/' AND substr(address, 1, length(?1)) = ?1)",
            (owned,),
        ).fetchall()
        # What is no longer declared would collect messages that nobody reads.
        connection.executemany(
            "DELETE FROM subscriptions WHERE event = ? AND address = ?",
            [row for row in known if tuple(row) not in wanted],
        )
    connection.executemany(
        "INSERT INTO subscriptions (event, address, seen_at) VALUES (?, ?, ?) ON CONFLICT (event, address) DO NOTHING",
        [(event, address, registration.at) for event, address in sorted(wanted)],
    )
    return connection.total_changes > before
