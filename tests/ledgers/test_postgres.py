"""The PostgreSQL ledger keeps the laws, on a real server."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from purista.errors import LedgerError, LedgerMismatch
from purista.ledgers.base import Counted, Registration
from purista.ledgers.postgres import PostgresLedger
from purista.postgres.database import Database
from purista.testing import ManualClock
from purista.testing.suites import LedgerSuite
from purista.testing.suites.ledger import KEY, after, born, row
from tests.services import postgres


class TestPostgres(LedgerSuite):
    @pytest.fixture(autouse=True)
    def _place(self, schema: str) -> None:
        self.schema = schema

    async def make(self, clock: ManualClock) -> PostgresLedger:
        return await PostgresLedger(Database(postgres(), schema=self.schema), clock=clock).__aenter__()

    async def again(self, ledger: object, clock: ManualClock) -> PostgresLedger:
        return await self.make(clock)


async def test_processes_that_make_one_schema_at_once_agree(schema: str) -> None:
    ledgers = [PostgresLedger(Database(postgres(), schema=schema, connections=1)) for _ in range(6)]
    await asyncio.gather(*(ledger.__aenter__() for ledger in ledgers))
    assert len({ledger.ledger_id for ledger in ledgers}) == 1
    await asyncio.gather(*(ledger.__aexit__() for ledger in ledgers))


async def test_another_environment_is_refused(schema: str) -> None:
    async with PostgresLedger(Database(postgres(), schema=schema, environment="production")):
        with pytest.raises(LedgerMismatch, match="PURISTA_ENVIRONMENT=production"):
            await Database(postgres(), schema=schema, environment="staging").open()


async def test_a_newer_schema_is_refused(schema: str) -> None:
    database = Database(postgres(), schema=schema)
    await database.open()
    async with database.connection() as connection:
        await connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    await database.close()
    with pytest.raises(LedgerMismatch, match="99"):
        await Database(postgres(), schema=schema).open()


async def test_a_server_that_is_not_there_is_an_error_that_shows_no_password() -> None:
    database = Database("postgresql://purista:s3cret@127.0.0.1:1/none")
    with pytest.raises(LedgerError) as told:
        await database.open()
    assert "s3cret" not in str(told.value) + repr(database)


async def test_the_clock_is_the_servers(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PostgresLedger(Database(postgres(), schema=schema)) as ledger:
        before = ledger.clock.now()
        real = __import__("time").time_ns
        monkeypatch.setattr("purista.postgres.database.time.time_ns", lambda: real() + 90 * 10**9)
        await ledger.load([])
        assert abs(ledger.clock.now() - before) < 5_000, "this host's clock is 90 s ahead, and nobody notices"


async def test_counts_that_cannot_be_written_undo_no_decision(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed and is called lost would be decided, or worked, a second time."""

    async def deadlock(*_: object) -> None:
        raise LedgerError("deadlock detected")

    async with PostgresLedger(Database(postgres(), schema=schema), clock=ManualClock()) as ledger:
        assert await ledger.commit([born("a")]) == [True]
        (view,) = await ledger.load([KEY])
        assert view is not None
        monkeypatch.setattr("purista.ledgers.postgres._count", deadlock)
        change = after(view, rows=(row(0),), fence=1)
        assert await ledger.commit([change], [Counted(KEY, 0, "not_due")]) == [True]


async def test_a_load_that_is_overtaken_by_a_registration_is_answered_all_the_same(schema: str) -> None:
    """Another load learns of a newer registry, and forgets subscribers, while this one waits for its own."""
    async with PostgresLedger(Database(postgres(), schema=schema), clock=ManualClock()) as ledger:
        await ledger.commit([born("a")], (), Registration(None, (), {"hour.due": ["sub:x/1/y"]}))
        (first,) = await ledger.load([KEY])
        reading, waits = asyncio.Event(), asyncio.Event()
        real = ledger._read_subscribers

        async def slow(*arguments: object) -> object:
            subscribed = await real(*arguments)  # type: ignore[arg-type]
            reading.set()
            await waits.wait()
            return subscribed

        ledger._read_subscribers = slow  # type: ignore[method-assign, assignment]
        load = asyncio.create_task(ledger.load([KEY]))
        await reading.wait()
        ledger._subscribers.clear()
        waits.set()
        (second,) = await load
        assert first is not None
        assert second is not None
        assert first.subscribers == second.subscribers == ("sub:x/1/y",)


@pytest.mark.parametrize("url", ["postgresql://user:s3cr/et@127.0.0.1/postgres", "postgres:/user:s3cret@h/db"])
async def test_an_address_that_cannot_be_read_is_not_shown(url: str) -> None:
    """What cannot be read may hold the password anywhere."""
    with pytest.raises(LedgerError) as caught:
        await Database(url).open()
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cr" not in shown.replace(url, "")
    assert "s3cr" not in str(caught.value)


async def test_who_opens_while_another_opens_waits_until_it_is_open(schema: str) -> None:
    database = Database(postgres(), schema=schema)
    await asyncio.gather(*(database.open() for _ in range(5)))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    for _ in range(5):
        await database.close()


def test_a_schema_whose_channel_would_be_too_long_is_refused() -> None:
    with pytest.raises(LedgerError, match="at most 50"):
        Database("postgresql://h/d", schema="s" * 51)


async def test_a_connection_that_breaks_in_the_middle_of_a_commit_is_the_ledgers_error(schema: str) -> None:
    """asyncpg calls it internal ("cannot switch to state 15; another operation (2) is in progress")."""
    import asyncpg

    database = Database(postgres(), schema=schema)
    await database.open()
    with pytest.raises(LedgerError, match="does not answer"):
        async with database.connection():
            raise asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")
    await database.close()
