"""The same decision over all schedules, for occurrences that nobody called for: after a downtime, or by an hourly entry.

It answers a call like any other, so several at once do no harm. What a person should look at first is not decided: a gap
longer than a limit, and one that the ledger did not live through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from purista.clock import to_iso
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Decision, Ledger, Lineage
from purista.schedulers.base import Call

__all__ = ["GAP_LIMIT_MS", "Gap", "Recovered", "overdue", "recover"]

GAP_LIMIT_MS = 7 * 86_400_000
"""A longer gap is rather a wrong clock or a forgotten machine than a downtime: a person is asked."""
AHEAD_MS = 60_000
"""Calls come early by seconds at most; what is decided further ahead was decided by a wrong clock."""
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Gap:
    """A schedule with undecided occurrences since ``oldest`` (ms). ``asks``: why a person must consent, if so.

    ``ahead``: nothing is undecided, on the contrary: a clock that was wrong had its future decided, ``lag_ms`` from now.
    """

    key: str
    oldest: int
    lag_ms: int
    asks: str | None = None
    ahead: bool = False


@dataclass(slots=True)
class Recovered:
    """What was decided, and which gaps wait for consent."""

    decided: int = 0
    published: int = 0
    waiting: list[Gap] = field(default_factory=list)


async def gaps(ledger: Ledger, now: int, *, limit_ms: int = GAP_LIMIT_MS) -> AsyncIterator[Gap]:
    """Every schedule that has an occurrence due and undecided at ``now`` (ms)."""
    seen: set[str] = set()
    for _, lineages in await ledger.registered():
        for lineage in lineages:
            if lineage.lineage in seen:
                continue
            seen.add(lineage.lineage)
            ahead = lineage.decided_until - now
            if ahead > AHEAD_MS and lineage.contracts[-1].schedule is not None:
                why = f"decided up to {to_iso(lineage.decided_until)} by a clock that was ahead: nothing fires before"
                yield Gap(lineage.key, now, ahead, why, ahead=True)
                continue
            oldest = _oldest(lineage, now)
            if oldest is None:
                continue
            asks = None
            if oldest < ledger.epoch:
                asks = "the ledger was restored from a copy: what was due before may have run already"
            elif now - oldest > limit_ms:
                asks = f"the gap is longer than {limit_ms // 3_600_000} h: is the clock right?"
            yield Gap(lineage.key, oldest, now - oldest, asks)


async def recover(
    gateway: Gateway, *, consent: bool = False, since: int | None = None, limit_ms: int = GAP_LIMIT_MS,
    told: Callable[[Gap], None] | None = None,
) -> Recovered:  # fmt: skip
    """Decide all that is due and undecided, by each schedule's own policy.

    :param consent: also gaps above ``limit_ms``.
    :param since: also what the ledger did not live through, from this instant (ms) on; older ones are decided missed.
    """
    result = Recovered()
    ready: list[Gap] = []
    async for gap in gaps(gateway.ledger, gateway.ledger.clock.now(), limit_ms=limit_ms):
        allowed = gap.asks is None or since is not None or (consent and gap.oldest >= gateway.ledger.epoch)
        allowed = allowed and not gap.ahead  # no decision mends it
        (ready if allowed else result.waiting).append(gap)
    for first in range(0, len(ready), AT_ONCE):
        batch = ready[first : first + AT_ONCE]
        calls = [Call(gap.key, source="recover", since=since) for gap in batch]
        for gap, reply in zip(batch, await gateway.trigger_all(calls), strict=True):
            result.decided += sum(row.count for row in reply.rows)
            result.published += sum(row.decision in (Decision.PUBLISHED, Decision.CLAIMED) for row in reply.rows)
            if told is not None:
                told(gap)
    return result


async def overdue(ledger: Ledger, now: int, *, grace_ms: int = 0) -> list[Gap]:
    """The dead-man check: what is due for longer than its scheduler's stated lateness and ``grace_ms``, and undecided.

    Also what a clock that was ahead has decided before its time. A schedule under a lasting pause is not overdue.
    """
    late: list[Gap] = []
    by_key = {lineage.key: lineage for _, lineages in await ledger.registered() for lineage in lineages}
    async for gap in gaps(ledger, now):
        lineage = by_key[gap.key]
        pause = lineage.pause
        paused = pause is not None and (pause.until is None or now < pause.until)
        if not paused and gap.lag_ms > lineage.contracts[-1].lateness + grace_ms:
            late.append(gap)
    return sorted(late, key=lambda gap: gap.oldest)


def _oldest(lineage: Lineage, now: int) -> int | None:
    """The first undecided occurrence that is due, by the contract in force at its instant (ms)."""
    contracts = lineage.contracts
    for index, contract in enumerate(contracts):
        ends = min((later.effective_from for later in contracts[index + 1 :]), default=now + 1)
        begins = max(contract.effective_from, lineage.decided_until + 1)
        if contract.schedule is None or begins >= ends:
            continue
        found = contract.schedule.recurrence().next_timestamp(-(-begins // 1000) - 1)
        if found is not None and found * 1000 < ends and found * 1000 <= now:
            return found * 1000
    return None
