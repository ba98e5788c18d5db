"""What each operation does once its caller is known and allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from purista import metrics as counted
from purista.auth.credentials import Caller
from purista.clock import to_iso
from purista.contract.manifest import Manifest
from purista.errors import UnknownSchedule
from purista.gateway import pauses
from purista.gateway.backfill import Slot, SlotState, slots
from purista.gateway.catch_up import CatchUp, resume_with
from purista.gateway.documents import run_document
from purista.gateway.gateway import Gateway
from purista.gateway.gauges import behind
from purista.gateway.http.answers import Answered, fault, heard, will_run
from purista.gateway.plan import Answer
from purista.ledgers.base import Pause, Query
from purista.schedulers.base import Call, CallKind

__all__ = ["Asked", "backfill", "history", "manifest", "metrics", "pause", "resume", "run", "trigger"]

LONGEST_STRETCH_MS = 92 * 86_400_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose caller may make it. ``body`` and ``query`` are the operation's own shapes."""

    gateway: Gateway
    caller: Caller
    key: str
    body: Any = None
    query: Any = None

    @property
    def source(self) -> str:
        """Who it was, as records keep it."""
        return f"http:{self.caller.grant.id}"

    def by(self, name: str | None) -> str:
        """Who wants it: the name is the caller's word, the credential is ours."""
        return f"{name} via {self.caller.grant.id}" if name else self.caller.grant.id


async def trigger(asked: Asked) -> Answered:
    """Something may be due."""
    call = Call(asked.key, scheduled_at=asked.body.scheduled_at, source=asked.source)
    return heard(asked.key, await asked.gateway.trigger(call))


async def run(asked: Asked) -> Answered:
    """One more occurrence, now. Its name comes from the caller, so that a replayed request is a duplicate."""
    request = asked.body.request or asked.caller.message
    if not request:
        return fault(400, 'expected a request id, so that the same request again is a duplicate; write "request": "…"')
    call = Call(asked.key, CallKind.MANUAL, request=request, source=asked.source, force=asked.body.force)
    return heard(asked.key, await asked.gateway.trigger(call))


async def pause(asked: Asked) -> Answered:
    """Decide what falls due as paused."""
    ledger, body = asked.gateway.ledger, asked.body
    if body.until is not None and body.until <= ledger.clock.now():
        return fault(400, f"$.until: expected a time to come, got {to_iso(body.until)}")
    made = await pauses.pause(ledger, asked.key, by=asked.by(body.by), reason=body.reason, until=body.until)
    return _paused(asked.key, "paused", made)


async def resume(asked: Asked) -> Answered:
    """End a pause, and make up for it as far as that goes without waiting."""
    body = asked.body
    done = await resume_with(asked.gateway, asked.key, by=asked.by(body.by), catch_up=CatchUp(body.catch_up))
    filled, left, _ = await _fill(asked, done.slots[: body.max], force=False)
    word = "not_paused" if done.pause is None else "resumed"
    return _paused(asked.key, word, done.pause, filled, left=left or len(done.slots) > body.max)


def _paused(key: str, answer: str, pause: Pause | None, published: int = 0, *, left: bool = False) -> Answered:
    document = {
        "schedule": key, "answer": answer, "by": None if pause is None else pause.by,
        "reason": None if pause is None else pause.reason, "since": None if pause is None else to_iso(pause.since),
        "until": None if pause is None or pause.until is None else to_iso(pause.until), "published": published, "left": left,
    }  # fmt: skip
    return Answered(200, document)


async def backfill(asked: Asked) -> Answered:
    """Run what did not run in a stretch of the past, oldest first; stops where it would have to wait (``left``)."""
    body, ledger = asked.body, asked.gateway.ledger
    now = ledger.clock.now()
    end = now + 1 if body.to is None else body.to
    if not body.from_ < end <= now + 1 or end - body.from_ > LONGEST_STRETCH_MS:
        return fault(400, "$: expected from before to, neither to come, at most 92 days apart")
    if not body.dry_run:
        await asked.gateway.trigger(
            Call(asked.key, source=asked.source)
        )  # what is due is decided by its own policy first
    chosen: list[Slot] = []
    async for slot in slots(ledger, asked.key, body.from_, end):
        if slot.state.fillable or (body.again and slot.state is not SlotState.OPEN):
            chosen.append(slot)
            if len(chosen) > body.max:
                break
    more, chosen = len(chosen) > body.max, chosen[: body.max]
    filled, left, wait = (0, False, None)
    if not body.dry_run:
        filled, left, wait = await _fill(asked, chosen, force=body.force, again=body.again)
    document = {
        "schedule": asked.key, "dryRun": body.dry_run, "published": filled, "left": left or more, "retryAfterMs": wait,
        "slots": [{"scheduledAt": to_iso(s.at), "state": str(s.state), "reason": s.reason} for s in chosen],
    }  # fmt: skip
    return Answered(202 if filled else 200, document)


async def _fill(
    asked: Asked, wanted: Sequence[Slot], *, force: bool, again: bool = False
) -> tuple[int, bool, int | None]:
    """How many were published, whether some are left, and when to ask for them (ms).

    ``again`` fills what is filled: the signed message names such a replay, so that the same message once more is a duplicate.
    """
    filled = 0
    for slot in wanted:
        named = again and asked.caller.message
        request = f"{to_iso(slot.at)}#{asked.caller.message}" if named else slot.request
        call = Call(asked.key, CallKind.REPLAY, slot.at, request, asked.source, force=force)
        reply = await asked.gateway.trigger(call)
        if reply.answer in (Answer.RETRY, Answer.REFUSED):
            return filled, True, reply.retry_after_ms
        filled += will_run(reply)
    return filled, False, None


async def history(asked: Asked) -> Answered:
    """Decided occurrences and how their runs ended."""
    query, ledger = asked.query, asked.gateway.ledger
    if (await ledger.load([asked.key]))[0] is None:
        raise UnknownSchedule(asked.key)
    at, _, occurrence = (query.before or "").partition("~")
    page = await ledger.history(
        Query(
            key=asked.key, start=query.since, end=query.until, limit=query.limit,
            before=(int(at), occurrence) if at else None,
        )
    )  # fmt: skip
    document = {
        "schedule": asked.key,
        "occurrences": [run_document(found) for found in page.rows],
        "next": None if page.next is None else f"{page.next[0]}~{page.next[1]}",
    }
    return Answered(200, document)


async def manifest(asked: Asked) -> Answered:
    """The contracts in force that the caller may see."""
    live: dict[str, Any] = {}
    for _, lineages in await asked.gateway.ledger.registered():
        for lineage in lineages:
            schedule = lineage.contracts[-1].schedule
            if schedule is not None and asked.caller.grant.covers(schedule.key):
                live[schedule.key] = schedule
    text = Manifest(schedules=tuple(live.values())).to_json()
    return Answered(200, text)


async def metrics(asked: Asked) -> Answered:
    """How far each schedule is behind that the caller may see, and what this process has counted."""
    grant = asked.caller.grant
    text = await behind(asked.gateway.ledger, seen=grant.covers)
    process = counted.text() if grant.covers_all else ""  # its labels name everybody's handlers
    return Answered(200, text + process, media=counted.CONTENT_TYPE)
