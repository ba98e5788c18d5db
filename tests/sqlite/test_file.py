"""One file, one writer: group commit, isolation of errors, migrations, whose file it is."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from purista.errors import LedgerError, LedgerMismatch
from purista.sqlite import writer
from purista.sqlite.file import SqliteFile
from purista.sqlite.migrate import SCHEMA_VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "purista.db"


def insert(name: str):
    return lambda c: c.execute("INSERT INTO meta (name, value) VALUES (?, 'x')", (name,)).rowcount


async def test_concurrent_writes_share_commits(path: Path) -> None:
    file = SqliteFile(path)
    file.open()
    results = await asyncio.gather(*(file.write(insert(f"n{number}")) for number in range(500)))
    assert results == [1] * 500
    assert file.counters.operations == 500
    assert file.counters.commits < 50
    file.close()


async def test_an_error_reaches_only_its_own_caller(path: Path) -> None:
    file = SqliteFile(path)
    file.open()
    await file.write(insert("taken"))
    names = ["a", "taken", "b", "c"]
    results = await asyncio.gather(*(file.write(insert(name)) for name in names), return_exceptions=True)
    assert [isinstance(result, LedgerError) for result in results] == [False, True, False, False]
    found = file.read(lambda c: {row[0] for row in c.execute("SELECT name FROM meta")})
    assert {"a", "b", "c", "taken"} <= found
    file.close()


async def test_a_cancelled_callers_write_stands(path: Path) -> None:
    file = SqliteFile(path)
    file.open()
    task = asyncio.ensure_future(file.write(insert("a")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await file.write(insert("b"))
    assert file.read(lambda c: c.execute("SELECT count(*) FROM meta WHERE name IN ('a', 'b')").fetchone()) == (2,)
    file.close()


async def test_a_change_by_another_connection_is_seen(path: Path) -> None:
    one, two = SqliteFile(path), SqliteFile(path)
    one.open()
    two.open()
    waiting = asyncio.ensure_future(one.changed(5.0, poll=0.005))
    await asyncio.sleep(0.01)
    await two.write(insert("a"))
    assert await asyncio.wait_for(waiting, 5)
    assert await one.changed(0.02, poll=0.005) is False
    one.close()
    two.close()


async def test_open_and_close_are_counted(path: Path) -> None:
    file = SqliteFile(path)
    file.open()
    file.open()
    file.close()
    await file.write(insert("a"))
    file.close()
    file.close()
    with pytest.raises(LedgerError, match="not open"):
        file.read(lambda c: c)
    with pytest.raises(LedgerError, match="not open"):
        await file.write(insert("b"))


def test_migrating_twice_changes_nothing(path: Path) -> None:
    def dump() -> list[str]:
        with sqlite3.connect(path) as connection:
            lines = list(connection.iterdump())
        connection.close()
        return lines

    for _ in range(2):
        file = SqliteFile(path)
        file.open()
        file.close()
        if "before" not in locals():
            before = dump()
    assert dump() == before


@pytest.mark.parametrize("version", range(SCHEMA_VERSION + 1))
def test_every_earlier_version_is_brought_here(path: Path, version: int) -> None:
    """``schema/N.sql`` is a dump of a file as version N wrote it; 0 is an empty file."""
    dump = Path(__file__).parent / "schema" / f"{version}.sql"
    connection = sqlite3.connect(path)
    if version:
        connection.executescript(dump.read_text())
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    file = SqliteFile(path)
    file.open()
    assert file.read(lambda c: c.execute("PRAGMA user_version").fetchone()) == (SCHEMA_VERSION,)
    tables = file.read(lambda c: {row[0] for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'table'")})
    assert {"lineages", "contracts", "occurrences", "parts", "mail", "calls", "audit"} <= tables
    if version:
        assert file.read(lambda c: c.execute("SELECT count(*) FROM occurrences").fetchone()) == (1,)
    file.close()


def test_a_file_of_a_newer_purista_is_refused(path: Path) -> None:
    SqliteFile(path).open()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(LedgerMismatch, match="newer purista"):
        SqliteFile(path).open()


def test_the_ledger_of_another_environment_is_refused(path: Path) -> None:
    file = SqliteFile(path, environment="prod")
    file.open()
    file.close()
    with pytest.raises(LedgerMismatch, match="PURISTA_ENVIRONMENT=prod"):
        SqliteFile(path, environment="staging").open()
    file = SqliteFile(path, environment=None)
    file.open()
    file.close()


@pytest.mark.parametrize("create", [True, False])
def test_somebody_elses_file_is_left_as_it_was(path: Path, create: bool) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerMismatch, match="another SQLite file"):
        SqliteFile(path, create=create).open()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_what_is_no_database_says_so(path: Path) -> None:
    path.write_text("this is a text, and a rather long one, so that it is longer than a header of SQLite would be" * 20)
    with pytest.raises(LedgerError, match="expected a SQLite file"):
        SqliteFile(path).open()


def test_nothing_is_made_where_nothing_shall_be(path: Path) -> None:
    with pytest.raises(LedgerError, match="found none"):
        SqliteFile(path, create=False).open()
    assert not path.exists()


def _open(path: str, gate: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    file = SqliteFile(path)
    file.open()
    file.close()


def test_processes_that_start_at_once_make_one_ledger(path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    gate = context.Barrier(4)
    running = [context.Process(target=_open, args=(str(path), gate)) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join(30)
        assert process.exitcode == 0
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM meta WHERE name = 'ledger_id'").fetchone() == (1,)
    connection.close()


async def test_what_came_between_the_look_and_the_wait_is_not_missed(path: Path) -> None:
    """A lost wake-up: written after the caller looked, before it waits."""
    for place in (path, ":memory:"):
        file = SqliteFile(place)
        file.open()
        state = file.state()
        await file.write(insert("a"))
        assert await asyncio.wait_for(file.changed(60.0, since=state), 1.0)
        file.close()


async def test_a_file_that_stays_busy_is_waited_for_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of writes fails together: each of them must not wait for the same lock again, one after the other."""
    monkeypatch.setattr("purista.sqlite.writer.BUSY_TIMEOUT_MS", 200)
    file = SqliteFile(path)
    file.open()
    begins: list[float] = []
    real = writer._begin

    def begin(connection: sqlite3.Connection, patience: float) -> None:
        if patience:
            begins.append(patience)
        real(connection, patience)

    monkeypatch.setattr("purista.sqlite.writer._begin", begin)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writes = [file.write(lambda c: c.execute("UPDATE meta SET value = value")) for _ in range(8)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert {type(result) for result in results} == {LedgerError}
    assert len(begins) <= 2
    other.execute("ROLLBACK")
    other.close()
    file.close()


async def test_a_commit_between_comparing_and_waiting_is_not_missed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SqliteFile(path)
    file.open()
    other = sqlite3.connect(path, isolation_level=None)
    looks = 0
    real = file.data_version

    def data_version() -> int:
        nonlocal looks
        version, looks = real(), looks + 1
        if looks == 2:  # right after the comparison with ``since``
            other.execute("CREATE TABLE IF NOT EXISTS between_the_looks (a)")
        return version

    monkeypatch.setattr(file, "data_version", data_version)
    since = file.state()
    assert await file.changed(5, since=since, poll=0.01)
    other.close()
    file.close()
