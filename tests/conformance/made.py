"""A case before it is written, and a choice that is the same everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.conformance.zones import iso

T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    id: str
    rule: str
    expression: dict[str, Any]
    zone: str
    start: int
    end: int
    due: tuple[int, ...]
    explanation: str
    starts_at: int | None = None
    ends_at: int | None = None

    def document(self, edition: str, relied_on: dict[str, object]) -> dict[str, Any]:
        """As docs/corpus.md says."""
        bounds = {"startAt": self.starts_at, "endAt": self.ends_at}
        return {
            "id": self.id, "rule": self.rule, "origin": "derived" if self.id.startswith("derived/") else "generated",
            "expression": self.expression, "timezone": self.zone,
            **{name: iso(at) for name, at in bounds.items() if at is not None},
            "from": iso(self.start), "to": iso(self.end), "due": [iso(at) for at in self.due],
            "explanation": self.explanation, "tzdata": edition, "zone": relied_on,
        }  # fmt: skip


def cron(text: str) -> dict[str, Any]:
    return {"kind": "cron", "value": text}


def interval(every: int, offset: int) -> dict[str, Any]:
    found = {"kind": "interval", "everyMs": every * 1000}
    return found | {"offsetMs": offset * 1000} if offset else found


def below(limit: int, *about: object) -> int:
    """A number from 0 up to ``limit``, by what it is for alone."""
    digest = hashlib.sha256("/".join(map(str, about)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % limit


def one_of(some: Sequence[T], *about: object) -> T:
    return some[below(len(some), *about)]


def slug(zone: str) -> str:
    return zone.lower().replace("/", "-").replace("_", "-").replace("+", "-plus-")
