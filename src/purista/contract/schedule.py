"""What is declared: one frozen value per schedule. Validation of combinations lives in ``contract.rules``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from purista.recurrence import Expression, Recurrence

__all__ = ["ConcurrencyPolicy", "MissedRunPolicy", "Schedule", "Target", "TargetKind"]


class ConcurrencyPolicy(StrEnum):
    """What happens when an occurrence is due while an earlier run of the same schedule is still open."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


class MissedRunPolicy(StrEnum):
    """What happens with occurrences nobody called for in time."""

    SKIP = "skip"
    RUN_ONCE = "runOnce"
    BACKFILL = "backfill"


class TargetKind(StrEnum):
    """What a trigger turns into."""

    EVENT = "event"
    QUEUE = "queue"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the message goes: an event name, a queue name or a command of a service."""

    kind: TargetKind
    name: str
    service: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One trigger contract.

    Times are milliseconds. ``service`` and ``version`` are the target service's, which by default is the declaring
    one, and make the key (PURISTA's rule). ``stated`` names the options that code wrote down itself; it is for
    ``check`` only and takes no part in equality or in the digest.
    """

    service: str
    version: str
    name: str
    description: str
    expression: Expression
    timezone: str = "UTC"
    target: Target
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.ALLOW
    missed_run_policy: MissedRunPolicy = MissedRunPolicy.SKIP
    max_catch_up_count: int | None = None
    start_deadline_ms: int | None = None
    run_timeout_ms: int | None = None
    jitter_window_ms: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    idempotency_key: str | None = None
    payload: Any = None
    payload_schema: Mapping[str, Any] | None = None
    parameter: Any = None
    parameter_schema: Mapping[str, Any] | None = None
    completed_by: str | None = None
    renamed_from: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    scheduler_group: str = "default"
    enabled_by_default: bool = True
    provider_hints: Mapping[str, Any] | None = None
    stated: frozenset[str] = field(default=frozenset(), compare=False)
    _recurrence: Recurrence | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def key(self) -> str:
        """``service/version/name``: the schedule's name everywhere."""
        return f"{self.service}/{self.version}/{self.name}"

    def recurrence(self) -> Recurrence:
        """The rule that yields the occurrences: expression, zone, start and end. Made once."""
        if self._recurrence is not None:
            return self._recurrence
        rule = Recurrence(
            self.expression,
            timezone=self.timezone,
            start=None if self.start_ms is None else -(-self.start_ms // 1000),
            end=None if self.end_ms is None else -(-self.end_ms // 1000),
        )
        object.__setattr__(self, "_recurrence", rule)  # derived: it takes no part in equality
        return rule
