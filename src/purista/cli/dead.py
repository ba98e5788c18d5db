"""``purista dead``: messages that were put aside, and bringing them back."""

from __future__ import annotations

from collections.abc import Sequence

from purista.cli.desk import heading
from purista.cli.exits import OK, USAGE, Stop
from purista.cli.letters import Letters
from purista.cli.output import Output, Row, iso
from purista.cli.when import utc
from purista.ledgers.base import Ledger
from purista.ledgers.notes import DeadLetter

__all__ = ["list_dead", "requeue", "show"]

ALL = 1_000_000


async def list_dead(
    ledger: Ledger, letters: Letters, out: Output, *, address: str | None, limit: int, app: str | None = None
) -> int:  # fmt: skip
    """Dead letters, newest first. ``app`` is how this command found them, for the next one to do so."""
    found = await letters.dead(address, limit)
    if out.as_json:
        out.document({"dead": [_document(letter) for letter in found]})
        return OK
    heading(ledger, out)
    rows: list[Row] = [
        [letter.id, letter.address, utc(letter.died_at), _tried(letter), letter.reason] for letter in found
    ]
    out.table(["id", "address", "put aside", "tried", "why"], rows)
    if not found:
        out.line("no dead letters", "green")
    else:
        out.line("bring one back: purista dead requeue ID" + (f" --app {app}" if app else ""), "dim")
    if letters.remark:
        out.line(letters.remark, "dim")
    return OK


async def show(letters: Letters, out: Output, *, id: str) -> int:
    """One dead letter with its message."""
    letter = _one(await letters.dead(None, ALL), id)
    if out.as_json:
        out.document({**_document(letter), "message": letter.body})
        return OK
    out.line(f"{letter.id}  {letter.address}", "bold")
    out.line(f"put aside {utc(letter.died_at)} after {letter.attempts or 'its'} attempts: {letter.reason}")
    out.line(letter.body)
    return OK


async def requeue(letters: Letters, out: Output, *, ids: Sequence[str], everything: bool) -> int:
    """Bring dead letters back with fresh attempts. A handler of a run asks for its permit again, as for any message."""
    if everything == bool(ids):
        raise Stop(
            USAGE, "expected ids or --all, got " + ("both" if ids else "neither") + "; purista dead list shows ids"
        )
    everyone = await letters.dead(None, ALL)
    back = await letters.requeue([_one(everyone, id_) for id_ in ids] if ids else everyone)
    if out.as_json:
        out.document({"requeued": back})
    else:
        out.line(f"{len(back)} brought back", "green" if back else "")
    return OK


def _one(letters: Sequence[DeadLetter], wanted: str) -> DeadLetter:
    """By its id, or the unique beginning of one."""
    found = [letter for letter in letters if letter.id.startswith(wanted)]
    exact = [letter for letter in found if letter.id == wanted] or found
    if len(exact) == 1:
        return exact[0]
    what = "none" if not exact else f"{len(exact)} that begin so"
    raise Stop(
        USAGE, f"expected the id of a dead letter, got {wanted!r}, which is {what}; purista dead list shows them"
    )


def _tried(letter: DeadLetter) -> str:
    """A broker does not say how often."""
    return f"{letter.attempts}×" if letter.attempts else ""


def _document(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id, "address": letter.address, "diedAt": iso(letter.died_at), "attempts": letter.attempts or None,
        "reason": letter.reason,
    }  # fmt: skip
