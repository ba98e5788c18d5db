"""Reads what the ledger's file remembers beside decisions: calls, workers and letters. Only here is SQL of the CLI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from purista.ledgers.base import WorkerSeen
from purista.ledgers.sqlite import SqliteLedger

__all__ = ["DeadLetter", "Heard", "Letter", "RecentCall", "Records"]


@dataclass(frozen=True, slots=True)
class RecentCall:
    """A call that decided nothing. ``at`` in ms."""

    at: int
    answer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Heard:
    """When a call last decided something (ms), and who called."""

    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery or job: how often it was tried, when it is seen again (ms), and why it was given back."""

    state: str
    attempts: int
    max_attempts: int
    visible_at: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside (ms), and why."""

    id: str
    address: str
    died_at: int
    attempts: int
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class Records:
    """The extra tables of one open ledger."""

    ledger: SqliteLedger

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.ledger.file.read(lambda c: c.execute(statement, values).fetchall())

    def keys(self) -> list[str]:
        """Every key that leads to a lineage, former ones included; current ones first."""
        return [
            row[0]
            for row in self._rows(
                "SELECT k.key FROM keys AS k JOIN lineages AS l ON l.lineage = k.lineage ORDER BY k.key <> l.key, k.key"
            )
        ]

    def recent_calls(self, lineage: str) -> list[RecentCall]:
        """The last calls that decided nothing, newest first, under any of the lineage's keys."""
        return [
            RecentCall(*row)
            for row in self._rows(
                "SELECT at, answer, detail FROM recent_calls WHERE key IN (SELECT key FROM keys WHERE lineage = ?)"
                " ORDER BY id DESC",
                lineage,
            )
        ]

    def counted(self, lineage: str, day: str) -> dict[str, int]:
        """How many calls of that day (UTC, ``2026-03-29``) decided nothing, by answer."""
        return dict(
            self._rows(
                "SELECT answer, sum(count) FROM calls WHERE day = ? AND key IN (SELECT key FROM keys WHERE lineage = ?)"
                " GROUP BY answer ORDER BY answer",
                day,
                lineage,
            )
        )

    def last_decision(self, lineage: str | None = None) -> Heard | None:
        """The newest decision of the lineage, or of all."""
        rows = self._rows(
            "SELECT decided_at, source FROM occurrences WHERE ?1 IS NULL OR lineage = ?1"
            " ORDER BY decided_at DESC LIMIT 1",
            lineage,
        )
        return Heard(*rows[0]) if rows else None

    def last_counted(self) -> int | None:
        """When any call of any schedule last decided nothing (ms)."""
        at: int | None = self._rows("SELECT max(at) FROM recent_calls")[0][0]
        return at

    def workers(self, addresses: Sequence[str]) -> dict[str, list[WorkerSeen]]:
        """Who asked for messages of the addresses, last seen first. An address nobody asked for has an empty list."""
        found: dict[str, list[WorkerSeen]] = {address: [] for address in addresses}
        for row in self._rows(
            "SELECT address, worker, seen_at FROM workers WHERE address IN (SELECT value FROM json_each(?))"
            " ORDER BY seen_at DESC",
            json.dumps(list(found)),
        ):
            found[row[0]].append(WorkerSeen(*row))
        return found

    def dead(self, address: str | None, limit: int) -> list[DeadLetter]:
        """Dead letters of an address, or of all, newest first."""
        return [
            DeadLetter(*row)
            for row in self._rows(
                "SELECT id, address, done_at, attempts, coalesce(reason, ''), coalesce(body, '') FROM mail"
                " WHERE state = 'dead' AND (?1 IS NULL OR address = ?1) ORDER BY done_at DESC, id LIMIT ?2",
                address,
                limit,
            )
        ]

    def letters(self, ids: Sequence[str]) -> dict[str, Letter]:
        """Deliveries and jobs by id, where they are kept in this file."""
        return {
            row[0]: Letter(*row[1:])
            for row in self._rows(
                "SELECT id, state, attempts, max_attempts, visible_at, reason FROM mail"
                " WHERE id IN (SELECT value FROM json_each(?))",
                json.dumps(list(ids)),
            )
        }
