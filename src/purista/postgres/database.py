"""A PostgreSQL schema that ledger and queue share: opened once, counted, migrated under a lock."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from purista.errors import LedgerError, LedgerMismatch, MissingExtra
from purista.settings import Settings

__all__ = ["Database", "ServerClock"]

MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))
SCHEMA_VERSION = len(MIGRATIONS)
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,49}")  # with what is put before it, the name of a channel
_LOCK = 0x70757269  # advisory: one process migrates at a time
COMMAND_TIMEOUT = 30.0


class ServerClock:
    """The database's own time, for gateways on hosts whose clocks differ: this host's plus what the server was ahead of it
    when it last said so.
    """

    def __init__(self) -> None:
        self._ahead = 0

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000 + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)

    def told(self, server_ms: int) -> None:
        """The server's time, just read."""
        self._ahead = server_ms - time.time_ns() // 1_000_000


class Database:
    """A schema of a PostgreSQL database. ``url`` as for libpq (``postgresql://host/name``); it is never shown.

    ``environment=None`` takes whichever the schema belongs to; ``create=False`` opens only what is there. Every act has a
    time-out, so that a server that does not answer is an error and no silence.
    """

    def __init__(
        self, url: str, *, schema: str = "purista", environment: str | None = "default", connections: int = 4,
        create: bool = True,
    ) -> None:  # fmt: skip
        if not _NAME.fullmatch(schema):
            raise LedgerError(
                f"expected a schema name of at most 50 of a-z, 0-9 and _, got {schema!r:.80}; write schema='purista'"
            )
        self.schema = schema
        self.environment = environment
        self.create = create
        self._url, self._connections = url, connections
        self._pool: Any = None
        self._users = 0
        self._turn = asyncio.Lock()  # who comes while another opens waits until it is open

    def __repr__(self) -> str:
        return f"Database(schema={self.schema!r})"

    async def open(self) -> None:
        """Connect, migrate and check. Counted: each ``open`` wants its ``close``.

        :raises LedgerMismatch: the schema belongs to another environment or to a newer purista.
        :raises LedgerError: the server does not answer, or refuses.
        """
        async with self._turn:
            await self._open()

    async def _open(self) -> None:
        self._users += 1
        if self._users > 1:
            return
        try:
            self._pool = await self._connected()
            async with self.transaction() as connection:
                await self._migrate(connection)
        except BaseException:
            self._users = 0
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.terminate()
            raise

    async def peek(self) -> tuple[dict[str, str], float]:
        """What the schema says about itself (nothing where no ledger is in it), and how many milliseconds a round trip takes.
        Makes and changes nothing.

        :raises LedgerError: the server does not answer, or refuses.
        """
        pool = await self._connected()
        try:
            async with pool.acquire(timeout=COMMAND_TIMEOUT) as connection:
                trips = []
                for _ in range(5):
                    began = time.perf_counter()
                    there = await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL")
                    trips.append((time.perf_counter() - began) * 1000)
                rows = await connection.fetch("SELECT name, value FROM meta") if there else ()
        except _failures() as error:
            raise LedgerError(f"the database does not answer: {type(error).__name__}: {error}") from error
        finally:
            pool.terminate()
        return {str(name): str(value) for name, value in rows}, sorted(trips)[len(trips) // 2]

    async def close(self) -> None:
        """Disconnect. Does nothing while others still use it."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        if self._users == 0:
            return
        self._users -= 1
        if self._users:
            return
        pool, self._pool = self._pool, None
        await pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool; the server's errors become ours.

        :raises LedgerError: the server does not answer, or refuses.
        """
        if self._pool is None:
            raise LedgerError("the database is not open")

        try:
            async with self._pool.acquire(timeout=COMMAND_TIMEOUT) as connection:
                yield connection
        except _failures() as error:
            raise LedgerError(f"the database does not answer: {type(error).__name__}: {error}") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A transaction of its own; what leaves it by an exception is rolled back."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def listening(self, channel: str, heard: Callable[[str], None], ended: Callable[[], None]) -> Any:
        """A connection of its own that tells of every NOTIFY on ``channel``; ``ended`` when it broke. Close it.

        :raises LedgerError: the server does not answer, or refuses.
        """
        import asyncpg  # noqa: PLC0415 - it is there: the pool is

        try:
            connection = await asyncpg.connect(self._url, timeout=COMMAND_TIMEOUT, command_timeout=COMMAND_TIMEOUT)
            try:
                connection.add_termination_listener(lambda _: ended())
                await connection.add_listener(channel, lambda _c, _p, _channel, payload: heard(payload))
            except BaseException:
                connection.terminate()
                raise
        except _failures() as error:
            raise LedgerError(f"the database does not answer: {type(error).__name__}: {error}") from error
        return connection

    async def _connected(self) -> Any:
        try:
            import asyncpg  # noqa: PLC0415 - only who opens one needs it
        except ModuleNotFoundError as error:
            raise MissingExtra("a PostgreSQL ledger", "postgres") from error
        settings = {"search_path": self.schema, "application_name": "purista"}
        try:
            return await asyncpg.create_pool(
                self._url, min_size=1, max_size=self._connections, command_timeout=COMMAND_TIMEOUT,
                server_settings=settings, connection_class=_stateless(asyncpg.Connection),
            )  # fmt: skip
        except (ValueError, asyncpg.ClientConfigurationError, asyncpg.InvalidCatalogNameError) as error:
            # These quote the address, and with it what may be a password.
            raise LedgerError(
                f"expected an address like postgresql://user:password@host/database of a database that is there, got what "
                f"raises {type(error).__name__}; write / @ : and % in a password as %2F %40 %3A %25"
            ) from None
        except _failures() as error:
            raise LedgerError(f"expected a PostgreSQL database, got {type(error).__name__}: {error}") from error

    async def _migrate(self, connection: Any) -> None:
        """Bring the schema up to date. Processes that start at once wait for each other."""
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if self.create:
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')
        there = await connection.fetchval("SELECT to_regclass('meta') IS NOT NULL")
        if not there and not self.create:
            raise LedgerError(
                f"expected a ledger in schema {self.schema!r}, found none; start the service once (purista worker or serve), "
                "or correct PURISTA_LEDGER"
            )
        version = int(await connection.fetchval("SELECT value FROM meta WHERE name = 'schema'") or 0) if there else 0
        if version > SCHEMA_VERSION:
            raise LedgerMismatch(
                f"expected schema version {SCHEMA_VERSION} or older, got {version}: written by a newer purista; "
                "upgrade this process"
            )
        for number, path in enumerate(MIGRATIONS, 1):
            if number > version:
                await connection.execute(path.read_text("utf-8"))
        if not there:
            environment = self.environment or Settings.read().environment
            meta = {"ledger_id": secrets.token_hex(8), "environment": environment, "registry": "0"}
            await connection.executemany("INSERT INTO meta (name, value) VALUES ($1, $2)", list(meta.items()))
        if version < SCHEMA_VERSION:
            statement = "INSERT INTO meta VALUES ('schema', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            await connection.execute(statement, str(SCHEMA_VERSION))
        await self._check_environment(connection)

    async def _check_environment(self, connection: Any) -> None:
        found = await connection.fetchval("SELECT value FROM meta WHERE name = 'environment'")
        if self.environment is not None and found != self.environment:
            raise LedgerMismatch(
                f"expected the ledger of environment {self.environment!r}, got the one of {found!r}: one ledger per "
                f"environment; set PURISTA_ENVIRONMENT={found} or name another schema"
            )


@lru_cache(maxsize=1)
def _stateless(connection: Any) -> Any:
    """No statement of ours leaves anything behind in a session, so a connection needs no reset when it goes back to the pool:
    that would be one more trip for each."""

    class Stateless(connection):  # type: ignore[misc]
        __slots__ = ()

        def get_reset_query(self) -> str:
            return ""

    return Stateless


def _failures() -> tuple[type[BaseException], ...]:
    """What it means that the server is away or refuses. asyncpg's internal error is one of them: a connection that breaks
    in the middle of a commit or rollback."""
    import asyncpg  # noqa: PLC0415 - it is there: it was asked for

    return asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError
