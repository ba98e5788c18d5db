"""An issuer of OIDC tokens with keys of its own, and ways to get everything about a token wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ISSUER = "https://issuer.example"
AUDIENCE = "https://gateway.example"
EMAIL = "scheduler@ours.example"


def rsa_key(bits: int = 2048) -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass
class Issuer:
    """Its keys by id, and a count of how often they were asked for."""

    now: int
    keys: dict[str, RSAPrivateKey] = field(default_factory=lambda: {"k1": rsa_key()})
    asked: int = 0
    fault: BaseException | None = None
    document: bytes | None = None

    def jwks(self) -> bytes:
        entries = []
        for kid, key in self.keys.items():
            entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            entries.append(entry | {"kid": kid, "use": "sig", "alg": "RS256"})
        return json.dumps({"keys": entries}).encode()

    def fetch(self, url: str) -> bytes:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return self.jwks() if self.document is None else self.document

    def claims(self, **over: Any) -> dict[str, Any]:
        usual = {
            "iss": ISSUER, "aud": AUDIENCE, "email": EMAIL, "email_verified": True, "sub": "1234", "iat": self.now,
            "exp": self.now + 3600,
        }  # fmt: skip
        return {name: value for name, value in (usual | over).items() if value is not None}

    def token(
        self, *, kid: str | None = "k1", key: Any = None, algorithm: str = "RS256", header: dict[str, Any] | None = None,
        **over: Any,
    ) -> str:  # fmt: skip
        headers = dict(header or {}) | ({} if kid is None else {"kid": kid})
        return jwt.encode(
            self.claims(**over), key or self.keys.get(kid or "k1") or self.keys["k1"], algorithm, headers=headers
        )
