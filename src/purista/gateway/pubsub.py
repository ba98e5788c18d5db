"""A job's message, whichever way it came: what it asks is decided, and whether it should come again is answered.

What will never be right is recorded and taken: sent back it would come again for days. What cannot be decided now comes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum

from purista.errors import LedgerError
from purista.gateway.gateway import Gateway
from purista.gateway.plan import Answer, Refusal
from purista.gateway.recover import recover
from purista.schedulers.base import Call
from purista.schedulers.gcp.ingress import Message, Unreadable
from purista.telemetry import count

__all__ = ["Outcome", "heard", "rejected"]

log = logging.getLogger("purista.gateway.pubsub")
SWEEPS = 1_000


class Outcome(StrEnum):
    """What becomes of a message."""

    TAKEN = "taken"  # decided, or nothing to decide
    AGAIN = "again"  # cannot be decided now: it shall come again
    REJECTED = "rejected"  # will never be right: recorded, and taken


async def heard(gateway: Gateway, message: Message, *, source: str, allows: Callable[[str], bool]) -> Outcome:
    """Decide what a message asks. It has no time of its own: what is due now is decided, however late it comes, and one that
    comes again finds it decided. ``allows`` says for which schedules its sender may call.
    """
    try:
        if message.key is None:
            return await _swept(gateway)
        if not allows(message.key):
            return rejected(Unreadable(f"the sender may not call for {message.key[:200]!a}", message.id), source)
        reply = await gateway.trigger(Call(message.key, source=source))
    except LedgerError as error:
        log.warning("the ledger cannot answer: %s", error, extra={"action": "ledger_down"})
        return _counted(Outcome.AGAIN)
    if reply.answer is Answer.REFUSED and reply.refusal is not Refusal.FAILED:
        return rejected(Unreadable(reply.detail, message.id), source)
    again = reply.answer in (Answer.RETRY, Answer.REFUSED)
    return _counted(Outcome.AGAIN if again else Outcome.TAKEN)


async def _swept(gateway: Gateway) -> Outcome:
    """Finish what calls began, then decide what nobody called for: all that a gateway without an instance of its own misses."""
    await gateway.sweep(SWEEPS)
    for gap in (await recover(gateway)).waiting:
        log.warning("%s waits for consent: %s", gap.key, gap.asks, extra={"action": "recover"})
    return _counted(Outcome.TAKEN)


def rejected(why: Unreadable, source: str) -> Outcome:
    """Record a message that will never be right."""
    log.error("message %.100a from %s is no call: %s", why.id, source, why, extra={"action": "message_rejected"})
    return _counted(Outcome.REJECTED)


def _counted(outcome: Outcome) -> Outcome:
    count("pubsub.messages", outcome=str(outcome))
    return outcome
