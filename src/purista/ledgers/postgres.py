"""The ledger in PostgreSQL, for gateways and workers on many hosts.

A decision is two round trips: one reads everything it looks at, one compares and sets, with rows and parts, in a single
statement. Concurrent callers share both.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from purista.clock import Clock
from purista.errors import LedgerError
from purista.ledgers import postgres_sql as sql
from purista.ledgers.base import (
    Change,
    Contract,
    Counted,
    LedgerView,
    Lineage,
    Page,
    Part,
    Query,
    Registration,
    Run,
    RunRef,
    Slice,
)
from purista.ledgers.postgres_batch import Batcher
from purista.ledgers.postgres_history import history
from purista.ledgers.postgres_notes import PostgresNotes
from purista.ledgers.postgres_register import create, register, write_contracts
from purista.ledgers.rows import (
    CONTRACT_COLUMNS,
    contract_from_row,
    event_of,
    occurrence_to_row,
    part_from_row,
    part_to_row,
    pause_from_text,
    pause_to_text,
    runs_by_lineage,
)
from purista.postgres.database import SCHEMA_VERSION, Database, ServerClock

__all__ = ["PostgresLedger"]

log = logging.getLogger("purista.ledger")

RECENT_CALLS = 20
CONTRACTS_AT_MOST = 200_000
DEADLOCK_TRIES = 5


class PostgresLedger:
    """A :class:`~purista.ledgers.base.Ledger` over a :class:`~purista.postgres.database.Database`.

    A claim keeps what its message is made of, until a bridge has confirmed it. Durable means what the server means by it:
    ``synchronous_commit = off`` there loses decisions in a crash.

    ``clock`` None: the server's time, so that gateways on hosts whose clocks differ agree.
    """

    def __init__(self, database: Database, *, clock: Clock | None = None) -> None:
        self.database = database
        self._server = ServerClock()
        self.clock: Clock = clock or self._server
        self.ledger_id = ""
        self.environment = ""
        self.epoch = 0
        self.transactional = False
        self._contracts: dict[tuple[str, int], tuple[Contract, ...]] = {}
        self._subscribers: dict[str, tuple[str, ...]] = {}
        self._registry = ""
        self._batcher = Batcher(self._send, _poisoned)
        self._lazily = Batcher(partial(self._send, statement=sql.COMMIT_LAZILY), _poisoned)

    @property
    def notes(self) -> PostgresNotes:
        """See :class:`~purista.ledgers.base.Ledger`."""
        return PostgresNotes(self.database)

    async def restored(self, now: int) -> None:
        """Write down that the database was put back from a copy: what was due before ``now`` (ms) may have run in a life that
        this ledger knows nothing of, and is not made up for unless a person asks."""
        async with self.database.connection() as connection:
            await connection.execute(sql.RESTORED, str(now))
        self.epoch = now

    def existing(self) -> None:
        """From now on, open only what is there."""
        self.database.create = False

    @property
    def place(self) -> str:
        """Where it is, in words without secrets."""
        return f"PostgreSQL, schema {self.database.schema!r}"

    async def peek(self) -> tuple[dict[str, str], float]:
        """What it says about itself, and how many milliseconds a round trip takes. Need not be open; makes nothing."""
        meta, trip = await self.database.peek()
        return {**meta, "newest": str(SCHEMA_VERSION)}, trip

    async def __aenter__(self) -> PostgresLedger:
        await self.database.open()
        async with self.database.connection() as connection:
            meta = {row[0]: row[1] for row in await connection.fetch(sql.SETTINGS)}
        self.ledger_id, self.environment = meta["ledger_id"], meta["environment"]
        self.epoch = int(meta.get("restored", 0))
        await self.load([])  # learns the server's time
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.close()

    async def load(self, keys: Sequence[str], runs: Sequence[RunRef] = ()) -> list[LedgerView | None]:
        """See :meth:`purista.ledgers.base.Ledger.load`."""
        placed = [ref for ref in runs if ref.scheduled_at is not None]
        named = [ref.occurrence_id for ref in runs if ref.scheduled_at is None]
        async with self.database.connection() as connection:
            found = await connection.fetch(
                sql.LOAD, list(dict.fromkeys(keys)), [r.occurrence_id for r in placed], [r.scheduled_at for r in placed],
                named,
            )  # fmt: skip
            self._learn({name: value for kind, name, value in found if kind == "meta"})
            rows = {asked: json.loads(text) for kind, asked, text in found if kind == "lineage"}
            await self._read_contracts(connection, rows.values())
            lineages = {row[0]: self._lineage(row) for row in rows.values()}
            subscribed = await self._read_subscribers(connection, lineages.values())
        opened = _opened(found)
        views: dict[str, LedgerView] = {}
        for name, lineage in lineages.items():
            event = event_of(lineage)
            subscribers = () if event is None else subscribed[event]
            views[name] = LedgerView(lineage, tuple(opened.get(name, ())), subscribers, self.epoch)
        return [views[rows[key][0]] if key in rows else None for key in keys]

    async def commit(
        self, changes: Sequence[Change], counted: Sequence[Counted] = (), registration: Registration | None = None,
        *, durable: bool = True,
    ) -> list[bool]:  # fmt: skip
        """See :meth:`purista.ledgers.base.Ledger.commit`."""
        rare = registration is not None or any(c.create or c.contracts or c.keys or c.audit for c in changes)
        if not rare:
            return await (self._batcher if durable else self._lazily).commit(changes, counted)
        try:
            async with self.database.transaction() as connection:
                return await self._register(connection, changes, counted, registration)
        except _RegistrationStale:
            return [False] * len(changes)

    async def due(self, limit: int) -> list[str]:
        """See :meth:`purista.ledgers.base.Ledger.due`."""
        async with self.database.connection() as connection:
            return [row[0] for row in await connection.fetch(sql.DUE, self.clock.now(), limit)]

    async def history(self, query: Query) -> Page:
        """See :meth:`purista.ledgers.base.Ledger.history`."""
        async with self.database.connection() as connection:
            return await history(connection, query)

    async def registered(self) -> list[tuple[Slice, tuple[Lineage, ...]]]:
        """See :meth:`purista.ledgers.base.Ledger.registered`."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(sql.REGISTERED)
        slices = [
            Slice(
                service, version, environment, revision, meaning, tuple(json.loads(keys)), at, tuple(json.loads(before))
            )
            for service, version, environment, revision, meaning, keys, at, before in rows
        ]
        keys = list(dict.fromkeys(chain.from_iterable(slice_.keys for slice_ in slices)))
        views = dict(zip(keys, await self.load(keys), strict=True)) if keys else {}
        found = []
        for slice_ in slices:
            known = [view for key in slice_.keys if (view := views[key]) is not None]
            found.append((slice_, tuple(view.lineage for view in known)))
        return found

    async def purge(self, before: int, limit: int, *, payloads_only: bool = False) -> int:
        """See :meth:`purista.ledgers.base.Ledger.purge`. Rows that somebody holds are passed over: nobody waits for it."""
        async with self.database.transaction() as connection:
            return int(await connection.fetchval(sql.PURGE_PAYLOADS if payloads_only else sql.PURGE, before, limit))

    def _learn(self, meta: dict[str, str]) -> None:
        self._server.told(int(meta["now"]))
        self.epoch = int(meta.get("restored", 0))
        if meta["registry"] != self._registry:
            self._subscribers.clear()
            self._registry = meta["registry"]

    async def _read_contracts(self, connection: Any, rows: Iterable[Sequence[Any]]) -> None:
        """Those that are not known yet: contracts of one sequence number never change."""
        missing = [row for row in rows if (row[0], row[5]) not in self._contracts]
        if not missing:
            return
        if len(self._contracts) > CONTRACTS_AT_MOST:
            self._contracts.clear()
            missing = list(rows)
        found: dict[str, list[Contract]] = {row[0]: [] for row in missing}
        statement = f"SELECT {CONTRACT_COLUMNS} FROM contracts WHERE lineage = ANY($1::text[]) ORDER BY lineage, seq"
        for row in await connection.fetch(statement, list(found)):
            found[row[0]].append(contract_from_row(row))
        for row in missing:
            self._contracts[row[0], row[5]] = tuple(c for c in found[row[0]] if c.seq <= row[5])

    async def _read_subscribers(self, connection: Any, lineages: Iterable[Lineage]) -> Mapping[str, tuple[str, ...]]:
        """The addresses of the lineages' events. Who learns of a newer registry meanwhile takes nothing from this load."""
        events = {event for lineage in lineages if (event := event_of(lineage)) is not None}
        registry = self._registry
        known = {event: self._subscribers[event] for event in events if event in self._subscribers}
        missing = sorted(events - known.keys())
        if not missing:
            return known
        found: dict[str, list[str]] = {event: [] for event in missing}
        statement = "SELECT event, address FROM subscriptions WHERE event = ANY($1::text[]) ORDER BY event, address"
        for event, address in await connection.fetch(statement, missing):
            found[event].append(address)
        fresh = {event: tuple(addresses) for event, addresses in found.items()}
        if registry == self._registry:
            self._subscribers |= fresh
        return known | fresh

    def _lineage(self, row: Sequence[Any]) -> Lineage:
        lineage, key, version, fence, decided_until, seq, wake_at, pause = row
        contracts = self._contracts[lineage, seq]
        return Lineage(lineage, key, version, fence, decided_until, contracts, pause_from_text(pause), wake_at)

    async def _send(
        self, changes: Sequence[Change], counted: Sequence[Counted], *, statement: str = sql.COMMIT
    ) -> set[str]:
        """One statement for all changes; the lineages that won. Two gateways that lock crosswise are let go and ask again."""
        for _ in range(DEADLOCK_TRIES):
            try:
                async with self.database.connection() as connection:
                    won = await _commit(connection, changes, statement) if changes else set()
            except LedgerError as error:
                if getattr(error.__cause__, "sqlstate", None) != "40P01":
                    raise
            else:
                await self._counted(counted)
                return won
        raise LedgerError(f"the ledger is too busy: {DEADLOCK_TRIES} commits were let go because of deadlocks")

    async def _counted(self, counted: Sequence[Counted]) -> None:
        """Counts are no decisions: what was committed stands, also where they cannot be written."""
        try:
            if counted:
                async with self.database.connection() as connection:
                    await _count(connection, counted)
        except LedgerError as error:
            log.warning("%d calls were not counted: %s", len(counted), error, extra={"action": "count_failed"})

    async def _register(
        self, connection: Any, changes: Sequence[Change], counted: Sequence[Counted], registration: Registration | None
    ) -> list[bool]:
        now = self.clock.now()
        if registration is not None:
            await register(connection, registration)
        await create(connection, [change for change in changes if change.create])
        won = await _commit(connection, changes) if changes else set()
        if registration is not None and any(change.lineage not in won for change in changes):
            raise _RegistrationStale
        for change in changes:
            if change.lineage in won:
                await write_contracts(connection, change, now)
        await _count(connection, counted)
        return [change.lineage in won for change in changes]


class _RegistrationStale(Exception):
    """Rolls the whole registration back; answered as False, never seen outside."""


async def _commit(connection: Any, changes: Sequence[Change], statement: str = sql.COMMIT) -> set[str]:
    changes = sorted(changes, key=lambda change: change.lineage)  # everybody locks in the same order
    lineages = [
        (
            c.lineage, c.expected, c.fence, c.decided_until, c.wake_at, pause_to_text(c.pause), c.key,
            max((contract.seq for contract in c.contracts), default=0),
        )
        for c in changes
    ]  # fmt: skip
    rows = [occurrence_to_row(c.lineage, row) for c in changes for row in c.rows]
    parts = [part_to_row(c.lineage, part) for c in changes for part in c.parts if not part.untouched]
    columns = chain(
        _columns(lineages, 8), _columns(rows, len(sql.OCCURRENCE_TYPES)), _columns(parts, len(sql.PART_TYPES))
    )
    return {row[0] for row in await connection.fetch(statement, *columns)}


def _poisoned(error: Exception) -> bool:
    """Whether a value is to blame (SQLSTATE class 22), not the server."""
    return str(getattr(error.__cause__, "sqlstate", None)).startswith("22")


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


async def _count(connection: Any, counted: Sequence[Counted]) -> None:
    """Calls that decided nothing: not worth waiting for the disk."""
    if not counted:
        return
    keys, at, answers = [c.key for c in counted], [c.at for c in counted], [c.answer for c in counted]
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute(sql.COUNT, keys, at, answers)
        await connection.execute(sql.RECENT, keys, at, answers, [c.detail for c in counted], RECENT_CALLS)


def _opened(found: Sequence[Sequence[Any]]) -> dict[str, list[Run]]:
    """What ``LOAD`` found of runs and parts."""
    parts: dict[str, list[Part]] = {}
    for row in sorted(json.loads(text) for kind, _, text in found if kind == "part"):
        parts.setdefault(row[0], []).append(part_from_row(row))
    return runs_by_lineage((json.loads(text) for kind, _, text in found if kind == "run"), parts)
