"""``purista trigger --gateway``: the call goes over HTTP. Standard library only; signed afresh for every attempt, with the
same id, so that however often it arrives it is one call.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from purista.auth.secret import Secret, read_secret
from purista.auth.webhook import key_of, sign
from purista.clock import to_iso
from purista.errors import InvalidSecret

__all__ = ["Heard", "Remote", "RemoteFault", "remote_of"]

ATTEMPT_S = 10.0
AT_ONCE = 8
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
MAX_ANSWER = 1_048_576
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_SECONDS = re.compile(r"[0-9]{1,6}")


class RemoteFault(Exception):
    """The gateway cannot be asked like this: an address or credential that must not be used."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last answer (``status`` 0: there was none), after so many attempts."""

    status: int
    document: Mapping[str, Any]
    attempts: int
    fault: str = ""


@dataclass(slots=True)
class _Line:
    """The way to a gateway, shared by calls side by side. ``dead``: why nobody could be reached until the end."""

    dead: str = ""


def _sleep(seconds: float) -> None:
    import time  # noqa: PLC0415 - only who must wait

    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Remote:
    """A gateway behind an address. ``now`` is ms, ``sleep`` seconds; both are passed in, as is chance."""

    url: str
    now: Callable[[], int]
    secret: Secret | None = None
    token: Secret | None = None
    sleep: Callable[[float], None] = _sleep
    chance: Callable[[], float] = random.random
    attempt_s: float = ATTEMPT_S
    context: ssl.SSLContext | None = field(default=None, repr=False)

    def trigger(self, key: str, at: int | None, wait: float) -> Heard:
        """Call until there is an answer that repeating would not change, at most ``wait`` seconds."""
        return next(self.trigger_all([key], at, wait))

    def trigger_all(self, keys: Sequence[str], at: int | None, wait: float) -> Iterator[Heard]:
        """The same for several keys, side by side within one ``wait``; answers in the order of the keys.

        Where nobody could be reached for one of them until the end, the others are not tried any longer.
        """
        until, line = self.now() + round(wait * 1000), _Line()
        if len(keys) == 1:
            yield self._call(keys[0], at, until, line)
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most calls have one key

        with ThreadPoolExecutor(AT_ONCE) as threads:
            yield from threads.map(lambda key: self._call(key, at, until, line), keys)

    def ask(self, key: str, operation: str, document: Mapping[str, Any], wait: float) -> Heard:
        """Any operation on a schedule, as patiently as :meth:`trigger`."""
        return self._send(key, operation, document, self.now() + round(wait * 1000), _Line())

    def _call(self, key: str, at: int | None, until: int, line: _Line) -> Heard:
        return self._send(key, "trigger", {} if at is None else {"scheduledAt": to_iso(at)}, until, line)

    def _send(self, key: str, operation: str, document: Mapping[str, Any], until: int, line: _Line) -> Heard:
        body = json.dumps({"operation": operation, "schedule": key, **document}).encode()
        path = "/schedules/" + "/".join(quote(part, safe="") for part in key.split("/", 2)) + f"/{operation}"
        return self._patiently(path, body, f"msg_{secrets.token_hex(16)}", until, line)

    def _patiently(self, path: str, body: bytes, id: str, until: int, line: _Line) -> Heard:
        heard = Heard(0, {}, 0)
        while not line.dead:
            attempts = heard.attempts + 1
            status, document, asked, fault = self._attempt(path, body, id)
            heard = Heard(status, document, attempts, fault)
            pause = asked if asked is not None else self._backoff(attempts)
            if status and status not in AGAIN:
                return heard
            if self.now() + round(pause * 1000) > until:
                line.dead = line.dead if status else fault
                return heard
            self.sleep(pause)
        return heard if heard.attempts else Heard(0, {}, 0, line.dead)

    def _backoff(self, attempts: int) -> float:
        """1, 2, 4 … 30 s, each shortened by chance to as little as a half: a thousand hosts must not come at once."""
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10)) * (0.5 + self.chance() / 2)

    def _attempt(self, path: str, body: bytes, id: str) -> tuple[int, Mapping[str, Any], float | None, str]:
        try:
            connection = self._connection()
            try:
                connection.request("POST", self._base() + path, body, self._headers(id, body))
                with connection.getresponse() as response:
                    text, wanted = response.read(MAX_ANSWER), response.getheader("retry-after", "")
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            return 0, {}, None, str(error) or type(error).__name__
        asked = float(wanted) if _SECONDS.fullmatch(wanted.strip()) else None
        return response.status, _document(text), asked, ""

    def _headers(self, id: str, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "purista"}
        if self.secret is not None:
            now = self.now() // 1000
            headers |= {"webhook-id": id, "webhook-timestamp": str(now)}
            headers["webhook-signature"] = sign(key_of(self.secret), id, now, body)
        elif self.token is not None:
            headers["authorization"] = f"Bearer {self.token.reveal().decode('latin-1')}"
        return headers

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = self.context or ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=self.attempt_s, context=context)
        return http.client.HTTPConnection(host, parts.port, timeout=self.attempt_s)

    def _base(self) -> str:
        return urlsplit(self.url).path.rstrip("/")


def remote_of(url: str, secret: str | None, token: str | None, now: Callable[[], int]) -> tuple[Remote, Sequence[str]]:
    """The gateway at an address, and warnings. ``secret`` and ``token`` are references.

    :raises RemoteFault: an address that is none, both or neither credential, or a token that would travel in the open.
    """
    parts = _parts(url)
    if (secret is None) == (token is None):
        raise RemoteFault(
            "expected --secret or --token with --gateway, got both or neither; write --secret file:/path/to/secret"
        )
    try:
        one = read_secret(secret or token or "")
        if secret is not None:
            key_of(one)
    except InvalidSecret as error:
        raise RemoteFault(f"--{'secret' if secret is not None else 'token'}: {error}") from None
    if token is not None and parts.scheme != "https" and not _here(parts.hostname or ""):
        raise RemoteFault("expected https:// with --token, got http://: anybody on the way could read it and use it")
    remote = Remote(url, now, secret=one if secret is not None else None, token=one if token is not None else None)
    return remote, [one.warning] if one.warning else []


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or parts.username or parts.query or parts.fragment or not url.isascii() or not url.isprintable():
        raise RemoteFault("--gateway: expected an address such as https://gateway.example.com, got something else")
    return parts


def _here(host: str) -> bool:
    """Whether the address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return socket.inet_aton(host)[0] == 127
    except OSError:
        return host == "::1"


def _document(text: bytes) -> Mapping[str, Any]:
    """What the gateway said; nothing where somebody else answered (a proxy's page)."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
