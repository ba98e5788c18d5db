"""Everybody who may call, and the one question about a request: whose is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from purista.auth import oidc, tokens, webhook
from purista.auth.grant import Grant
from purista.auth.oidc import Issuer
from purista.auth.secret import Secret
from purista.clock import Clock
from purista.errors import InvalidGateway, NotAllowed, NotAuthenticated

__all__ = ["Bearer", "Caller", "Credential", "Credentials", "Presented", "Signer", "Visitor"]


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs its requests. Two secrets while they are rotated: the old and the new one."""

    grant: Grant
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Bearer:
    """Carries a token, of which we know the hash. For callers that cannot sign; only inside TLS."""

    grant: Grant
    hashes: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Bearer({self.grant.id!r}, {len(self.hashes)} hashes)"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Carries an OIDC token of an issuer we trust."""

    grant: Grant
    issuer: Issuer


Credential = Signer | Bearer | Visitor


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request brought to prove whose it is. Every header with all its values; ``body`` as it came."""

    authorization: tuple[bytes, ...] = ()
    id: tuple[bytes, ...] = ()
    timestamp: tuple[bytes, ...] = ()
    signature: tuple[bytes, ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who it is. ``message`` is the signed id of the request; empty where nothing is signed."""

    grant: Grant
    message: str = ""

    @property
    def signed(self) -> bool:
        """Whether the body is what the caller wrote."""
        return bool(self.message)


class Credentials:
    """All credentials of a gateway. Reloading makes a new one: what is gone is unknown at once."""

    def __init__(self, known: Sequence[Credential], *, clock: Clock, window_ms: int = webhook.WINDOW_MS) -> None:
        self.known = tuple(known)
        self._clock, self._window = clock, window_ms
        self._signers = [(one, webhook.key_of(s)) for one in known if isinstance(one, Signer) for s in one.secrets]
        self._tokens = [(one, h) for one in known if isinstance(one, Bearer) for h in one.hashes]
        self._visitors = [one for one in known if isinstance(one, Visitor)]
        _no_twins("id", [one.grant.id for one in known])
        _no_twins("secret", [key for _, key in self._signers] + [h for _, h in self._tokens])

    def __repr__(self) -> str:
        return f"Credentials({', '.join(one.grant.id for one in self.known)})"

    async def caller(self, presented: Presented) -> Caller:
        """Whose request it is.

        :raises purista.errors.NotAuthenticated: nobody's, of those we know.
        :raises purista.errors.NotAllowed: a valid token of somebody who is not on the list.
        :raises purista.errors.KeysUnavailable: that cannot be known now.
        """
        signed = (presented.id, presented.timestamp, presented.signature)
        if any(len(values) > 1 for values in (*signed, presented.authorization)):
            raise NotAuthenticated("a security header came twice", malformed=True)
        if presented.signature:
            if presented.authorization:
                raise NotAuthenticated("both a signature and an authorization", malformed=True)
            return self._signed(presented)
        token = tokens.bearer_of(presented.authorization)
        return self._bearer(token) or await self._visitor(token)

    async def ready(self) -> bool:
        """Whether every key source can answer."""
        return all([await one.issuer.keys.ready() for one in self._visitors])

    def _signed(self, presented: Presented) -> Caller:
        try:
            name, timestamp, signature = (
                values[0].decode("ascii") for values in (presented.id, presented.timestamp, presented.signature)
            )
        except (IndexError, UnicodeDecodeError):
            raise NotAuthenticated("a signature without id or timestamp, or not ASCII") from None
        live = [(one, key) for one, key in self._signers if one.grant.live(self._clock.now())]
        found = webhook.verify(
            webhook.Signed(name, timestamp, signature), presented.body, [key for _, key in live],
            self._clock.now(), self._window,
        )  # fmt: skip
        return Caller(live[found][0].grant, name)

    def _bearer(self, token: bytes) -> Caller | None:
        fits = tokens.matches(token, [h for _, h in self._tokens])
        found = [one for (one, _), fit in zip(self._tokens, fits, strict=True) if fit]
        if not found:
            return None
        if not found[0].grant.live(self._clock.now()):
            raise NotAuthenticated(f"the token of {found[0].grant.id} has expired")
        return Caller(found[0].grant)

    async def _visitor(self, token: bytes) -> Caller:
        now = self._clock.now()
        if not self._visitors or not oidc.looks_like_one(token):
            raise NotAuthenticated("no token of ours")
        header, issuer = oidc.unverified(token)
        valid, failed = False, NotAuthenticated("a token of an issuer we do not know")
        for one in self._visitors:
            if issuer not in one.issuer.issuers or not one.grant.live(now):
                continue
            try:
                claims = await oidc.claims_of(token, header, one.issuer, now)
            except NotAuthenticated as error:
                failed = error
                continue
            if one.issuer.admits(claims):
                return Caller(one.grant)
            valid = True
        raise NotAllowed("a valid token of somebody who is not on the list") if valid else failed


def _no_twins(what: str, values: Sequence[object]) -> None:
    if len(set(values)) < len(values):
        raise InvalidGateway(f"expected every credential to have its own {what}, got one twice; give each its own")
