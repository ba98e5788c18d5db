"""What ``decide`` answers: a plan of verdicts and endings. Values only."""

from __future__ import annotations

from enum import StrEnum

from purista.ledgers.base import Contract, Decision, OccurrenceClass, Run, RunState
from purista.values import value

__all__ = ["Answer", "Ending", "Plan", "Refusal", "Verdict"]


class Answer(StrEnum):
    """What a caller is told."""

    ACCEPTED = "accepted"  # something was decided by this call
    DUPLICATE = "duplicate"  # it had been decided before
    NOT_DUE = "not_due"  # nothing is due: an extra call
    RETRY = "retry"  # ask again: somebody is at it, or it lies ahead
    REFUSED = "refused"  # will never be right


class Refusal(StrEnum):
    """Why a call was refused, where that is not the schedule's own affair."""

    MALFORMED = "malformed"  # nobody could have meant this
    UNKNOWN = "unknown"  # no such schedule, and its service has registered
    FAILED = "failed"  # a contract that cannot be decided: the detail is for the operator, not for the caller


@value(frozen=True, slots=True)
class Verdict:
    """The decision about one occurrence, or about ``count`` of them from ``scheduled_at`` to ``last_at`` (ms).

    ``related`` is the instant of the occurrence that stands for this one, ``in_the_way`` the id of a blocking run.
    """

    scheduled_at: int
    decision: Decision
    reason: str
    contract: Contract
    occurrence_class: OccurrenceClass = OccurrenceClass.SCHEDULED
    request: str = ""
    related: int | None = None
    in_the_way: str | None = None
    last_at: int = 0
    count: int = 1
    late: bool = False


@value(frozen=True, slots=True)
class Ending:
    """An open run that this call ends or asks to give way (``open`` stays 2 until it does)."""

    run: Run
    state: RunState
    detail: str
    gives_way: bool = False


@value(frozen=True, slots=True)
class Plan:
    """Everything a call changes. Empty ``verdicts`` and ``endings``: nothing."""

    answer: Answer
    detail: str
    decided_until: int
    verdicts: tuple[Verdict, ...] = ()
    endings: tuple[Ending, ...] = ()
    released: tuple[Run, ...] = ()  # held occurrences whose slot is free now
    retry_after_ms: int | None = None

    @property
    def changes(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self.verdicts or self.endings or self.released)
