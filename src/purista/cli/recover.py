"""``purista recover`` and ``purista overdue``: what nobody called for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from purista.cli.desk import heading
from purista.cli.exits import OK, PROBLEMS
from purista.cli.output import Cell, Output, Row, complain, iso
from purista.cli.when import duration, utc
from purista.gateway.gateway import Gateway
from purista.gateway.gauges import behind
from purista.gateway.recover import Gap
from purista.gateway.recover import overdue as find_overdue
from purista.gateway.recover import recover as work
from purista.ledgers.base import Ledger

__all__ = ["overdue", "recover"]

NOTHING_WATCHED = "no schedules are registered: nothing is watched"


async def recover(gateway: Gateway, out: Output, *, consent: bool, since: int | None) -> int:
    """Decide all that is due and undecided. ``since`` in ms."""
    with out.progress("deciding what nobody called for"):
        done = await work(gateway, consent=consent, since=since)
    if out.as_json:
        out.document({
            "decided": done.decided, "published": done.published, "waiting": [_document(gap) for gap in done.waiting],
        })  # fmt: skip
    else:
        out.line(f"{done.decided} decided, {done.published} of them published", "green" if done.decided else "")
        rows: list[Row] = [[gap.key, utc(gap.oldest), Cell(gap.asks or "", "yellow")] for gap in done.waiting]
        out.table(["schedule", "undecided since", "asks for consent"], rows)
        if done.waiting:
            out.line("purista recover --consent decides long gaps; after a restore write --since TIME", "dim")
    return PROBLEMS if done.waiting else OK


async def overdue(ledger: Ledger, out: Output, *, grace_ms: int, metrics: bool) -> int:
    """Print what is due for too long and undecided. A ledger in which nothing is watched is a problem, too."""
    now = ledger.clock.now()
    late, watched = await find_overdue(ledger, now, grace_ms=grace_ms), await _watched(ledger)
    if metrics:
        sys.stdout.write(await behind(ledger, late))
        if not watched:
            complain(NOTHING_WATCHED)
        return OK
    if out.as_json:
        out.document({"now": iso(now), "schedules": watched, "overdue": [_document(gap) for gap in late]})
    else:
        heading(ledger, out)
        _print(out, late)
        if not watched:
            out.line(NOTHING_WATCHED, "red")
        elif not late:
            out.line("nothing is overdue", "green")
    return OK if watched and not late else PROBLEMS


async def _watched(ledger: Ledger) -> int:
    """How many schedules have a contract."""
    return len({
        lineage.lineage for _, lineages in await ledger.registered() for lineage in lineages
        if lineage.contracts[-1].schedule is not None
    })  # fmt: skip


def _print(out: Output, late: Sequence[Gap]) -> None:
    due = [gap for gap in late if not gap.ahead]
    out.table(["schedule", "due since", "for"], [[g.key, utc(g.oldest), Cell(duration(g.lag_ms), "red")] for g in due])
    for gap in late:
        if gap.ahead:
            out.line(f"{gap.key} is {gap.asks}", "red")


def _document(gap: Gap) -> dict[str, object]:
    return {"key": gap.key, "oldest": iso(gap.oldest), "behindMs": gap.lag_ms, "asks": gap.asks}
