"""``purista doctor``'s looks over the network: the ledger on a server, the broker, and what else ``PURISTA_…`` names by URL.

Nothing is made there. Addresses hold passwords: none is shown, and what drivers say goes through :func:`redacted`.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from purista.cli.finding import Finding
from purista.clock import SystemClock
from purista.distributed import ledger_at, resolved
from purista.errors import MissingExtra, PuristaError
from purista.settings import Settings

__all__ = ["bridge", "ledger_of", "redacted", "server_ledger", "services"]

PATIENCE = 10.0
_PORTS = {
    "amqp": 5672, "amqps": 5671, "http": 80, "https": 443, "nats": 4222, "postgres": 5432, "postgresql": 5432, "redis": 6379,
    "rediss": 6379, "tls": 4222,
}  # fmt: skip
_WHERE_MADE = "the first start of a service makes it (purista worker or serve); or correct PURISTA_LEDGER"


def redacted(error: object, address: str = "") -> str:
    """What is said, without who logs in and by which password."""
    text = str(error)
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, "…")
    text = re.sub(r"//[^/@\s]*@", "//…@", text)
    return re.sub(r"""\b(user|role) (["'])[^"']*\2""", r"\1 …", text)


def _secrets(address: str) -> Iterator[str]:
    _, _, rest = address.partition("://")
    head, _, query = rest.partition("?")
    password = head.rpartition("@")[0].partition(":")[2]
    asked = parse_qs(query).get("password", [])
    yield from {found for found in (password, unquote(password), *asked) if found}


def ledger_of(place: str) -> Iterator[Finding]:
    """The ledger at an address."""
    try:
        ledger = ledger_at(place, None, SystemClock(), create=False)
    except PuristaError as error:
        yield Finding("ledger", "failed", redacted(error, place), "correct PURISTA_LEDGER")
        return
    yield from server_ledger(ledger, place)


def server_ledger(ledger: Any, address: str = "") -> Iterator[Finding]:
    """A ledger on a server: whether it can be reached and is there, whose it is, and how long a round trip takes."""
    try:
        meta, trip, lost = asyncio.run(_peeked(ledger))
    except (PuristaError, OSError, TimeoutError, ValueError) as error:
        fix = (
            str(error).rpartition("; ")[2] if isinstance(error, MissingExtra) else "start it, or correct PURISTA_LEDGER"
        )
        yield Finding("ledger", "failed", f"{ledger.place}: {redacted(_words(error), address)}", fix)
        return
    yield _judged(f"{ledger.place}: ", meta, f"a round trip takes {trip:.1f} ms")
    if lost is not None:
        found, _, fix = lost.partition(": ")
        yield Finding("durability", "warning", found, fix)


async def _peeked(ledger: Any) -> tuple[dict[str, str], float, str | None]:
    async with asyncio.timeout(PATIENCE):
        meta, trip = await ledger.peek()
        return meta, trip, meta.get("losses")


def _judged(place: str, meta: Mapping[str, str], trip: str) -> Finding:
    if not meta.get("ledger_id"):
        return Finding("ledger", "none", f"{place}no ledger there; {trip}", _WHERE_MADE)
    environment, wanted = meta["environment"], Settings.read().environment
    version = f"schema version {meta['schema']}, " if "schema" in meta else ""
    said = f"{place}{version}environment {environment}; {trip}"
    if "newest" in meta and int(meta["schema"]) > int(meta["newest"]):
        return Finding("ledger", "failed", said, f"upgrade purista: this one knows schema version {meta['newest']}")
    if environment != wanted:
        fix = f"PURISTA_ENVIRONMENT is {wanted}: set it to {environment}, or another ledger"
        return Finding("ledger", "failed", said, fix)
    return Finding("ledger", "ok", said)


def bridge(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The broker of ``PURISTA_BRIDGE``: whether it lets us in."""
    name, value = "PURISTA_BRIDGE", environ.get("PURISTA_BRIDGE", "").strip()
    if not value:
        return
    try:
        address = resolved(value)
    except PuristaError as error:
        yield Finding(name, "failed", redacted(error, value), "correct the variable")
        return
    place = _place(address)
    if place is None or urlsplit(address).scheme not in ("amqp", "amqps", "nats", "tls"):
        fix = "write / @ : and % in a password as %2F %40 %3A %25"
        yield Finding(name, "failed", "expected an amqp:// or nats:// address, got another", fix)
        return
    try:
        asyncio.run(_let_in(address))
    except Exception as error:  # noqa: BLE001 - drivers raise much, and all of it is a finding
        extra = "amqp" if address.startswith("amqp") else "nats"
        missing = isinstance(error, ModuleNotFoundError)
        fix = f"pip install 'purista[{extra}]'" if missing else "start it, or correct the variable"
        yield Finding(name, "failed", f"{place[2]}: {redacted(_words(error), address)}", fix)
    else:
        yield Finding(name, "ok", f"{place[2]} lets us in")


async def _let_in(address: str) -> None:
    """Connect and go; nothing is declared."""
    async with asyncio.timeout(PATIENCE):
        if address.startswith("amqp"):
            import aiormq  # noqa: PLC0415 - an extra

            connection = await aiormq.connect(address)
            await connection.close()
            return
        import nats  # noqa: PLC0415 - an extra

        async def quiet(_: Exception) -> None:
            """It is raised, too."""

        client = await nats.connect(address, allow_reconnect=False, error_cb=quiet, connect_timeout=int(PATIENCE))
        await client.jetstream().account_info()
        await client.close()


def services(environ: Mapping[str, str]) -> Iterator[Finding]:
    """What other ``PURISTA_…`` variables name by URL: whether somebody listens there."""
    for name, value in sorted(environ.items()):
        if not name.startswith("PURISTA_") or "://" not in value or name in ("PURISTA_BRIDGE", "PURISTA_LEDGER"):
            continue
        place = _place(value)
        if place is None:
            continue
        host, port, said = place
        try:
            socket.create_connection((host, port), timeout=3).close()
        except OSError as error:
            yield Finding(name, "failed", f"{said}: {error.strerror or error}", "start it, or correct the variable")
        else:
            yield Finding(name, "ok", f"{said} answers")


def _place(address: str) -> tuple[str, int, str] | None:
    """Host, port and both in words; None where the address cannot be read. Never the whole of it."""
    try:
        url = urlsplit(address)
        host, port = url.hostname, url.port or _PORTS.get(url.scheme.partition("+")[0])
    except ValueError:  # says what it could not read, which may be half a password
        return None
    return None if host is None or port is None else (host, port, f"{url.scheme} at {host}:{port}")


def _words(error: BaseException) -> str:
    if isinstance(error, PuristaError):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    return f"{type(error).__name__}: {error}"
