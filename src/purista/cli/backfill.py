"""``purista backfill``: run what did not run in a stretch of the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from purista.cli.exits import OK, USAGE, Stop
from purista.cli.find import choose
from purista.cli.output import Cell, Output, Row, complain, iso
from purista.cli.when import utc
from purista.gateway.backfill import Slot, SlotState, slots
from purista.gateway.backfill import backfill as work
from purista.gateway.gateway import Gateway, Reply
from purista.schedulers.base import Call

__all__ = ["Wish", "backfill", "fill"]

SHOWN = 20
_STYLES = {SlotState.DONE: "green", SlotState.OPEN: "cyan", SlotState.COALESCED: "dim", SlotState.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. Instants in ms, ``rate`` a minute."""

    start: int
    end: int | None
    maximum: int
    rate: float | None
    again: bool
    force: bool
    dry_run: bool


async def backfill(gateway: Gateway, out: Output, key: str, wish: Wish) -> int:
    """Fill the slots of ``[start, end)`` that are still to be worked, oldest first, at most ``maximum``."""
    ledger = gateway.ledger
    key, now = choose(await ledger.notes.keys(), key), ledger.clock.now()
    end = now + 1 if wish.end is None else wish.end
    if not wish.start < end <= now + 1:
        raise Stop(USAGE, f"expected --from before --to and neither to come, got {utc(wish.start)} to {utc(end)}")
    if not wish.dry_run:
        await gateway.trigger(Call(key, source="backfill"))  # what is due is decided by its own policy first
    with out.progress(f"looking at {key}"):
        seen = [slot async for slot in slots(ledger, key, wish.start, end)]
    asked = [slot for slot in seen if slot.state.fillable or (wish.again and slot.state is not SlotState.OPEN)]
    chosen, left = asked[: wish.maximum], max(0, len(asked) - wish.maximum)
    gap = 0 if wish.rate is None else round(60_000 / wish.rate)
    filled = 0 if wish.dry_run else await fill(gateway, out, key, chosen, gap_ms=gap, force=wish.force)
    if out.as_json:
        out.document({
            "key": key, "from": iso(wish.start), "to": iso(end), "dryRun": wish.dry_run, "published": filled, "left": left,
            "slots": [
                {"scheduledAt": iso(s.at), "state": str(s.state), "reason": s.reason, "chosen": s in chosen}
                for s in seen
            ],
        })  # fmt: skip
        return OK
    _say(out, key, seen, chosen, left, wish, filled)
    return OK


async def fill(
    gateway: Gateway, out: Output, key: str, wanted: Sequence[Slot], *, gap_ms: int = 0, force: bool = False
) -> int:
    """Publish a replay for each slot, with progress where somebody looks; returns how many."""
    if not wanted:
        return 0
    with out.counted(f"backfilling {key}", len(wanted)) as step:

        def told(slot: Slot, _: Reply) -> None:
            step(utc(slot.at))

        def waits(slot: Slot, reply: Reply) -> None:
            complain(
                f"{utc(slot.at)} waits: {reply.detail}. Is a `purista worker` at it? Ctrl-C stops; who asks again goes on "
                "where it stood"
            )

        return await work(gateway, key, wanted, gap_ms=gap_ms, force=force, source="cli", told=told, waits=waits)


def _say(
    out: Output, key: str, seen: Sequence[Slot], chosen: Sequence[Slot], left: int, wish: Wish, filled: int
) -> None:
    counts = Counter(str(slot.state) for slot in seen)
    out.line(f"{key}: {len(seen)} slots: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    if wish.dry_run:
        rows: list[Row] = [
            [utc(s.at), Cell(str(s.state), _STYLES.get(s.state, "yellow")), s.reason] for s in chosen[:SHOWN]
        ]
        out.table(["would run", "now", "because"], rows)
        if len(chosen) > SHOWN:
            out.line(f"… and {len(chosen) - SHOWN} more", "dim")
        out.line("nothing was published (--dry-run)", "dim")
    else:
        out.line(f"{filled} published" if filled else "nothing to fill", "green")
    if left:
        out.line(f"{left} are left: ask again, or raise --max", "yellow")
