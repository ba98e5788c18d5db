"""Where dead letters are: in the ledger's own store, or with the broker that carries messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

from purista.amqp.wire import dead_name, queue_name
from purista.cli.desk import Desk
from purista.cli.exits import CONFIG, USAGE, Stop
from purista.contract.schedule import TargetKind
from purista.distributed import resolved
from purista.errors import DeclarationError
from purista.jetstream.consumer import dead_subject
from purista.ledgers.base import Ledger
from purista.ledgers.notes import DeadLetter
from purista.queues.base import QueueBridge
from purista.settings import Settings

__all__ = ["Letters", "letters_of"]

QUEUE = "queue:"
LOOKED_THROUGH = 10_000
"""So many dead letters of one queue are looked through."""


class Letters(Protocol):
    """Dead letters, and bringing them back. ``remark`` says what cannot be seen here."""

    remark: str | None

    async def dead(self, address: str | None, limit: int) -> Sequence[DeadLetter]:
        """Of an address, or of all; newest first."""
        ...

    async def requeue(self, letters: Sequence[DeadLetter]) -> list[str]:
        """Bring them back with fresh attempts; the ids of those that were still dead."""
        ...


@asynccontextmanager
async def letters_of(desk: Desk) -> AsyncIterator[Letters]:
    """Those of a ledger, or of the broker of its app.

    :raises Stop: a broker has them, and no app says which.
    """
    if desk.ledger.transactional:
        yield _Kept(desk.ledger)
        return
    queues = await _targets(desk.ledger)
    if desk.bridge is not None:
        declared = {worker.name for service in desk.services for worker in service.queue_workers}
        await desk.bridge.queue.start()
        try:
            yield _Carried(desk.bridge.queue, sorted(declared | queues))
        finally:
            await desk.bridge.queue.stop(drain=False)
        return
    kept = _Kept(desk.ledger)
    if not await kept.dead(None, 1):  # a queue in the ledger's own database has some
        raise Stop(CONFIG, f"{_elsewhere(min(queues, default='billing.run'))}; name the app: --app MODULE:ATTR")
    yield kept


class _Kept:
    """In the ledger's own store."""

    remark: str | None = None

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def dead(self, address: str | None, limit: int) -> Sequence[DeadLetter]:
        return await self._ledger.notes.dead(address, limit)

    async def requeue(self, letters: Sequence[DeadLetter]) -> list[str]:
        return await self._ledger.notes.requeue([letter.id for letter in letters], self._ledger.clock.now())


class _Carried:
    """With a broker, of the queues that the app declares or its ledger sends to."""

    def __init__(self, queue: QueueBridge, names: Sequence[str]) -> None:
        self._queue, self._names = queue, names
        self.remark: str | None = (
            f"looked at: {', '.join(QUEUE + name for name in names) or 'no queue'}; dead letters of events and commands are "
            "only in the broker"
        )

    async def dead(self, address: str | None, limit: int) -> Sequence[DeadLetter]:
        found = [
            DeadLetter(job.id, QUEUE + name, job.died_at, 0, job.reason, job.body)
            for name in self._asked(address)
            for job in await self._queue.dead(name, LOOKED_THROUGH)
        ]
        return sorted(found, key=lambda letter: (-letter.died_at, letter.id))[:limit]

    async def requeue(self, letters: Sequence[DeadLetter]) -> list[str]:
        back: list[str] = []
        for address in sorted({letter.address for letter in letters}):
            ids = [letter.id for letter in letters if letter.address == address]
            back += await self._queue.requeue(address.removeprefix(QUEUE), ids)
        return back

    def _asked(self, address: str | None) -> Sequence[str]:
        if address is None:
            return self._names
        name = address.removeprefix(QUEUE)
        if name not in self._names:
            known = ", ".join(QUEUE + known for known in self._names) or "there is none"
            raise Stop(USAGE, f"expected a queue of the app ({known}), got {address!r}; {self.remark}")
        return [name]


async def _targets(ledger: Ledger) -> set[str]:
    """The queues that schedules are sent to."""
    live = (line.contracts[-1].schedule for _, lines in await ledger.registered() for line in lines)
    return {s.target.name for s in live if s is not None and s.target.kind is TargetKind.QUEUE}


def _elsewhere(queue: str) -> str:
    """Who has the dead letters, by ``PURISTA_BRIDGE``."""
    settings = Settings.read()
    try:
        scheme = urlsplit(resolved(settings.bridge or "")).scheme
    except (DeclarationError, ValueError):
        scheme = ""
    if scheme.startswith("amqp"):
        name = dead_name(queue_name(settings.prefix, QUEUE + queue))
        return f"messages are carried by RabbitMQ; its dead letters are in queues ending in .dead, such as {name}"
    stream = f"{settings.prefix}_dead"
    if scheme in ("nats", "tls"):
        subjects = dead_subject(settings.prefix, "")
        return f"messages are carried by NATS; its dead letters are in the stream {stream}, under subjects {subjects}…"
    return (
        "messages are carried by a broker, which has their dead letters: RabbitMQ in queues ending in .dead, NATS in the "
        f"stream {stream}"
    )
