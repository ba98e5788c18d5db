"""The ledger in one SQLite file. With the local bridge in the same file a decision and its deliveries are one commit."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from purista.clock import Clock, SystemClock
from purista.errors import LedgerMismatch
from purista.ledgers.base import (
    Change,
    Contract,
    Counted,
    LedgerView,
    Lineage,
    Page,
    Query,
    Registration,
    Run,
    RunRef,
    Slice,
)
from purista.ledgers.rows import (
    CONTRACT_COLUMNS,
    OCCURRENCE_COLUMNS,
    PART_COLUMNS,
    contract_from_row,
    contract_to_row,
    event_of,
    occurrence_to_row,
    part_to_row,
    pause_from_text,
    pause_to_text,
    runs_by_lineage,
)
from purista.ledgers.sqlite_mail import carry
from purista.ledgers.sqlite_records import history, parts_of, purge, purge_payloads
from purista.ledgers.sqlite_register import register
from purista.sqlite.file import SqliteFile

if TYPE_CHECKING:
    from purista.ledgers.sqlite_notes import SqliteNotes

__all__ = ["SqliteLedger"]

RECENT_CALLS = 20
LONG_ABOVE = 500
BROKER = "broker"
"""So many changes in one commit are not made in the event loop."""

_UPSERT_OCCURRENCE = (
    f"INSERT INTO occurrences ({OCCURRENCE_COLUMNS}) VALUES ({', '.join('?' * 25)})"
    " ON CONFLICT (lineage, scheduled_at, class, request) DO UPDATE SET decision = excluded.decision,"
    " reason = excluded.reason, related = excluded.related, digest = excluded.digest, fence = excluded.fence,"
    " attempt = excluded.attempt, decided_at = excluded.decided_at, source = excluded.source,"
    " lease_until = excluded.lease_until, deadline = excluded.deadline, idempotency_key = excluded.idempotency_key,"
    " payload = excluded.payload, roots = excluded.roots, run = excluded.run, run_ended_at = excluded.run_ended_at,"
    " run_detail = excluded.run_detail, open = excluded.open"
)
_UPSERT_PART = (
    f"INSERT INTO parts ({PART_COLUMNS}) VALUES ({', '.join('?' * 13)})"
    " ON CONFLICT (run, part) DO UPDATE SET state = excluded.state, outcome = excluded.outcome, fence = excluded.fence,"
    " permit_until = excluded.permit_until, worker = excluded.worker, begun_at = excluded.begun_at,"
    " ended_at = excluded.ended_at, begins = excluded.begins, detail = excluded.detail"
)
_COMPARE_AND_SET = (
    "UPDATE lineages SET version = version + 1, fence = ?, decided_until = ?, wake_at = ?, pause = ?, key = ?,"
    " contract_seq = max(contract_seq, ?) WHERE lineage = ? AND version = ?"
)
_LINEAGES = (
    "SELECT l.lineage, l.key, l.version, l.fence, l.decided_until, l.contract_seq, l.wake_at, l.pause,"
    " EXISTS (SELECT 1 FROM occurrences AS o WHERE o.lineage = l.lineage AND o.open = 2), k.key"
    " FROM keys AS k JOIN lineages AS l ON l.lineage = k.lineage WHERE k.key"
)
_ONE, _ALL = f"{_LINEAGES} = ?", f"{_LINEAGES} IN (SELECT value FROM json_each(?))"


class SqliteLedger:
    """A :class:`~purista.ledgers.base.Ledger` over a :class:`~purista.sqlite.file.SqliteFile`.

    ``deliver``: bridge and queue live in the same file, so messages are delivered and settled inside the ledger's
    transaction. Without it another bridge carries them, a claim stands until it has confirmed, and the file remembers that.
    None: as the file says.
    """

    def __init__(self, file: SqliteFile, *, clock: Clock | None = None, deliver: bool | None = True) -> None:
        self.file = file
        self._deliver = deliver
        self.clock = clock or SystemClock()
        self.ledger_id = ""
        self.environment = ""
        self.epoch = 0
        self.transactional = deliver is not False
        self._contracts: dict[tuple[str, int], tuple[Contract, ...]] = {}
        self._subscribers: dict[str, tuple[str, ...]] = {}
        self._registry = ""

    @property
    def notes(self) -> SqliteNotes:
        """See :class:`~purista.ledgers.base.Ledger`."""
        from purista.ledgers.sqlite_notes import SqliteNotes  # noqa: PLC0415 - people only: no trigger pays for it

        return SqliteNotes(self.file)

    def existing(self) -> None:
        """From now on, open only what is there."""
        self.file.create = False

    async def __aenter__(self) -> SqliteLedger:
        self.file.open()
        try:
            await self._agree()
        except BaseException:
            self.file.close()
            raise
        self.ledger_id = self.file.read(lambda c: _meta(c, "ledger_id"))
        self.environment = self.file.read(lambda c: _meta(c, "environment"))
        self.epoch = int(self.file.read(lambda c: _meta(c, "restored", "0")))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.file.close()

    async def _agree(self) -> None:
        """A file whose messages a broker carries remembers that: whoever put them into the file would put them where no worker
        looks.
        """
        brokered = self.file.read(lambda c: _meta(c, "carrier")) == BROKER
        if self._deliver is None:
            self.transactional = not brokered
        elif self._deliver and brokered:
            raise LedgerMismatch(
                f"expected a ledger that carries its own messages, got {self.file.path}, whose messages a broker carries; use "
                "the app with that broker (PURISTA_BRIDGE, AmqpBridge, NatsBridge), or call its gateway"
            )
        elif not self._deliver and not brokered:
            statement = "INSERT INTO meta (name, value) VALUES ('carrier', ?) ON CONFLICT (name) DO NOTHING"
            await self.file.write(lambda c: c.execute(statement, (BROKER,)))

    async def load(self, keys: Sequence[str], runs: Sequence[RunRef] = ()) -> list[LedgerView | None]:
        """See :meth:`purista.ledgers.base.Ledger.load`."""
        return self.file.read(lambda c: self._load(c, keys, runs))

    async def commit(
        self, changes: Sequence[Change], counted: Sequence[Counted] = (), registration: Registration | None = None,
        *, durable: bool = True,
    ) -> list[bool]:  # fmt: skip
        """See :meth:`purista.ledgers.base.Ledger.commit`."""
        now = self.clock.now()
        durable = durable and (bool(changes) or registration is not None)

        def operation(connection: sqlite3.Connection) -> list[bool]:
            if registration is not None:
                register(connection, registration)
            committed = self._commit(connection, changes, now)
            if registration is not None and not all(committed):
                raise _RegistrationStale
            _count(connection, counted)
            return committed

        try:
            return await self.file.write(operation, durable=durable, long=len(changes) > LONG_ABOVE)
        except _RegistrationStale:
            return [False] * len(changes)

    async def due(self, limit: int) -> list[str]:
        """See :meth:`purista.ledgers.base.Ledger.due`."""
        now = self.clock.now()
        statement = "SELECT key FROM lineages WHERE wake_at <= ? ORDER BY wake_at LIMIT ?"
        return self.file.read(lambda c: [row[0] for row in c.execute(statement, (now, limit))])

    async def history(self, query: Query) -> Page:
        """See :meth:`purista.ledgers.base.Ledger.history`."""
        return self.file.read(lambda c: history(c, query))

    async def registered(self) -> list[tuple[Slice, tuple[Lineage, ...]]]:
        """See :meth:`purista.ledgers.base.Ledger.registered`."""
        return self.file.read(self._registered)

    async def purge(self, before: int, limit: int, *, payloads_only: bool = False) -> int:
        """See :meth:`purista.ledgers.base.Ledger.purge`."""
        forget = purge_payloads if payloads_only else purge
        return await self.file.write(lambda c: forget(c, before, limit), long=True)

    def _load(
        self, connection: sqlite3.Connection, keys: Sequence[str], runs: Sequence[RunRef]
    ) -> list[LedgerView | None]:
        statement, asked = (_ONE, keys[0]) if len(keys) == 1 else (_ALL, json.dumps(list(keys)))
        rows = {row[9]: row for row in connection.execute(statement, (asked,)).fetchall()}
        found = {row[0]: self._lineage(connection, row[:8]) for row in rows.values()}
        busy = [row[0] for row in rows.values() if row[8]]
        opened = _open_runs(connection, busy, list(found), runs) if busy or runs else {}
        if any(event_of(lineage) for lineage in found.values()):
            self._refresh(connection)
        views = {
            id_: LedgerView(
                lineage, tuple(opened.get(id_, ())), self._subscribed(connection, event_of(lineage)), self.epoch
            )
            for id_, lineage in found.items()
        }
        return [None if (row := rows.get(key)) is None else views[row[0]] for key in keys]

    def _lineage(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> Lineage:
        lineage, key, version, fence, decided_until, seq, wake_at, pause = row
        contracts = self._contracts.get((lineage, seq))
        if contracts is None:
            contracts = _read_contracts(connection, lineage)
            if len(self._contracts) > 200_000:  # a bound, not a policy: contracts of long-lived processes change
                self._contracts.clear()
            self._contracts[lineage, seq] = contracts
        return Lineage(lineage, key, version, fence, decided_until, contracts, pause_from_text(pause), wake_at)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        registry = _meta(connection, "registry")
        if registry != self._registry:
            self._subscribers.clear()
            self._registry = registry

    def _subscribed(self, connection: sqlite3.Connection, event: str | None) -> tuple[str, ...]:
        if event is None:
            return ()
        known = self._subscribers.get(event)
        if known is None:
            statement = "SELECT address FROM subscriptions WHERE event = ? ORDER BY address"
            known = self._subscribers[event] = tuple(row[0] for row in connection.execute(statement, (event,)))
        return known

    def _commit(self, connection: sqlite3.Connection, changes: Sequence[Change], now: int) -> list[bool]:
        if not changes:
            return []
        _create(connection, [c for c in changes if c.create])
        won = _compare_and_set(connection, changes)
        good = [c for c, has_won in zip(changes, won, strict=True) if has_won]
        rows = [occurrence_to_row(c.lineage, row) for c in good for row in c.rows]
        parts = [part_to_row(c.lineage, part) for c in good for part in c.parts if not part.untouched]
        if rows:
            connection.executemany(_UPSERT_OCCURRENCE, rows)
        if parts:
            connection.executemany(_UPSERT_PART, parts)
        self._send(connection, good, now)
        for change in good:
            if change.contracts or change.keys or change.audit:
                _write_contracts(connection, change, now)
        return won

    def _send(self, connection: sqlite3.Connection, changes: Sequence[Change], now: int) -> None:
        if not self.transactional:
            return
        outgoing = [message for c in changes for message in c.outbox]
        settled = [settlement for c in changes for settlement in c.settled]
        if outgoing or settled:
            carry(connection, outgoing, settled, now)

    def _registered(self, connection: sqlite3.Connection) -> list[tuple[Slice, tuple[Lineage, ...]]]:
        found = []
        statement = (
            "SELECT service, version, environment, revision, digest, keys, registered_at, replaced FROM slices"
            " ORDER BY service, version, environment"
        )
        for service, version, environment, revision, digest, keys, at, replaced in connection.execute(
            statement
        ).fetchall():
            names = tuple(json.loads(keys))
            slice_ = Slice(service, version, environment, revision, digest, names, at, tuple(json.loads(replaced)))
            views = self._load(connection, names, ())
            found.append((slice_, tuple(view.lineage for view in views if view is not None)))
        return found


class _RegistrationStale(Exception):
    """Rolls the whole registration back; answered as False, never seen outside."""


def _meta(connection: sqlite3.Connection, name: str, default: str = "") -> str:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def _read_contracts(connection: sqlite3.Connection, lineage: str) -> tuple[Contract, ...]:
    rows = connection.execute(f"SELECT {CONTRACT_COLUMNS} FROM contracts WHERE lineage = ? ORDER BY seq", (lineage,))
    return tuple(contract_from_row(row) for row in rows)


def _open_runs(
    connection: sqlite3.Connection, busy: list[str], lineages: list[str], runs: Sequence[RunRef]
) -> dict[str, list[Run]]:
    """Open runs of the ``busy`` lineages, and of all the runs that were asked for, by lineage."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {OCCURRENCE_COLUMNS} FROM occurrences WHERE open = 2 AND lineage IN (SELECT value FROM json_each(?))",
        (json.dumps(busy),),
    ).fetchall()
    known = {row[4] for row in rows}
    wanted = json.dumps(lineages)
    for ref in runs:
        if ref.occurrence_id not in known:
            rows += _named(connection, wanted, ref)
    if not rows:
        return {}
    parts = parts_of(connection, [row[4] for row in rows])
    return runs_by_lineage(rows, parts)


def _named(connection: sqlite3.Connection, lineages: str, ref: RunRef) -> list[tuple[Any, ...]]:
    if ref.scheduled_at is None:
        statement = f"SELECT {OCCURRENCE_COLUMNS} FROM occurrences WHERE occurrence_id = ? AND class <> 'scheduled'"
        return connection.execute(statement, (ref.occurrence_id,)).fetchall()
    statement = (
        f"SELECT {OCCURRENCE_COLUMNS} FROM occurrences WHERE lineage IN (SELECT value FROM json_each(?))"
        " AND scheduled_at = ? AND occurrence_id = ?"
    )
    return connection.execute(statement, (lineages, ref.scheduled_at, ref.occurrence_id)).fetchall()


def _compare_and_set(connection: sqlite3.Connection, changes: Sequence[Change]) -> list[bool]:
    """Nearly always nobody was faster, and one statement says so for all; else each is asked for itself."""
    rows = [
        (
            c.fence, c.decided_until, c.wake_at, pause_to_text(c.pause), c.key,
            max([contract.seq for contract in c.contracts], default=0), c.lineage, c.expected,
        )
        for c in changes
    ]  # fmt: skip
    if len(rows) > 1:
        connection.execute("SAVEPOINT compared")
        if connection.executemany(_COMPARE_AND_SET, rows).rowcount == len(rows):
            connection.execute("RELEASE compared")
            return [True] * len(rows)
        connection.execute("ROLLBACK TO compared")
        connection.execute("RELEASE compared")
    return [connection.execute(_COMPARE_AND_SET, row).rowcount == 1 for row in rows]


def _create(connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
    connection.executemany(
        "INSERT INTO lineages (lineage, key, version, fence, decided_until, contract_seq) VALUES (?, ?, 0, 0, ?, 0)"
        " ON CONFLICT (lineage) DO NOTHING",
        [(c.lineage, c.key, c.decided_until) for c in changes],
    )


def _write_contracts(connection: sqlite3.Connection, change: Change, now: int) -> None:
    connection.executemany(
        f"INSERT INTO contracts ({CONTRACT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [contract_to_row(change.lineage, contract) for contract in change.contracts],
    )
    connection.executemany(
        "INSERT INTO keys (key, lineage) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET lineage = excluded.lineage",
        [(key, change.lineage) for key in change.keys],
    )
    connection.executemany(
        "INSERT INTO audit (at, lineage, act, by, detail) VALUES (?, ?, ?, ?, ?)",
        [(now, change.lineage, act, by, detail) for act, by, detail in change.audit],
    )


def _count(connection: sqlite3.Connection, counted: Sequence[Counted]) -> None:
    if not counted:
        return
    connection.executemany(
        "INSERT INTO calls (key, day, answer, count) VALUES (?, date(? / 1000, 'unixepoch'), ?, 1)"
        " ON CONFLICT (key, day, answer) DO UPDATE SET count = count + 1",
        [(c.key, c.at, c.answer) for c in counted],
    )
    connection.executemany(
        "INSERT INTO recent_calls (key, at, answer, detail) VALUES (?, ?, ?, ?)",
        [(c.key, c.at, c.answer, c.detail) for c in counted],
    )
    connection.executemany(
        "DELETE FROM recent_calls WHERE key = ?1 AND id <= (SELECT id FROM recent_calls WHERE key = ?1"
        f" ORDER BY id DESC LIMIT 1 OFFSET {RECENT_CALLS})",
        [(key,) for key in {c.key for c in counted}],
    )
