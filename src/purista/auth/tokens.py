"""Bearer tokens: random words, kept and compared as SHA-256, so that a dump of the configuration harms nobody."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

from purista.errors import InvalidGateway, NotAuthenticated

__all__ = ["bearer_of", "checked_hash", "hash_of", "matches"]

MAX_TOKEN = 8_192
_HEX = re.compile(r"[0-9a-fA-F]{64}")


def hash_of(token: bytes) -> bytes:
    """What is kept of a token."""
    return sha256(token).digest()


def checked_hash(text: str, whose: str) -> bytes:
    """A hash as configuration writes it.

    :raises purista.errors.InvalidGateway: it is none. What was written is not repeated: it may be the token itself.
    """
    if not _HEX.fullmatch(text):
        raise InvalidGateway(
            f"credential {whose}: expected the SHA-256 of a token, 64 hex digits, got {len(text)} other characters; "
            "make both: purista secret --bearer"
        )
    return bytes.fromhex(text)


def bearer_of(authorization: Sequence[bytes]) -> bytes:
    """The token of the one ``Authorization`` header.

    :raises purista.errors.NotAuthenticated: there is none, or several (``malformed``), or of another scheme.
    """
    if len(authorization) > 1:
        raise NotAuthenticated("several authorization headers", malformed=True)
    scheme, _, token = authorization[0].strip().partition(b" ") if authorization else (b"", b"", b"")
    token = token.strip(b" ")
    if scheme.lower() != b"bearer" or not token or len(token) > MAX_TOKEN:
        raise NotAuthenticated("no bearer token")
    return token


def matches(token: bytes, hashes: Sequence[bytes]) -> list[bool]:
    """Which hashes are the token's. All are compared, so that the time taken does not tell which one fits."""
    own = hash_of(token)
    return [hmac.compare_digest(own, one) for one in hashes]
