"""Registering in the PostgreSQL ledger: slices, contracts, keys and subscriptions, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from purista.ledgers.base import Change, Registration
from purista.ledgers.rows import CONTRACT_COLUMNS, contract_to_row

__all__ = ["create", "register", "write_contracts"]


async def create(connection: Any, changes: Sequence[Change]) -> None:
    """Bring lineages into being; who came first has made them."""
    if changes:
        await connection.executemany(
            "INSERT INTO lineages (lineage, key, version, fence, decided_until, contract_seq) VALUES ($1, $2, 0, 0, $3, 0)"
            " ON CONFLICT (lineage) DO NOTHING",
            sorted((c.lineage, c.key, c.decided_until) for c in changes),
        )


async def write_contracts(connection: Any, change: Change, now: int) -> None:
    """Contracts, keys and audit of one change that won."""
    await connection.executemany(
        f"INSERT INTO contracts ({CONTRACT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [contract_to_row(change.lineage, contract) for contract in change.contracts],
    )
    await connection.executemany(
        "INSERT INTO keys (key, lineage) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET lineage = excluded.lineage",
        [(key, change.lineage) for key in change.keys],
    )
    await connection.executemany(
        "INSERT INTO audit (at, lineage, act, by, detail) VALUES ($1, $2, $3, $4, $5)",
        [(now, change.lineage, act, by, detail) for act, by, detail in change.audit],
    )


async def register(connection: Any, registration: Registration) -> None:
    """The slice and its subscriptions. Registrations of one environment follow each other: they read one registry."""
    await connection.execute(
        "UPDATE meta SET value = (value::bigint + 1)::text WHERE name = 'registry'"
    )  # and with it the lock
    slice_ = registration.slice
    if slice_ is not None:
        await connection.execute(
            "INSERT INTO slices (service, version, environment, revision, digest, keys, replaced, registered_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (service, version, environment) DO UPDATE SET"
            " revision = excluded.revision, digest = excluded.digest, keys = excluded.keys, replaced = excluded.replaced,"
            " registered_at = excluded.registered_at",
            slice_.service, slice_.version, slice_.environment, slice_.revision, slice_.digest,
            json.dumps(slice_.keys), json.dumps(slice_.replaced), slice_.registered_at,
        )  # fmt: skip
    await _subscribe(connection, registration)


async def _subscribe(connection: Any, registration: Registration) -> None:
    wanted = sorted({(event, at) for event, found in registration.subscriptions.items() for at in found})
    for owned in registration.subscribers:
        await connection.execute(
            "DELETE FROM subscriptions WHERE (address = $1 OR ($1 LIKE '%/' AND starts_with(address, $1)))"
            " AND (event, address) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))",
            owned, [event for event, _ in wanted], [address for _, address in wanted],
        )  # fmt: skip
    await connection.executemany(
        "INSERT INTO subscriptions (event, address, seen_at) VALUES ($1, $2, $3)"
        " ON CONFLICT (event, address) DO NOTHING",
        [(event, address, registration.at) for event, address in wanted],
    )
