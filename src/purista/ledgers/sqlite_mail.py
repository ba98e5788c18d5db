"""Messages in the ledger's own transaction: what a decision publishes is durable with it, or not there at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from purista.ledgers.base import Outgoing, Settled
from purista.mail.base import Letter, Settlement
from purista.sqlite import mailbox

__all__ = ["carry"]


def carry(connection: sqlite3.Connection, outgoing: Sequence[Outgoing], settled: Sequence[Settled], now: int) -> None:
    """Write deliveries and settle taken messages inside the ledger's own transaction: publishing means durable."""
    letters = [
        Letter(part, address, message.message, message.visible_at, message.max_attempts)
        for message in outgoing
        for part, address in message.roots
    ]
    if letters:
        posted = mailbox.post(connection, letters, now)
        known = [letter.id for letter in letters if letter.id not in posted]
        # A job that another run enqueued (same idempotency key) is no work of this run.
        connection.executemany(
            "UPDATE parts SET state = 'ended', outcome = 'finished', ended_at = ?, detail = 'a duplicate: enqueued before'"
            " WHERE part = ? AND state = 'pending' AND begins = 0 AND run IN (SELECT value FROM json_each(?))",
            [(now, id_, _runs(outgoing, id_)) for id_ in known],
        )
    if settled:
        mailbox.acknowledge(connection, [Settlement(s.id, s.lease, s.reason) for s in settled], now)


def _runs(outgoing: Sequence[Outgoing], part: str) -> str:
    runs = [message.occurrence_id for message in outgoing if any(root == part for root, _ in message.roots)]
    return "[" + ",".join(f'"{run}"' for run in runs) + "]"
