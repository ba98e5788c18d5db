"""What requests carry, and what answers look like: one declaration for reading them and for the OpenAPI document."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from purista.clock import to_ms

__all__ = [
    "ActDone", "Ask", "BackfillAsk", "Backfilled", "Fault", "Heard", "HistoryPage", "HistoryQuery", "Manifested", "PauseAsk",
    "Readiness", "ResumeAsk", "RunAsk", "TriggerAsk",
]  # fmt: skip

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
INSTANT_PATTERN = (
    r"^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,3})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])$"
)
"""For generators: every text of it is an instant (of the days 1 to 28, which every month has)."""


def instant(value: object) -> object:
    """Milliseconds of an RFC 3339 instant; what is no text goes on to the type check."""
    if not isinstance(value, str):
        raise ValueError("expected an instant with its offset as text, such as 2026-11-01T02:00:00+01:00")  # noqa: TRY004 - pydantic's
    if not _INSTANT.fullmatch(value):
        raise ValueError("expected an instant with its offset, such as 2026-11-01T02:00:00+01:00")
    return to_ms(datetime.fromisoformat(value.upper()))


Instant = Annotated[
    int,
    BeforeValidator(instant),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN, "examples": ["2026-11-01T01:00:00Z"]}
    ),
]


def whole(value: object) -> object:
    """``100.0`` is an integer in JSON Schema, and so it is here."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# the bounds stand before the validator: pydantic leaves them out of the schema where they come after it
Attempt = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(whole)]
Few = Annotated[int, Field(ge=1, le=100), BeforeValidator(whole)]
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_CURSOR = r"^[0-9]{1,15}~[\x21-\x7e]{1,180}$"
Words = Annotated[str, Field(min_length=1, max_length=500, pattern=rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$")]
Cursor = Annotated[str, Field(max_length=200, pattern=_CURSOR)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Ask(_Ask):
    """Every body may repeat what its address says; a signed one must, because a signature covers the body alone."""

    schedule: str | None = Field(None, description="the key in the address; required when the request is signed")
    operation: str | None = Field(None, description="the operation in the address; required when the request is signed")


class TriggerAsk(Ask):
    """Something may be due."""

    scheduled_at: Instant | None = Field(
        None, description="the occurrence meant: a claim, checked against the contract"
    )
    attempt: Attempt | None = Field(None, description="the caller's count; not used")


class RunAsk(Ask):
    """One more occurrence, now."""

    request: Name | None = Field(
        None, description="names this wish: the same again is a duplicate. Default: webhook-id"
    )
    force: bool = Field(default=False, description="even while a run is open")


class PauseAsk(Ask):
    """Decide what falls due as paused."""

    reason: Words
    until: Instant | None = Field(None, description="ends by itself then")
    by: Words | None = Field(None, description="who wants it; kept beside the credential's id")


class ResumeAsk(Ask):
    """End a pause."""

    catch_up: Literal["none", "once", "all"] = "none"
    max: Few = Field(10, description="with all: no more than so many")
    by: Words | None = None


class BackfillAsk(Ask):
    """Run what did not run, or failed, in a stretch of the past; at most 92 days."""

    from_: Instant = Field(alias="from", description="the first instant")
    to: Instant | None = Field(None, description="before this one; default: now")
    max: Few = 10
    again: bool = Field(default=False, description="also what was worked before")
    force: bool = Field(default=False, description="even while a run is open")
    dry_run: bool = False


class HistoryQuery(_Ask):
    """Which page of the records, newest first."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True, alias_generator=to_camel)  # a query is text

    limit: int = Field(20, ge=1, le=200)
    since: Instant | None = Field(None, description="from this instant on")
    until: Instant | None = Field(None, description="before this one")
    before: Cursor | None = Field(None, description="`next` of the page before")


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Decided(_Told):
    """An occurrence that this call decided, or a stretch of ``count`` equal ones."""

    occurrence_id: str
    scheduled_at: str
    decision: str
    reason: str
    count: int


class Heard(_Told):
    """What became of a call. ``published``: something runs because of it."""

    schedule: str
    answer: Literal["accepted", "duplicate", "not_due", "retry"]
    detail: str
    published: bool
    decided: list[Decided]
    more: int = Field(description="decisions beyond those listed")


class ActDone(_Told):
    """What became of a pause or its end."""

    schedule: str
    answer: Literal["paused", "resumed", "not_paused", "duplicate"]
    by: str | None
    reason: str | None
    since: str | None
    until: str | None
    published: int
    left: bool


class Filled(_Told):
    """A slot of the past and what it is now."""

    scheduled_at: str
    state: str
    reason: str


class Backfilled(_Told):
    """What was made up for. ``left``: ask again."""

    schedule: str
    dry_run: bool
    published: int
    left: bool
    retry_after_ms: int | None
    slots: list[Filled]


class HistoryPage(_Told):
    """Decided occurrences, newest first."""

    schedule: str
    occurrences: list[dict[str, Any]]
    next: str | None


class Manifested(BaseModel):
    """A manifest (``purista manifest --help``)."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)
    format_version: int
    schedules: list[dict[str, Any]]


class Readiness(_Told):
    """Whether calls can be answered now, and which part stands in the way."""

    ready: bool
    checks: dict[str, bool]


class Fault(_Told):
    """Why not. ``error`` is a word for programs, ``detail`` a sentence for people."""

    error: str
    detail: str
