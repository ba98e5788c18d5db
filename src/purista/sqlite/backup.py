"""Copies of a ledger, and coming back from one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from purista.errors import LedgerError, LedgerMismatch
from purista.sqlite.migrate import SCHEMA_VERSION

__all__ = ["backup", "restore"]

PAGES = 2_000


def backup(source: str | Path, target: str | Path, told: Callable[[int, int], None] | None = None) -> int:
    """Copy a ledger that may be in use; returns the copy's size in bytes. The copy appears whole or not at all.

    ``told`` gets pages copied and pages in all.

    :raises LedgerError: there is no ledger at ``source``, or ``target`` exists.
    """
    _needs_ledger(source)
    if Path(target).exists():
        raise LedgerError(f"expected a new file for the copy, got {target}, which exists; write another name")
    half = Path(f"{target}.part")
    half.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(half)) as copy:
            live.backup(copy, pages=PAGES, progress=lambda _, left, total: told(total - left, total) if told else None)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        _synced(half)
        half.replace(target)
    except sqlite3.Error as error:
        raise LedgerError(f"expected a ledger at {source}, got: {error}") from error
    finally:
        half.unlink(missing_ok=True)
    return Path(target).stat().st_size


def restore(copy: str | Path, target: str | Path, now: int) -> None:
    """Put a copy in the place of a ledger; the one that was there is kept beside it, with ``.before-<ms>`` at its end.

    ``now`` (ms) becomes the ledger's epoch: what was due before may have run in a life this copy knows nothing of, so it
    is not made up for unless a person says since when (``recover --since``, ``backfill``).

    Nothing may have the ledger open meanwhile.

    :raises LedgerMismatch: the copy is no ledger, or of a newer purista.
    """
    _needs_ledger(copy)
    half = Path(f"{target}.part")
    half.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(half, isolation_level=None)) as fresh:
            source.backup(fresh, pages=PAGES)
            _born_again(fresh, copy, now)
        _synced(half)
        for end in ("", "-wal", "-shm"):
            old = Path(f"{target}{end}")
            if old.exists():
                old.replace(f"{target}.before-{now}{end}")
        half.replace(target)
    except sqlite3.Error as error:
        raise LedgerError(f"expected a ledger at {copy}, got: {error}") from error
    finally:
        half.unlink(missing_ok=True)


def _born_again(connection: sqlite3.Connection, copy: str | Path, now: int) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'lineages'").fetchone()[0]
    if not found or not 0 < version <= SCHEMA_VERSION:
        raise LedgerMismatch(
            f"expected a copy of a ledger (schema {SCHEMA_VERSION} or older), got {copy}, schema {version}"
        )
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('restored', ?)", (now,))
    connection.execute("PRAGMA journal_mode=DELETE")


def _needs_ledger(path: str | Path) -> None:
    if not Path(path).is_file():
        raise LedgerError(f"expected a ledger at {path}, found none")


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
