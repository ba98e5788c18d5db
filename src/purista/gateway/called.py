"""A call that came as an ask over the event bridge: decided as one over HTTP is."""

from __future__ import annotations

from dataclasses import replace

from purista.errors import UnknownSchedule
from purista.gateway.backfill import slots
from purista.gateway.gateway import Gateway, Reply
from purista.gateway.plan import Answer
from purista.ledgers.base import Decision
from purista.permits.calls import Told
from purista.schedulers.base import Call, CallKind

__all__ = ["called"]

RUNS = frozenset({Decision.CLAIMED, Decision.HELD, Decision.PUBLISHED})


async def called(gateway: Gateway, call: Call) -> Told:
    """What is due, what somebody wants now, or an occurrence that nobody ran."""
    if call.kind is CallKind.REPLAY:
        return await _filled(gateway, call)
    return _told(await gateway.trigger(call))


async def _filled(gateway: Gateway, call: Call) -> Told:
    """What is due is decided by its own policy first; then the instant is run, if nobody did."""
    await gateway.trigger(Call(call.key, source=call.source))
    at = call.scheduled_at or 0
    try:
        found = [slot async for slot in slots(gateway.ledger, call.key, at, at + 1)]
    except UnknownSchedule as error:
        return Told(Answer.REFUSED.value, str(error))
    if not found or not found[0].state.fillable:
        return Told(Answer.DUPLICATE.value, found[0].reason if found else "no occurrence of this schedule")
    return _told(await gateway.trigger(replace(call, request=found[0].request)))


def _told(reply: Reply) -> Told:
    """A bridge's own words about itself (addresses, errors) stay here."""
    detail = "the messages are not confirmed yet" if reply.answer is Answer.RETRY else reply.detail
    published = any(row.decision in RUNS for row in reply.rows)
    return Told(reply.answer.value, detail, published, reply.retry_after_ms)
