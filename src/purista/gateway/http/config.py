"""A gateway's configuration: a TOML table. Secrets are references; who may call is named, and nobody else is let in."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from purista.auth.credentials import Bearer, Credential, Signer, Visitor
from purista.auth.grant import Grant, scopes_of
from purista.auth.keys import JwksKeys, KeySource, StaticKeys
from purista.auth.oidc import ALGORITHMS, Issuer
from purista.auth.secret import read_secret
from purista.auth.tokens import checked_hash, hash_of
from purista.auth.webhook import WINDOW_MS
from purista.clock import Clock
from purista.errors import InvalidGateway
from purista.gateway.http.dev import is_loopback
from purista.gateway.http.limits import Limits
from purista.gateway.http.shapes import Instant

__all__ = ["GatewayConfig", "read_config"]

_MOST_WINDOW_S = 3_600
_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Where it listens, who may call, how much. ``subscriptions``: whose pushed messages are taken (Pub/Sub). ``warnings`` are
    for the log when it starts.
    """

    credentials: tuple[Credential, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    dev: bool = False
    window_ms: int = WINDOW_MS
    limits: Limits = field(default_factory=Limits)
    subscriptions: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def refuse_open(self) -> None:
        """Nobody is let in by accident.

        :raises purista.errors.InvalidGateway: no credentials, or the development flag where others reach us.
        """
        if self.dev:
            if not is_loopback(self.host):
                raise InvalidGateway(
                    f"expected credentials to listen on {self.host}, got the development flag; it is for 127.0.0.1 only"
                )
            if self.credentials:
                raise InvalidGateway("expected credentials or the development flag, got both; leave out one")
        elif not self.credentials:
            raise InvalidGateway(
                f"expected credentials to listen on {self.host}, got none; write [[tool.purista.gateway.credentials]] with id, "
                'kind = "signed", secrets = ["env:PURISTA_SECRET"], schedules and scopes. For development on this machine '
                "alone: --dev"
            )


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Credential(_Table):
    id: str
    schedules: list[str]
    scopes: list[str]
    not_after: Instant | None = None


class _Signed(_Credential):
    kind: Literal["signed"]
    secrets: Annotated[list[str], Field(min_length=1, max_length=4)]


class _Bearer(_Credential):
    kind: Literal["bearer"]
    sha256: Annotated[list[str], Field(max_length=4)] = []
    tokens: Annotated[list[str], Field(max_length=4)] = []


class _Oidc(_Credential):
    kind: Literal["oidc"]
    issuers: list[str]
    audience: str
    keys: str
    key_hosts: list[str] = []
    emails: list[str] = []
    subjects: list[str] = []
    algorithms: list[str] = list(ALGORITHMS)


class _Limits(_Table):
    body_bytes: Annotated[int, Field(ge=1_024, le=16_777_216)] = _LIMITS.body_bytes
    body_seconds: Annotated[float, Field(gt=0, le=300)] = _LIMITS.body_seconds
    in_flight: Annotated[int, Field(ge=1)] = _LIMITS.in_flight
    per_minute: Annotated[int, Field(ge=1)] = _LIMITS.per_minute
    failures_per_minute: Annotated[int, Field(ge=1)] = _LIMITS.failures_per_minute


Subscription = Annotated[str, Field(pattern=r"^projects/[a-z0-9.:-]{4,100}/subscriptions/[A-Za-z0-9._~+%-]{3,255}$")]


class _PubSub(_Table):
    subscriptions: Annotated[list[Subscription], Field(min_length=1, max_length=100)]


class _Gateway(_Table):
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    window: Annotated[int, Field(ge=10, le=_MOST_WINDOW_S)] = WINDOW_MS // 1000
    limits: _Limits = _Limits()
    pubsub: _PubSub | None = None
    credentials: list[Annotated[_Signed | _Bearer | _Oidc, Field(discriminator="kind")]] = []


def read_config(
    source: Mapping[str, Any] | str | Path, *, clock: Clock, dev: bool = False, **over: Any
) -> GatewayConfig:
    """From a file (``[tool.purista.gateway]`` of a ``pyproject.toml``, or a file that is nothing else) or such a table.

    ``over`` replaces what the table says (``host``, ``port``) where it is not None.

    :raises purista.errors.InvalidGateway: a key or value that cannot be used. No value is repeated.
    :raises purista.errors.InvalidSecret: a secret that must not be used.
    """
    table = _table(Path(source)) if isinstance(source, str | Path) else dict(source)
    table |= {name: value for name, value in over.items() if value is not None}
    read = _validated(table)
    warnings: list[str] = []
    sources: dict[str, KeySource] = {}
    config = GatewayConfig(
        credentials=tuple(_credential(one, clock, sources, warnings) for one in read.credentials),
        host=read.host, port=read.port, dev=dev, window_ms=read.window * 1000, limits=Limits(**read.limits.model_dump()),
        subscriptions=frozenset(read.pubsub.subscriptions if read.pubsub else ()), warnings=tuple(warnings),
    )  # fmt: skip
    config.refuse_open()
    return config


def _table(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidGateway(f"expected the gateway's configuration as TOML in {path}, got: {error}") from None
    if "tool" not in document:
        return document
    table: Any = document["tool"]
    for name in ("purista", "gateway"):
        table = table.get(name, {}) if isinstance(table, dict) else {}
    return dict(table)


def _validated(table: Mapping[str, Any]) -> _Gateway:
    try:
        return TypeAdapter(_Gateway).validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("signed", "bearer", "oidc"))
        raise InvalidGateway(f"gateway.{where}: {first['msg']}; docs/http.md has every key") from None


def _credential(
    one: _Signed | _Bearer | _Oidc, clock: Clock, sources: dict[str, KeySource], warnings: list[str]
) -> Credential:
    grant = Grant(
        id=one.id, schedules=tuple(one.schedules), scopes=scopes_of(one.scopes, one.id), not_after=one.not_after
    )
    if isinstance(one, _Oidc):
        return Visitor(grant, _issuer(one, clock, sources))
    secrets = tuple(read_secret(text) for text in (one.secrets if isinstance(one, _Signed) else one.tokens))
    warnings += [secret.warning for secret in secrets if secret.warning]
    if isinstance(one, _Signed):
        return Signer(grant, secrets)
    hashes = tuple(checked_hash(text, one.id) for text in one.sha256) + tuple(hash_of(s.reveal()) for s in secrets)
    if not hashes:
        raise InvalidGateway(f'credential {one.id}: expected sha256 = ["…"] or tokens = ["file:…"], got neither')
    return Bearer(grant, hashes)


def _issuer(one: _Oidc, clock: Clock, sources: dict[str, KeySource]) -> Issuer:
    """Key sources are shared: one issuer is asked once, however many credentials name it."""
    if one.keys not in sources:
        sources[one.keys] = _keys(one, clock)
    return Issuer(
        issuers=tuple(one.issuers), audience=one.audience, keys=sources[one.keys], emails=tuple(one.emails),
        subjects=tuple(one.subjects), algorithms=tuple(one.algorithms),
    )  # fmt: skip


def _keys(one: _Oidc, clock: Clock) -> KeySource:
    if not one.keys.startswith("file:"):
        return JwksKeys(one.keys, clock=clock, hosts=one.key_hosts)
    path = Path(one.keys.removeprefix("file:"))
    try:
        return StaticKeys(path.read_bytes())
    except OSError as error:
        raise InvalidGateway(f"credential {one.id}: expected a JWK set in {path}, got: {error.strerror}") from None
