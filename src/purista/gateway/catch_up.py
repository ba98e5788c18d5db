"""Resume a schedule and make up for its pause: nothing, the latest occurrence, or all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from purista.gateway.backfill import Slot, slots
from purista.gateway.gateway import Gateway
from purista.gateway.pauses import resume
from purista.ledgers.base import Pause
from purista.schedulers.base import Call

__all__ = ["CatchUp", "Resumed", "resume_with"]


class CatchUp(StrEnum):
    """What is made up for when a pause ends."""

    NONE = "none"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause that ended (None: there was none), and the slots to fill now, oldest first."""

    pause: Pause | None
    slots: tuple[Slot, ...] = ()


async def resume_with(gateway: Gateway, key: str, *, by: str, catch_up: CatchUp = CatchUp.NONE) -> Resumed:
    """End the pause. First everything that fell into it is decided, as paused, so that nothing is released by surprise.

    :raises purista.errors.UnknownSchedule: no contract is registered under ``key``.
    """
    ledger = gateway.ledger
    now = ledger.clock.now()
    await gateway.trigger(Call(key, source="resume"))
    ended = await resume(ledger, key, by=by)
    if ended is None or catch_up is CatchUp.NONE:
        return Resumed(ended)
    until = now + 1 if ended.until is None else min(now + 1, ended.until)
    paused = [slot async for slot in slots(ledger, key, ended.since, until) if slot.paused]
    return Resumed(ended, tuple(paused[-1:] if catch_up is CatchUp.ONCE else paused))
