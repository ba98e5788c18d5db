"""Reading records of the PostgreSQL ledger."""

from __future__ import annotations

from typing import Any

from purista.ledgers.base import Page, Part, Query, Run
from purista.ledgers.rows import OCCURRENCE_COLUMNS, PART_COLUMNS, occurrence_from_row, part_from_row

__all__ = ["history"]


async def history(connection: Any, query: Query) -> Page:
    """Decided occurrences with the parts of their runs, newest first."""
    where: list[str] = ["true"]
    values: list[Any] = []

    def only(condition: str, *wanted: Any) -> None:
        places = [f"${len(values) + number}" for number in range(1, len(wanted) + 1)]
        where.append(condition.format(*places))
        values.extend(wanted)

    if query.key is not None:
        only("lineage = (SELECT lineage FROM keys WHERE key = {})", query.key)
    if query.occurrence_id is not None:
        only("occurrence_id = {}", query.occurrence_id)
    if query.start is not None:
        only("last_at >= {}", query.start)
    if query.end is not None:
        only("scheduled_at < {}", query.end)
    if query.idempotency_key is not None:
        only("idempotency_key = {}", query.idempotency_key)
    if query.occurrence_class is not None:
        only("class = {}", str(query.occurrence_class))
    if query.before is not None:
        only('(scheduled_at, occurrence_id COLLATE "C") < ({}, {})', *query.before)
    rows = await connection.fetch(
        f"SELECT {OCCURRENCE_COLUMNS} FROM occurrences WHERE {' AND '.join(where)}"
        f' ORDER BY scheduled_at DESC, occurrence_id COLLATE "C" DESC LIMIT ${len(values) + 1}',
        *values, query.limit + 1,
    )  # fmt: skip
    more, rows = len(rows) > query.limit, rows[: query.limit]
    parts = await _parts(connection, [row[4] for row in rows])
    runs = tuple(Run.of(occurrence_from_row(tuple(row)), parts.get(row[4], ())) for row in rows)
    return Page(runs, (rows[-1][1], rows[-1][4]) if more else None)


async def _parts(connection: Any, runs: list[str]) -> dict[str, list[Part]]:
    parts: dict[str, list[Part]] = {}
    statement = f"SELECT {PART_COLUMNS} FROM parts WHERE run = ANY($1::text[]) ORDER BY run, part"
    for row in await connection.fetch(statement, runs):
        parts.setdefault(row[0], []).append(part_from_row(tuple(row)))
    return parts
