"""Schema versions. Every migration is one numbered ``.sql`` file; running them twice changes nothing."""

from __future__ import annotations

import secrets
import sqlite3
import time
from importlib.resources import files

from purista.errors import LedgerMismatch
from purista.settings import Settings

__all__ = ["SCHEMA_VERSION", "migrate"]

SCHEMA_VERSION = 1


def migrate(connection: sqlite3.Connection, environment: str | None, *, create: bool = True) -> None:
    """Bring the file to this version and check whose it is. Safe for several processes at once.

    :raises LedgerMismatch: the file was written by a newer purista, or for another environment.
    """
    if _version(connection) < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _version(connection)
            if not found:
                _refuse_foreign(connection, create=create)
            for number in range(found + 1, SCHEMA_VERSION + 1):
                _apply(connection, number, environment or Settings.read().environment)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    _check(connection, environment)


def _refuse_foreign(connection: sqlite3.Connection, *, create: bool) -> None:
    """Somebody else's tables in the file, or no ledger where none shall be made."""
    if not create or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise LedgerMismatch("expected a purista ledger, got another SQLite file; it is left as it was")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, number: int, environment: str) -> None:
    text = (files("purista.sqlite") / "migrations" / f"{number:04d}.sql").read_text("utf-8")
    for statement in _statements(text):
        connection.execute(statement)
    if number == 1:
        # The identity is born here and nowhere else: marks in external schedulers carry it.
        values = {
            "ledger_id": secrets.token_hex(8),
            "environment": environment,
            "epoch": str(time.time_ns() // 1_000_000),
            "registry": "0",
        }
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", values.items())
    connection.execute(f"PRAGMA user_version = {number}")


def _statements(text: str) -> list[str]:
    found, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found


def _check(connection: sqlite3.Connection, environment: str | None) -> None:
    version = _version(connection)
    if version > SCHEMA_VERSION:
        raise LedgerMismatch(
            f"expected schema version {SCHEMA_VERSION} or older, got {version}: this file was written by a newer purista; "
            "upgrade this process"
        )
    found = connection.execute("SELECT value FROM meta WHERE name = 'environment'").fetchone()[0]
    if environment is not None and found != environment:
        raise LedgerMismatch(
            f"expected the ledger of environment {environment!r}, got the one of {found!r}: one ledger per environment; "
            f"set PURISTA_ENVIRONMENT={found} or point to another file"
        )
