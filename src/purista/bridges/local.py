"""Deliveries in the shared SQLite file: between processes of one host, or inside one with ``":memory:"``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from purista.bridges.base import Delivered, Health, Subscription
from purista.clock import Clock, SystemClock
from purista.delivery import Closeable, Deliver
from purista.errors import LedgerError
from purista.mail.base import Letter
from purista.mail.consumer import MailRoom
from purista.messages import Message, derived_id, dump
from purista.sqlite import mailbox
from purista.sqlite.file import SqliteFile

__all__ = ["LocalBridge", "reply_address"]

MAX_ATTEMPTS = 10
REPLIES = "reply:"
FORGOTTEN_AFTER_MS = 86_400_000
"""An answer that nobody came for in a day: who asked is gone."""


def reply_address(instance: str) -> str:
    """Where answers for a calling process go."""
    return f"{REPLIES}{instance}"


class LocalBridge:
    """An :class:`~purista.bridges.base.EventBridge` over a :class:`~purista.sqlite.file.SqliteFile`.

    Volatile over ``":memory:"``: it forgets everything at the end and cannot serve an external scheduler. ``registered``:
    who wants what is written down by registrations alone, so that an old replica's consumers bring nothing back.
    """

    remembers = True

    def __init__(self, file: SqliteFile, *, clock: Clock | None = None, registered: bool = False) -> None:
        self.file = file
        self._registered = registered
        self.volatile = file.volatile
        self._clock = clock or SystemClock()
        self._room = MailRoom(mailbox.SqliteMailbox(file), self._clock)

    async def start(self) -> None:
        """Open the file."""
        self.file.open()

    async def stop(self, *, drain: bool = True) -> None:
        """Close every consumer, then the file."""
        await self._room.close(drain=drain)
        self.file.close()

    async def publish(self, messages: Sequence[Message]) -> list[Delivered]:
        """Post one letter per receiver, in one commit."""
        now = self._clock.now()

        def operation(connection: sqlite3.Connection) -> list[Delivered]:
            results = []
            for message in messages:
                addresses = _receivers(connection, message)
                body = dump(message)
                letters = [
                    Letter(derived_id(message["id"], message["messageType"], a), a, body, now, MAX_ATTEMPTS)
                    for a in addresses
                ]
                mailbox.post(connection, letters, now)
                results.append(Delivered(len(letters)))
            return results

        return await self.file.write(operation)

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """Make them known, unless a registration does it, together with the contracts."""
        for subscription in subscriptions:
            await self._know(subscription)

    async def subscribe(self, subscription: Subscription, deliver: Deliver) -> Closeable:
        """Make the subscription known and start to deliver."""
        await self._know(subscription)
        if subscription.address.startswith(REPLIES):
            before = self._clock.now() - FORGOTTEN_AFTER_MS
            await self.file.write(lambda c: mailbox.forget(c, REPLIES, before), durable=False)
        return self._room.consume(subscription.address, deliver, subscription.limits)

    async def _know(self, subscription: Subscription) -> None:
        if subscription.event is not None and not self._registered:
            await self.file.write(lambda c: _remember(c, subscription, self._clock.now()))

    async def health(self) -> Health:
        """Whether the file answers."""
        try:
            self.file.data_version()
        except (sqlite3.Error, LedgerError) as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True, detail="volatile, in this process" if self.volatile else self.file.path)


def _receivers(connection: sqlite3.Connection, message: Message) -> list[str]:
    kind = message["messageType"]
    if kind == "command":
        receiver = message["receiver"]
        return [f"cmd:{receiver['serviceName']}/{receiver['serviceVersion']}/{receiver['serviceTarget']}"]
    if kind in ("commandSuccessResponse", "commandErrorResponse"):
        instance = message["receiver"].get("instanceId")
        return [reply_address(instance)] if instance else []
    rows = connection.execute(
        "SELECT address FROM subscriptions WHERE event = ? ORDER BY address", (message.get("eventName"),)
    )
    return [row[0] for row in rows]


def _remember(connection: sqlite3.Connection, subscription: Subscription, now: int) -> None:
    cursor = connection.execute(
        "INSERT INTO subscriptions (event, address, seen_at) VALUES (?, ?, ?) ON CONFLICT (event, address) DO NOTHING",
        (subscription.event, subscription.address, now),
    )
    if cursor.rowcount:
        connection.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'registry'")
