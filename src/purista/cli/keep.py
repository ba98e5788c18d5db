"""``purista ledger``: copies of the receipt book, and forgetting what is old."""

from __future__ import annotations

from pathlib import Path

from purista.cli.exits import CONFIG, OK, USAGE, Stop
from purista.cli.output import Output, iso
from purista.cli.when import utc
from purista.ledgers.base import Ledger
from purista.sqlite.backup import backup as copy_ledger
from purista.sqlite.backup import restore as put_back

__all__ = ["backup", "purge", "restore", "restored"]

DAY_MS = 86_400_000
BATCH = 5_000


def backup(out: Output, source: str, target: Path) -> int:
    """Copy a ledger that is in use."""
    with out.progress(f"copying {source}"):
        size = copy_ledger(source, target)
    if out.as_json:
        out.document({"copy": str(target), "bytes": size})
    else:
        out.line(f"{target}: {size / 1_048_576:.1f} MiB", "green")
    return OK


def restore(out: Output, copy: Path, target: str, now: int) -> int:
    """Put a copy in the ledger's place; what was there is kept beside it."""
    put_back(copy, target, now)
    if out.as_json:
        out.document({"ledger": target, "from": str(copy)})
        return OK
    out.line(f"{target} is the copy {copy} now; what was there is beside it, with .before-{now} at its end", "green")
    _made_up_for(out)
    return OK


async def restored(ledger: Ledger, out: Output) -> int:
    """Tell a server's ledger that its database was put back from a copy."""
    tell = getattr(ledger, "restored", None)
    if tell is None:
        raise Stop(
            CONFIG, "expected a ledger on a server, got a file; write purista ledger restore FILE, which does both"
        )
    now = ledger.clock.now()
    await tell(now)
    if out.as_json:
        out.document({"restored": iso(now)})
        return OK
    out.line(f"restored at {utc(now)}: nothing that was due before is made up for by itself", "green")
    _made_up_for(out)
    return OK


def _made_up_for(out: Output) -> None:
    out.line("what was due since the copy may have run already, so nothing of it is made up for. Where it should be:")
    out.line("  purista recover --since TIME     decides by each schedule's policy, from TIME on")
    out.line("  purista backfill KEY --from TIME runs what did not run")


async def purge(ledger: Ledger, out: Output, *, payloads: int | None, records: int | None) -> int:
    """Forget payloads and records older than so many days."""
    if payloads is None and records is None:
        raise Stop(USAGE, "expected --payloads DAYS, --records DAYS or both, got neither")
    if payloads is not None and records is not None and payloads > records:
        raise Stop(USAGE, f"expected payloads to go before their records, got {payloads} and {records} days")
    now = ledger.clock.now()
    counts = {
        "payloads": await _forget(ledger, out, now, payloads, payloads_only=True),
        "records": await _forget(ledger, out, now, records, payloads_only=False),
    }
    if out.as_json:
        out.document(counts)
    else:
        out.line(f"forgot {counts['payloads']} payloads and {counts['records']} records", "green")
    return OK


async def _forget(ledger: Ledger, out: Output, now: int, days: int | None, *, payloads_only: bool) -> int:
    """In small commits, so that nobody waits long for the file."""
    if days is None:
        return 0
    total = 0
    with out.progress("forgetting " + ("payloads" if payloads_only else "records")):
        while count := await ledger.purge(now - days * DAY_MS, BATCH, payloads_only=payloads_only):
            total += count
    return total
