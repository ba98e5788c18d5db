"""Standard Webhooks signatures: HMAC-SHA256 over ``id.timestamp.body``, several at once while secrets are rotated.

Source: the Standard Webhooks specification (symmetric signatures, ``v1``). The ``standardwebhooks`` library is the oracle of
the tests and not used here: its clock cannot be passed in, and garbage makes it raise what is none of its own errors.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from purista.auth.secret import Secret
from purista.errors import InvalidSecret, NotAuthenticated

__all__ = ["WINDOW_MS", "Signed", "key_of", "sign", "verify"]

WINDOW_MS = 300_000
"""How far a signed timestamp may be from the present, either way."""
MAX_SIGNATURES = 10
MAX_HEADER = 2_000
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,100}")  # no dot: it ends the id in the signed text
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_PREFIX = b"whsec_"


@dataclass(frozen=True, slots=True)
class Signed:
    """The three headers, as they came."""

    id: str
    timestamp: str
    signature: str


def key_of(secret: Secret) -> bytes:
    """The 24 to 64 bytes that a secret ``whsec_<base64>`` stands for.

    :raises purista.errors.InvalidSecret: it is none.
    """
    text = secret.reveal().removeprefix(_PREFIX)
    try:
        key = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        key = b""
    if not 24 <= len(key) <= 64:
        raise InvalidSecret(
            f"{secret.reference}: expected whsec_ and the base64 of 24 to 64 random bytes, got something else; "
            "make one: purista secret"
        )
    return key


def sign(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """``v1,<base64>`` for a message. ``timestamp`` in seconds since the epoch, UTC.

    :raises ValueError: the id cannot be signed without ambiguity.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"expected 1 to 100 printable ASCII characters without a dot as id, got {id[:60]!a}")
    return "v1," + b64encode(_mac(key, f"{id}.{timestamp}.".encode("ascii"), body)).decode("ascii")


def verify(signed: Signed, body: bytes, keys: Sequence[bytes], now: int, window: int = WINDOW_MS) -> int:
    """The index of the key that signed these bytes, at a time within ``window`` of ``now`` (both ms).

    Every key is tried against every signature, so that the time taken does not tell which one fits.

    :raises purista.errors.NotAuthenticated: no key did, or the time is too far away.
    """
    if not _ID.fullmatch(signed.id):
        raise NotAuthenticated("webhook-id is not 1 to 100 printable ASCII characters without a dot")
    if not _TIMESTAMP.fullmatch(signed.timestamp):
        raise NotAuthenticated("webhook-timestamp is not a number of seconds")
    if abs(now - int(signed.timestamp) * 1000) > window:
        raise NotAuthenticated("webhook-timestamp is too far from the present")
    given = _signatures(signed.signature)
    text, found = f"{signed.id}.{signed.timestamp}.".encode("ascii"), -1
    for index, key in enumerate(keys):
        expected = _mac(key, text, body)
        fits = [hmac.compare_digest(expected, one) for one in given]
        found = index if any(fits) else found
    if found < 0:
        raise NotAuthenticated("no signature fits")
    return found


def _mac(key: bytes, head: bytes, body: bytes) -> bytes:
    mac = hmac.new(key, head, sha256)
    mac.update(body)
    return mac.digest()


def _signatures(header: str) -> list[bytes]:
    """Those of version ``v1``; others are for readers that know them."""
    entries = header.split(" ") if len(header) <= MAX_HEADER else []
    if not entries or len(entries) > MAX_SIGNATURES:
        raise NotAuthenticated(f"webhook-signature is longer than {MAX_HEADER} characters or {MAX_SIGNATURES} entries")
    found = []
    for entry in entries:
        version, _, text = entry.partition(",")
        if version != "v1":
            continue
        try:
            found.append(b64decode(text, validate=True))
        except (Base64Error, ValueError):
            continue
    return found
