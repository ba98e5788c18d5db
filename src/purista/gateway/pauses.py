"""Pause and resume a schedule: who, why, until when; written down, and kept across deploys."""

from __future__ import annotations

from dataclasses import replace

from purista.errors import LedgerError, UnknownSchedule
from purista.gateway.compose import change_of
from purista.ledgers.base import Change, Ledger, LedgerView, Pause

__all__ = ["pause", "resume"]

STALE_TRIES = 50


async def pause(ledger: Ledger, key: str, *, by: str, reason: str, until: int | None = None) -> Pause:
    """Stop deciding for publication from now on. Paused already: reason and end are replaced, its begin stays.

    :param until: ms, UTC; None lasts until it is resumed.
    :raises purista.errors.UnknownSchedule: no contract is registered under ``key``.
    """
    view = await _view(ledger, key)
    for _ in range(STALE_TRIES):
        now = ledger.clock.now()
        before = _lasting(view, now)
        after = Pause(by, reason, now if before is None else before.since, until)
        ends = "" if until is None else f" until {until}"
        if await _written(ledger, view, after, ("pause", by, f"{reason}{ends}")):
            return after
        view = await _view(ledger, key)
    raise _too_busy(key)


async def resume(ledger: Ledger, key: str, *, by: str) -> Pause | None:
    """Decide again as usual; the pause that ended, or None when there was none.

    What fell into the pause and was not decided yet, is decided as paused by the next call or ``recover``: call one of them
    first (the pause is what tells them).

    :raises purista.errors.UnknownSchedule: no contract is registered under ``key``.
    """
    for _ in range(STALE_TRIES):
        view = await _view(ledger, key)
        before = view.lineage.pause
        if before is None:
            return None
        if await _written(ledger, view, None, ("resume", by, f"paused by {before.by}: {before.reason}")):
            return before
    raise _too_busy(key)


def _lasting(view: LedgerView, now: int) -> Pause | None:
    before = view.lineage.pause
    return None if before is None or (before.until is not None and before.until <= now) else before


async def _view(ledger: Ledger, key: str) -> LedgerView:
    view = (await ledger.load([key]))[0]
    if view is None:
        raise UnknownSchedule(f"expected a registered schedule, got {key!r}; `purista status` lists them")
    return view


async def _written(ledger: Ledger, view: LedgerView, pause: Pause | None, audit: tuple[str, str, str]) -> bool:
    change: Change = replace(change_of(view, [], now=ledger.clock.now()), pause=pause, audit=(audit,))
    return (await ledger.commit([change]))[0]


def _too_busy(key: str) -> LedgerError:
    return LedgerError(f"the ledger is too busy: {STALE_TRIES} attempts to change {key} were overtaken")
