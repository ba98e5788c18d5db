"""Where the public keys of token issuers come from: a fixed set, or a JWK set over https, with limits to everything."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from purista.clock import Clock
from purista.contract.strict_json import parse
from purista.errors import InvalidGateway, KeysUnavailable, ManifestError, MissingExtra

if TYPE_CHECKING:
    from jwt import PyJWK

__all__ = ["Fetch", "JwksKeys", "KeySource", "StaticKeys", "https_fetch", "read_keys"]

MAX_BYTES = 256 * 1024
MAX_KEYS = 100
TIMEOUT_S = 5.0
LIFESPAN_MS = 3_600_000
"""So long fetched keys are believed without asking again."""
REFRESH_MS = 300_000
"""After so long they are asked for again; until that succeeds the old ones are used for the rest of their lifespan."""
COOLDOWN_MS = 30_000
"""Between two fetches, whoever asks: made-up key ids must not become traffic for the issuer."""
MIN_RSA_BITS = 2_048

Fetch = Callable[[str], bytes]
"""Fetches a document, blocking; raises OSError when it cannot."""


class KeySource(Protocol):
    """Public keys by their id."""

    async def key(self, kid: str) -> PyJWK | None:
        """The key of that id; None when the issuer has none.

        :raises purista.errors.KeysUnavailable: that cannot be known now.
        """
        ...

    async def ready(self) -> bool:
        """Whether tokens can be checked now. Asks the issuer when it must."""
        ...


class StaticKeys:
    """Keys that are known beforehand, from a JWK set: for tests, and for issuers that publish theirs elsewhere."""

    def __init__(self, document: bytes) -> None:
        self._keys = read_keys(document)

    async def key(self, kid: str) -> PyJWK | None:
        """See :class:`KeySource`."""
        return self._keys.get(kid)

    async def ready(self) -> bool:
        """See :class:`KeySource`."""
        return bool(self._keys)


class JwksKeys:
    """A JWK set behind an https address. Fetched when first needed, again when a new key id appears or it is old."""

    def __init__(
        self, url: str, *, clock: Clock, hosts: Sequence[str] = (), fetch: Fetch | None = None,
        timeout: float = TIMEOUT_S, lifespan_ms: int = LIFESPAN_MS, cooldown_ms: int = COOLDOWN_MS,
    ) -> None:  # fmt: skip
        _checked(url, hosts)
        self.url, self._clock, self._fetch = url, clock, fetch or https_fetch(timeout=timeout)
        self._timeout, self._lifespan, self._cooldown = timeout, lifespan_ms, cooldown_ms
        self._keys: Mapping[str, PyJWK] = {}
        self._fetched: int | None = None
        self._asked: int | None = None
        self._fetching = asyncio.Lock()

    async def key(self, kid: str) -> PyJWK | None:
        """See :class:`KeySource`."""
        if not self._fresh() or kid not in self._keys:
            await self._refresh(kid)
        if not self._believed():
            raise KeysUnavailable("the issuer's keys cannot be had")
        return self._keys.get(kid)

    async def ready(self) -> bool:
        """See :class:`KeySource`."""
        if not self._fresh():
            await self._refresh(None)
        return self._believed()

    async def _refresh(self, kid: str | None) -> None:
        """Ask the issuer, at most once per cooldown; who comes meanwhile waits for the same answer."""
        async with self._fetching:
            now = self._clock.now()
            if self._fresh() and kid in self._keys:
                return
            if self._asked is not None and 0 <= now - self._asked < self._cooldown:
                return
            self._asked = now
            try:
                # the thread may hang on longer than we do: it holds nothing that anybody waits for
                document = await asyncio.wait_for(asyncio.to_thread(self._fetch, self.url), self._timeout + 1)
                found = read_keys(document)
            except (OSError, http.client.HTTPException, ManifestError, InvalidGateway, TimeoutError):
                return
            if found:
                self._keys, self._fetched = found, now

    def _age(self) -> int | None:
        return None if self._fetched is None else abs(self._clock.now() - self._fetched)

    def _fresh(self) -> bool:
        return (age := self._age()) is not None and age < REFRESH_MS

    def _believed(self) -> bool:
        return (age := self._age()) is not None and age < self._lifespan


def _checked(url: str, hosts: Sequence[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise InvalidGateway(f"expected an https address of a JWK set, got {url[:120]!a}")
    if hosts and parts.hostname not in hosts:
        raise InvalidGateway(f"expected a JWK set from {', '.join(hosts)}, got one from {parts.hostname}")


def https_fetch(*, timeout: float = TIMEOUT_S, context: ssl.SSLContext | None = None) -> Fetch:
    """A GET over https: no redirect is followed, nothing above 256 KiB is read, and it ends after ``timeout`` seconds.

    The address comes from configuration alone, never from a token, so that no caller can send us anywhere.
    """

    def fetch(url: str) -> bytes:
        parts, until = urlsplit(url), time.monotonic() + timeout
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout, context=context or ssl.create_default_context()
        )
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"Accept": "application/json"})
            with connection.getresponse() as response:  # it may have taken the socket over
                if response.status != 200:
                    raise OSError(f"expected status 200, got {response.status}")
                return _limited(response, until)
        finally:
            connection.close()

    return fetch


def _limited(response: http.client.HTTPResponse, until: float) -> bytes:
    chunks, size = [], 0
    while chunk := response.read1(16_384):
        size += len(chunk)
        if size > MAX_BYTES:
            raise OSError(f"expected at most {MAX_BYTES:,} bytes, got more")
        if time.monotonic() > until:
            raise TimeoutError("the keys came too slowly")
        chunks.append(chunk)
    return b"".join(chunks)


def read_keys(document: bytes) -> Mapping[str, PyJWK]:
    """The signing keys of a JWK set by id. Keys without an id, for encryption, secret or weak ones are left out.

    :raises purista.errors.ManifestError: it is no JSON.
    :raises purista.errors.InvalidGateway: it is no JWK set.
    """
    found = parse(document, max_bytes=MAX_BYTES)
    entries = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise InvalidGateway("expected a JWK set with keys, got something else")
    keys = (_key(entry) for entry in entries[:MAX_KEYS] if isinstance(entry, dict))
    return {key.key_id: key for key in keys if key is not None and key.key_id}


def _key(entry: dict[str, Any]) -> PyJWK | None:
    try:
        from jwt import PyJWK, PyJWTError  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("checking OIDC tokens", "oidc") from None
    if (
        entry.get("kty") not in ("RSA", "EC", "OKP")
        or entry.get("use", "sig") != "sig"
        or not isinstance(entry.get("kid"), str)
    ):
        return None
    try:
        key = PyJWK(entry)
    except (PyJWTError, ValueError, TypeError):
        return None
    bits = getattr(key.key, "key_size", MIN_RSA_BITS)
    return None if entry["kty"] == "RSA" and bits < MIN_RSA_BITS else key
