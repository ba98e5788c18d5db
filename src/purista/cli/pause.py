"""``purista pause`` and ``purista resume``."""

from __future__ import annotations

import getpass

from purista.cli.backfill import fill
from purista.cli.exits import OK, USAGE, Stop
from purista.cli.find import choose
from purista.cli.output import Output, iso
from purista.cli.when import utc
from purista.gateway import pauses
from purista.gateway.catch_up import CatchUp, resume_with
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Ledger

__all__ = ["pause", "resume"]


async def pause(
    ledger: Ledger, out: Output, *, key: str, reason: str, until: int | None, by: str | None, app: str | None = None
) -> int:  # fmt: skip
    """Pause a schedule. ``until`` in ms; ``app`` is how this command found the ledger, for the next one to do so."""
    key, now = choose(await ledger.notes.keys(), key), ledger.clock.now()
    if not reason.strip():
        raise Stop(USAGE, 'expected a reason, got none; write --reason "the database moves"')
    if until is not None and until <= now:
        raise Stop(USAGE, f"--until: expected a time to come, got {utc(until)}")
    made = await pauses.pause(ledger, key, by=by or _me(), reason=reason.strip(), until=until)
    if out.as_json:
        out.document({
            "key": key, "by": made.by, "reason": made.reason, "since": iso(made.since), "until": iso(made.until),
        })  # fmt: skip
        return OK
    end = "until it is resumed" if made.until is None else f"until {utc(made.until)}"
    out.line(f"{key}: paused by {made.by} {end}: {made.reason}", "yellow")
    out.line(f"resume it: purista resume {key}" + (f" --app {app}" if app else ""), "dim")
    return OK


async def resume(gateway: Gateway, out: Output, *, key: str, catch_up: str, by: str | None, maximum: int) -> int:
    """End a pause, and make up for it as asked."""
    if catch_up not in list(CatchUp):
        raise Stop(USAGE, f"--catch-up: expected none, once or all, got {catch_up!r}")
    key = choose(await gateway.ledger.notes.keys(), key)
    done = await resume_with(gateway, key, by=by or _me(), catch_up=CatchUp(catch_up))
    filled = await fill(gateway, out, key, done.slots[:maximum])
    left = max(0, len(done.slots) - maximum)
    if out.as_json:
        paused = done.pause
        out.document({
            "key": key, "wasPaused": paused is not None, "since": None if paused is None else iso(paused.since),
            "published": filled, "left": left,
        })  # fmt: skip
        return OK
    if done.pause is None:
        out.line(f"{key}: it was not paused", "yellow")
        return OK
    out.line(f"{key}: resumed; it was paused by {done.pause.by} since {utc(done.pause.since)}", "green")
    if done.slots:
        out.line(f"{filled} of the pause are made up for" + (f", {left} are left (--max)" if left else ""))
    return OK


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id
        return "unknown"
