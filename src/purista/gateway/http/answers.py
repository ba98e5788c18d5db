"""A decision over HTTP: 202 something runs; 200 for every decided no, so that no scheduler repeats it; 503 call again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from purista.clock import to_iso
from purista.gateway.gateway import Reply
from purista.gateway.plan import Answer, Refusal
from purista.ledgers.base import Decision

__all__ = ["FAULTS", "Answered", "fault", "heard", "will_run"]

LISTED = 100
LONGEST_WAIT_S = 3_600
WILL_RUN = (Decision.PUBLISHED, Decision.CLAIMED, Decision.HELD)
FAILED_MS = 60_000
FAULTS: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "the request cannot be read"),
    401: ("unauthenticated", "no signature or token that is known"),
    403: ("forbidden", "this credential may not do that"),
    404: ("unknown", "there is no such schedule"),
    405: ("method_not_allowed", "this address takes another method"),
    408: ("too_slow", "the body did not come in time"),
    413: ("too_large", "the body is too large"),
    415: ("unsupported", "expected application/json without a content encoding"),
    429: ("too_many", "too many requests; call again later"),
    500: ("failed", "this is our mistake; the log has it"),
    503: ("unavailable", "it cannot be decided now; call again"),
}
"""The word and the sentence of each status. A sentence says nothing that an outsider may not know."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Status, document (or ready JSON text), and after how many ms to call again."""

    status: int
    document: Mapping[str, Any] | str
    retry_after_ms: int | None = None
    media: str = "application/json"

    @property
    def retry_after(self) -> str | None:
        """Whole seconds, at least 1, at most an hour."""
        if self.retry_after_ms is None:
            return None
        return str(min(max(1, -(-self.retry_after_ms // 1000)), LONGEST_WAIT_S))


def fault(status: int, detail: str | None = None, *, retry_after_ms: int | None = None) -> Answered:
    """An error. ``detail`` replaces the sentence where the caller is known and can do something about it."""
    word, sentence = FAULTS[status]
    return Answered(status, {"error": word, "detail": detail or sentence}, retry_after_ms)


def will_run(reply: Reply) -> bool:
    """Whether something runs because of this call."""
    return any(row.decision in WILL_RUN for row in reply.rows)


def heard(key: str, reply: Reply) -> Answered:
    """The answer to ``trigger`` and ``run``."""
    if reply.answer is Answer.REFUSED:
        return _refused(reply)
    retry = reply.answer is Answer.RETRY
    # what a bridge says about itself (addresses, errors) is for our log
    detail = "the bridge did not confirm" if retry and reply.rows else reply.detail
    document = {
        "schedule": key,
        "answer": str(reply.answer),
        "detail": detail,
        "published": will_run(reply) and not retry,
        "decided": [
            {
                "occurrenceId": row.occurrence_id, "scheduledAt": to_iso(row.scheduled_at), "decision": str(row.decision),
                "reason": row.reason, "count": row.count,
            }
            for row in reply.rows[:LISTED]
        ],
        "more": max(0, len(reply.rows) - LISTED),
    }  # fmt: skip
    if retry:
        return Answered(503, document, reply.retry_after_ms or 1_000)
    return Answered(202 if will_run(reply) else 200, document)


def _refused(reply: Reply) -> Answered:
    if reply.refusal is Refusal.MALFORMED:
        return fault(400, reply.detail)
    if reply.refusal is Refusal.FAILED:
        return fault(503, "this schedule cannot be decided; the gateway's log has the reason", retry_after_ms=FAILED_MS)
    return fault(404)
