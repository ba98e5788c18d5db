"""The cases: read from the data files beside this module, whose format is in docs/corpus.md and ``case.schema.json``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any

from purista.contract.schedule import Schedule, Target, TargetKind
from purista.recurrence import Expression, Recurrence, Transition, expression_from_dict
from purista.recurrence.zone import transitions_in, zone_table

__all__ = ["BESIDE", "FILES", "Case", "Origin", "Rule", "assert_conforms", "cases", "rules"]

FILES = ("derived.jsonl", "clocks.jsonl", "calendar.jsonl", "distances.jsonl")
BESIDE = 2 * 86_400
"""So far (seconds) before and after its window a case relies on the zone: local days reach over the edges."""
SHOWN = 5


class Origin(StrEnum):
    """Where the expected instants come from."""

    DERIVED = "derived"  # by a person, from the rule; the explanation is the derivation
    GENERATED = "generated"  # by a slow oracle that shares nothing with what is tested


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is due, in words that hold for every case of it."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Case:
    """An expression in a zone, a window ``[start, end)``, and everything that is due in it. Instants are epoch seconds, UTC.

    ``starts_at`` (inclusive) and ``ends_at`` (exclusive) are bounds that belong to the schedule. ``offset`` and ``transitions``
    are what the case relies on: the zone's offset from UTC two days before the window, and its changes from there until two
    days after it. ``tzdata`` is the edition in which it was seen so.
    """

    id: str
    rule: str
    origin: Origin
    expression: Expression
    timezone: str
    starts_at: int | None
    ends_at: int | None
    start: int
    end: int
    due: tuple[int, ...]
    explanation: str
    tzdata: str
    offset: int
    transitions: tuple[Transition, ...]

    def __str__(self) -> str:
        return self.id

    @property
    def holds(self) -> bool:
        """Whether this process's tz database says of the zone what the case relies on. If not, it is to be skipped."""
        table = zone_table(self.timezone)
        first, last = self.start - BESIDE, self.end + BESIDE
        if table.offsets[table.segment(first)] != self.offset:
            return False
        return tuple(transitions_in(table, first + 1, last)) == self.transitions

    def recurrence(self) -> Recurrence:
        """The rule as purista has it."""
        return Recurrence(self.expression, timezone=self.timezone, start=self.starts_at, end=self.ends_at)

    def schedule(self) -> Schedule:
        """A contract that asks for it, for a dialect to compile."""
        return Schedule(
            service="corpus", version="1", name=self.id.replace("/", "-"), description=self.explanation,
            expression=self.expression, timezone=self.timezone, target=Target(TargetKind.EVENT, "due", "corpus", "1"),
            start_ms=None if self.starts_at is None else self.starts_at * 1000,
            end_ms=None if self.ends_at is None else self.ends_at * 1000,
        )  # fmt: skip

    def check(self, found: Iterable[int | datetime]) -> None:
        """What a scheduler found due in the window, as epoch seconds or aware datetimes, against what is.

        :raises AssertionError: it is something else. The case's explanation says why.
        """
        instants = [_seconds(one) for one in found]
        if instants != list(self.due):
            raise AssertionError(self._difference(instants))

    def _difference(self, instants: Sequence[int]) -> str:
        expected, got = set(self.due), set(instants)
        parts = [
            f"{word} {', '.join(map(_iso, sorted(some)[:SHOWN]))}{' …' if len(some) > SHOWN else ''}"
            for word, some in (("missing", expected - got), ("not due", got - expected))
            if some
        ]
        what = "; ".join(parts) or "the right instants, but out of order or more than once"
        return f"{self.id}: {self.expression!r} in {self.timezone}: {what}. {self.explanation}"


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order in which they are explained."""
    text = files("purista.conformance").joinpath("rules.json").read_text("utf-8")
    return tuple(Rule(one["id"], one["words"]) for one in json.loads(text))


def cases(*, rule: str | None = None, origin: str | None = None, timezone: str | None = None) -> list[Case]:
    """The cases of the corpus, all or those of a rule, an origin (``derived``, ``generated``), a zone.

    :raises ValueError: there is no such rule or origin; an empty list would pass every test.
    """
    if rule is not None and rule not in {one.id for one in rules()}:
        raise ValueError(f"expected one of {', '.join(one.id for one in rules())}, got {rule!r}")
    wanted = None if origin is None else Origin(origin)
    return [
        case
        for case in _all()
        if (rule is None or case.rule == rule)
        and (wanted is None or case.origin is wanted)
        and (timezone is None or case.timezone == timezone)
    ]


def assert_conforms(fires: Callable[[Case], Iterable[int | datetime]], among: Iterable[Case] | None = None) -> int:
    """Hold a scheduler against cases: all, or those ``among``. ``fires`` says what it finds due in a case's window.

    Cases that do not hold here are skipped. Returns how many were checked.

    :raises AssertionError: naming the first few cases that differ, each with its explanation.
    """
    checked, wrong = 0, []
    for case in cases() if among is None else among:
        if not case.holds:
            continue
        checked += 1
        try:
            case.check(fires(case))
        except AssertionError as error:
            wrong.append(str(error))
    if wrong:
        shown = [f"{len(wrong)} of {checked} cases differ:", *wrong[:SHOWN], *["…"][: len(wrong) > SHOWN]]
        raise AssertionError("\n".join(shown))
    return checked


@lru_cache(maxsize=1)
def _all() -> tuple[Case, ...]:
    folder = files("purista.conformance")
    texts = (folder.joinpath(name).read_text("utf-8") for name in FILES)
    return tuple(_case(json.loads(line)) for text in texts for line in text.splitlines())


def _case(read: Mapping[str, Any]) -> Case:
    return Case(
        id=read["id"], rule=read["rule"], origin=Origin(read["origin"]), timezone=read["timezone"],
        expression=expression_from_dict(read["expression"]),
        starts_at=_optional(read.get("startAt")), ends_at=_optional(read.get("endAt")),
        start=_instant(read["from"]), end=_instant(read["to"]), due=tuple(map(_instant, read["due"])),
        explanation=read["explanation"], tzdata=read["tzdata"], offset=read["zone"]["offset"],
        transitions=tuple(
            Transition(_instant(one["at"]), one["before"], one["after"]) for one in read["zone"]["transitions"]
        ),
    )  # fmt: skip


def _instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _optional(text: str | None) -> int | None:
    return None if text is None else _instant(text)


def _seconds(instant: int | datetime) -> int:
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise AssertionError(f"expected epoch seconds or aware datetimes, got {instant!r}")
        return int(instant.timestamp())
    return instant


def _iso(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"
