"""OIDC tokens: signed by an issuer, for us, now. *Who* may come is a list of e-mail addresses or subjects, and must be given:
anybody with an account at a public issuer can get a token for our audience.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from purista.auth.keys import KeySource
from purista.errors import InvalidGateway, MissingExtra, NotAuthenticated

__all__ = ["ALGORITHMS", "LEEWAY_MS", "Issuer", "claims_of", "looks_like_one"]

ALGORITHMS = ("RS256", "ES256")
_ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
LEEWAY_MS = 30_000
MAX_TOKEN = 8_192
_REQUIRED = ("exp", "iat", "iss", "aud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Whose tokens count, and for whom they must be meant. ``emails`` or ``subjects``: whom we let in."""

    issuers: tuple[str, ...]
    audience: str
    keys: KeySource
    emails: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ALGORITHMS

    def __post_init__(self) -> None:
        if not self.issuers or not self.audience:
            raise InvalidGateway("expected issuers and an audience for OIDC tokens, got none")
        if not self.emails and not self.subjects:
            raise InvalidGateway(
                "expected emails or subjects that may come, got none: anybody can get a token of a public issuer"
            )
        if not self.algorithms or not set(self.algorithms) <= _ASYMMETRIC:
            raise InvalidGateway(f"expected signature algorithms of {', '.join(sorted(_ASYMMETRIC))}, got another")

    def admits(self, claims: Mapping[str, Any]) -> bool:
        """Whether whom the token names is on our list. An address counts only when the issuer has verified it."""
        if self.subjects and claims.get("sub") in self.subjects:
            return True
        return claims.get("email_verified") is True and claims.get("email") in self.emails


def looks_like_one(token: bytes) -> bool:
    """Three parts with dots between them. Our own tokens have none."""
    return token.count(b".") == 2


def unverified(token: bytes) -> tuple[Mapping[str, Any], str | None]:
    """Header and issuer as the token states them: for choosing where to look, never for believing.

    :raises purista.errors.NotAuthenticated: it is no token, or demands what we do not know (``crit``).
    """
    jwt = _jwt()
    if len(token) > MAX_TOKEN:
        raise NotAuthenticated(f"a token of more than {MAX_TOKEN:,} bytes")
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise NotAuthenticated("no token that can be read") from None
    header, issuer = whole["header"], whole["payload"].get("iss")
    if "crit" in header or not isinstance(header.get("kid"), str) or not isinstance(issuer, str):
        raise NotAuthenticated("a token without key id or issuer, or with demands")
    return header, issuer


async def claims_of(token: bytes, header: Mapping[str, Any], issuer: Issuer, now: int) -> Mapping[str, Any]:
    """The claims of a token that ``issuer`` signed for us and that is valid at ``now`` (ms).

    Algorithm and key come from our configuration; ``jku``, ``jwk`` and ``x5u`` of the header are not looked at.

    :raises purista.errors.NotAuthenticated: any of that is not so.
    :raises purista.errors.KeysUnavailable: the issuer's keys cannot be had now.
    """
    jwt = _jwt()
    key = await issuer.keys.key(header["kid"])
    if key is None:
        raise NotAuthenticated("a token signed with a key that its issuer does not have")
    options: Any = {"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=_usable(issuer.algorithms, key.algorithm_name), audience=issuer.audience,
            issuer=list(issuer.issuers), options=options,
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAuthenticated(f"a token that does not hold: {type(error).__name__}") from None
    _in_time(claims, now)
    return claims


def _usable(ours: Sequence[str], keys_own: str) -> list[str]:
    """A key says for which algorithm it is; that one, if it is on our list."""
    return [name for name in ours if name == keys_own]


def _in_time(claims: Mapping[str, Any], now: int) -> None:
    """By our clock, which can be passed in. ``exp`` and ``iat`` are there: they were required."""
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
            raise NotAuthenticated(f"a token whose {name} is no time")
    if now >= claims["exp"] * 1000 + LEEWAY_MS:
        raise NotAuthenticated("a token that has expired")
    if max(claims["iat"], claims.get("nbf", 0)) * 1000 > now + LEEWAY_MS:
        raise NotAuthenticated("a token from the future")


def _jwt() -> Any:
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtra("checking OIDC tokens", "oidc") from None
    return jwt
