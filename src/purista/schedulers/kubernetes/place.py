"""Where Jobs run: namespace, image, and the gateway that they call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from purista.errors import DeclarationError

__all__ = ["SECRETS", "Place", "secret_part"]

YEAR = 31_556_952
SECRETS = "/run/secrets/purista"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_ITEM = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, slots=True)
class Place:
    """What a CronJob needs to know. ``secret`` is ``(name, key)`` of a Secret; ``bearer``: it is a token, not what signs.
    ``now`` and the horizon (epoch seconds, years) say for which years changes of clocks are repaired.
    """

    image: str
    gateway: str
    secret: tuple[str, str]
    now: int
    bearer: bool = False
    namespace: str | None = None
    command: tuple[str, ...] = ("purista",)
    service_account: str | None = None
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    horizon_years: int = 12

    def __post_init__(self) -> None:
        if not self.image or not self.image.isascii() or any(c.isspace() for c in self.image):
            raise DeclarationError(f"image: expected an image's name, got {self.image[:60]!a}; write image='shop:1.2'")
        for what, text in (("namespace", self.namespace), ("service_account", self.service_account)):
            if text is not None and not _LABEL.fullmatch(text):
                raise DeclarationError(f"{what}: expected lower case letters, digits and dashes, got {text[:70]!a}")

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return self.now + self.horizon_years * YEAR

    def credential(self) -> list[str]:
        """The arguments that name the secret's file."""
        return ["--token" if self.bearer else "--secret", f"file:{SECRETS}/{self.secret[1]}"]


def secret_part(what: str, text: str) -> tuple[str, str]:
    """``name/key`` of a Secret.

    :raises DeclarationError: for anything else. What it says is not repeated: it may be the secret.
    """
    name, slash, key = text.partition("/")
    if not slash or not _SUBDOMAIN.fullmatch(name) or not _ITEM.fullmatch(key):
        raise DeclarationError(
            f"{what}: expected the name and the key of a Secret, got something else; write {what}='purista-gateway/scheduler'"
        )
    return name, key
