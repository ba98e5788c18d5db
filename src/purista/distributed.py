"""Event bridges for many processes on many hosts: a broker carries the messages, a ledger of its own keeps the decisions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from purista.assembly import Assembly, Parts
from purista.clock import Clock, SystemClock
from purista.delivery import Limits
from purista.errors import DeclarationError
from purista.ledgers.base import Ledger
from purista.messages import new_id
from purista.outpost import Outpost
from purista.queues.base import QueueBridge
from purista.registration.registrar import Scheduler
from purista.settings import Settings

if TYPE_CHECKING:
    from purista.amqp.link import Link

__all__ = ["AmqpBridge", "AmqpOutpost", "NatsBridge", "NatsOutpost", "bridge_at", "ledger_at", "permit_key", "resolved"]


class AmqpBridge(Assembly):
    """Events, commands and jobs over RabbitMQ, with PURISTA's exchange, queues, headers and bodies.

    ::

        event_bridge = AmqpBridge("amqp://user@host/vhost", ledger="postgresql://host/purista", scheduler=CronScheduler())

    ``ledger`` is a ledger, a ``postgresql://`` address, or the path of a SQLite file when all gateways and workers share
    one host. ``queue`` None: jobs are in RabbitMQ, too. ``prefix`` begins the names of all queues, ``exchange`` is the headers
    exchange; PURISTA in TypeScript calls both ``purista`` (``PURISTA_PREFIX`` for both).
    """

    def __init__(
        self,
        url: str,
        *,
        ledger: Ledger | str | Path,
        queue: QueueBridge | None = None,
        scheduler: Scheduler | None = None,
        environment: str | None = None,
        prefix: str | None = None,
        exchange: str | None = None,
        clock: Clock | None = None,
        revision: int | None = None,
        registration: str | None = None,
        limits: Limits | None = None,
        permit_ms: int | None = None,
        instance: str | None = None,
    ) -> None:
        from purista.bridges.amqp import AmqpExchange  # noqa: PLC0415 - who uses another broker needs none of it
        from purista.queues.amqp import AmqpQueue  # noqa: PLC0415

        environment, link = environment or Settings.read().environment, _amqp(url, prefix, exchange)
        kept, clock = _kept(ledger, environment, clock)
        parts = Parts(AmqpExchange(link, clock=clock), queue or AmqpQueue(link, clock=clock), kept)
        super().__init__(
            parts, clock=clock, environment=environment, scheduler=scheduler, revision=revision, registration=registration,
            limits=limits, permit_ms=permit_ms, instance=instance,
        )  # fmt: skip


class NatsBridge(Assembly):
    """Events, commands and jobs over NATS JetStream, with PURISTA's subjects, streams, headers and bodies.

    ``ledger`` and ``queue`` as for :class:`AmqpBridge`; ``prefix`` begins all subjects, PURISTA in TypeScript calls it
    ``purista``.
    """

    def __init__(
        self,
        url: str,
        *,
        ledger: Ledger | str | Path,
        queue: QueueBridge | None = None,
        scheduler: Scheduler | None = None,
        environment: str | None = None,
        prefix: str | None = None,
        clock: Clock | None = None,
        revision: int | None = None,
        registration: str | None = None,
        limits: Limits | None = None,
        permit_ms: int | None = None,
        instance: str | None = None,
    ) -> None:
        from purista.bridges.nats import NatsSubjects  # noqa: PLC0415 - who uses another broker needs none of it
        from purista.jetstream.link import Link  # noqa: PLC0415
        from purista.queues.nats import NatsQueue  # noqa: PLC0415

        environment, instance = environment or Settings.read().environment, instance or new_id()
        link = Link(url, prefix=prefix or Settings.read().prefix)
        kept, clock = _kept(ledger, environment, clock)
        parts = Parts(NatsSubjects(link, instance=instance, clock=clock), queue or NatsQueue(link, clock=clock), kept)
        super().__init__(
            parts, clock=clock, environment=environment, scheduler=scheduler, revision=revision, registration=registration,
            limits=limits, permit_ms=permit_ms, instance=instance,
        )  # fmt: skip


class AmqpOutpost(Outpost):
    """Services over RabbitMQ in a process without a ledger: ``group`` of gateways (``PURISTA_GATEWAY_GROUP``) grants, is
    told, and registers.

    ``secret`` (``PURISTA_PERMIT_SECRET``) refers to what signs the asks, as ``env:NAME`` or ``file:PATH``; the gateways must
    know the same.
    """

    def __init__(
        self,
        url: str,
        *,
        group: str | None = None,
        secret: str | None = None,
        prefix: str | None = None,
        exchange: str | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        instance: str | None = None,
    ) -> None:
        from purista.bridges.amqp import AmqpExchange  # noqa: PLC0415 - who uses another broker needs none of it
        from purista.queues.amqp import AmqpQueue  # noqa: PLC0415

        clock, link = clock or SystemClock(), _amqp(url, prefix, exchange)
        super().__init__(
            AmqpExchange(link, clock=clock), AmqpQueue(link, clock=clock), clock=clock, limits=limits, instance=instance,
            group=group or Settings.read().gateway_group, key=permit_key(secret),
        )  # fmt: skip


class NatsOutpost(Outpost):
    """Services over NATS in a process without a ledger; see :class:`AmqpOutpost`."""

    def __init__(
        self,
        url: str,
        *,
        group: str | None = None,
        secret: str | None = None,
        prefix: str | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        instance: str | None = None,
    ) -> None:
        from purista.bridges.nats import NatsSubjects  # noqa: PLC0415 - who uses another broker needs none of it
        from purista.jetstream.link import Link  # noqa: PLC0415
        from purista.queues.nats import NatsQueue  # noqa: PLC0415

        clock, link, instance = (
            clock or SystemClock(),
            Link(url, prefix=prefix or Settings.read().prefix),
            instance or new_id(),
        )
        super().__init__(
            NatsSubjects(link, instance=instance, clock=clock), NatsQueue(link, clock=clock), clock=clock, limits=limits,
            instance=instance, group=group or Settings.read().gateway_group, key=permit_key(secret),
        )  # fmt: skip


def _amqp(url: str, prefix: str | None, exchange: str | None) -> Link:
    from purista.amqp.link import Link  # noqa: PLC0415 - who uses another broker needs none of it

    try:
        urlsplit(url).port  # noqa: B018 - raises where the driver would, which quotes what may be half a password
    except ValueError:
        raise DeclarationError(
            "expected an address like amqp://user:password@host/vhost, got one that cannot be read; write / @ : and % in a "
            "password as %2F %40 %3A %25"
        ) from None
    prefix = prefix or Settings.read().prefix
    return Link(url, prefix=prefix, exchange=exchange or prefix)


def bridge_at(place: str, *, ledger: str | Path, **options: Any) -> Assembly:
    """The event bridge of an address, ``amqp://`` or ``nats://``, or of a reference to one.

    :raises DeclarationError: for another address.
    """
    url = resolved(place)
    if url.startswith(("amqp://", "amqps://")):
        return AmqpBridge(url, ledger=resolved(str(ledger)), **options)
    if url.startswith(("nats://", "tls://")):
        return NatsBridge(url, ledger=resolved(str(ledger)), **options)
    raise DeclarationError(
        "PURISTA_BRIDGE: expected an amqp:// or nats:// address, or a reference (env:NAME, file:PATH) to one, got another"
    )


def resolved(place: str) -> str:
    """What a reference leads to; everything else is itself. Addresses may hold passwords: no error repeats them."""
    kind, colon, rest = place.partition(":")
    if not colon or kind not in ("env", "file") or rest.startswith("//"):
        return place
    if kind == "env":
        found = os.environ.get(rest, "")
    else:
        try:
            found = Path(rest).read_text("utf-8")
        except OSError as error:
            raise DeclarationError(f"expected an address in the file {rest}, got: {error.strerror}") from None
    if not found.strip():
        raise DeclarationError(f"expected an address in {kind}:{rest}, got nothing")
    return found.strip()


def permit_key(secret: str | None = None) -> bytes | None:
    """What signs asks about permits: that of the reference, else of ``PURISTA_PERMIT_SECRET``; None: nothing is signed.

    :raises purista.errors.InvalidSecret: it is not there, or none.
    """
    from purista.auth.secret import read_secret  # noqa: PLC0415
    from purista.auth.webhook import key_of  # noqa: PLC0415

    reference = secret or Settings.read().permit_secret
    return None if reference is None else key_of(read_secret(reference))


def ledger_at(place: str | Path, environment: str | None, clock: Clock, *, create: bool = True) -> Ledger:
    """A ledger that leaves carrying to a broker: a ``postgresql://`` address (``?schema=`` names the schema), a ``redis://``
    address (``?prefix=``), or the path of a SQLite file. ``create=False`` opens only what is there.

    :raises DeclarationError: for another address.
    """
    text = resolved(str(place))
    if text.startswith(("postgresql://", "postgres://")):
        from purista.ledgers.postgres import PostgresLedger  # noqa: PLC0415
        from purista.postgres.database import Database  # noqa: PLC0415

        url, schema = _named(text, "schema")
        return PostgresLedger(Database(url, schema=schema, environment=environment, create=create))
    if text.startswith(("redis://", "rediss://")):
        from purista.ledgers.redis import RedisLedger  # noqa: PLC0415
        from purista.redis.server import Server  # noqa: PLC0415

        url, prefix = _named(text, "prefix")
        return RedisLedger(Server(url, prefix=prefix), environment=environment, create=create)
    if "://" in text:
        scheme = text.partition("://")[0]
        raise DeclarationError(
            f"ledger: expected a postgresql:// or redis:// address, or the path of a SQLite file, got {scheme[:20]}://…"
        )
    from purista.ledgers.sqlite import SqliteLedger  # noqa: PLC0415
    from purista.sqlite.file import SqliteFile  # noqa: PLC0415

    file = SqliteFile(str(Path(text).resolve()), environment=environment, create=create)
    return SqliteLedger(file, clock=clock, deliver=False)


def _kept(ledger: Ledger | str | Path, environment: str, clock: Clock | None) -> tuple[Ledger, Clock]:
    """The ledger and, where no clock was given, its time: hosts' clocks differ, and messages say when they shall be seen."""
    kept = ledger_at(ledger, environment, clock or SystemClock()) if isinstance(ledger, str | Path) else ledger
    return kept, clock or kept.clock


def _named(url: str, option: str) -> tuple[str, str]:
    """The address without an option of ours in its query, and that (``purista`` where it is not there)."""
    head, mark, query = url.partition("?")
    rest = [pair for pair in query.split("&") if pair and not pair.startswith(f"{option}=")]
    named = [pair.removeprefix(f"{option}=") for pair in query.split("&") if pair.startswith(f"{option}=")]
    return head + (mark + "&".join(rest) if rest else ""), named[-1] if named else "purista"
