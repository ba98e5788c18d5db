"""What a credential may do, on which schedules, until when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from purista.errors import InvalidGateway

__all__ = ["Grant", "Scope"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Scope(StrEnum):
    """One right each."""

    TRIGGER = "trigger"  # say that something may be due
    RUN = "run"  # one more occurrence, now
    PAUSE = "pause"
    RESUME = "resume"
    BACKFILL = "backfill"
    HISTORY = "history"
    MANIFEST = "manifest"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A credential's name (kept with what it does) and rights. Nothing is allowed that is not named.

    ``schedules`` are keys ``service/version/name``, each part a word or ``*``; ``*`` alone means all.
    ``not_after`` is ms, UTC: from then on nobody knows it.
    """

    id: str
    schedules: tuple[str, ...]
    scopes: frozenset[Scope]
    not_after: int | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InvalidGateway(
                f"expected a credential's id of letters, digits and ._@- (64 at most), got {self.id[:80]!a}"
            )
        if not self.schedules or not self.scopes:
            raise InvalidGateway(
                f'credential {self.id}: expected schedules and scopes, got none; write schedules = ["user/*"], '
                'scopes = ["trigger"]'
            )
        for pattern in self.schedules:
            parts = pattern.split("/")
            if not all(parts) or len(parts) > 3 or any("*" in part and part != "*" for part in parts):
                raise InvalidGateway(
                    f"credential {self.id}: expected service/version/name with * for whole parts, got {pattern[:80]!a}"
                )

    def live(self, now: int) -> bool:
        """Whether it may still be used at ``now`` (ms)."""
        return self.not_after is None or now < self.not_after

    def allows(self, scope: Scope, key: str) -> bool:
        """Whether its holder may do that to a schedule."""
        return scope in self.scopes and self.covers(key)

    @property
    def covers_all(self) -> bool:
        """Whether every schedule is one of its own."""
        return "*" in self.schedules

    def covers(self, key: str) -> bool:
        """Whether the schedule is one of its own. A pattern that ends early covers everything below it only with ``*``."""
        return any(_fits(pattern.split("/"), key.split("/", 2)) for pattern in self.schedules)


def _fits(pattern: list[str], key: list[str]) -> bool:
    if len(pattern) < len(key):
        if pattern[-1] != "*":
            return False
        pattern = pattern + ["*"] * (len(key) - len(pattern))
    return len(pattern) == len(key) and all(p in ("*", k) for p, k in zip(pattern, key, strict=True))


def scopes_of(words: Iterable[str], whose: str) -> frozenset[Scope]:
    """Scopes by name.

    :raises purista.errors.InvalidGateway: for a word that is none.
    """
    known = {str(scope): scope for scope in Scope}
    wrong = [word for word in words if word not in known]
    if wrong:
        raise InvalidGateway(f"credential {whose}: expected scopes of {', '.join(known)}, got {wrong[0][:60]!a}")
    return frozenset(known[word] for word in words)
