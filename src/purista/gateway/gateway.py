"""Load, decide, commit, answer. Concurrent calls share one load and one commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakValueDictionary

from purista.errors import LedgerError, PuristaError
from purista.gateway import runs as run_rules
from purista.gateway.batches import Batches
from purista.gateway.calls import malformed
from purista.gateway.compose import CLAIM_LEASE_MS, Composer, asleep, manual_id
from purista.gateway.decide import Answer, Plan, decide
from purista.gateway.idempotency import respect
from purista.gateway.plan import Refusal
from purista.gateway.publishing import STALE_TRIES, Publisher, Publishing
from purista.gateway.refill import refill
from purista.gateway.runs import PERMIT_MS
from purista.ledgers.base import (
    Change,
    Counted,
    Ledger,
    LedgerView,
    OccurrenceClass,
    OccurrenceRow,
    Query,
    RunRef,
    RunState,
    Slice,
)
from purista.messages import new_id
from purista.permits import Begin, End, Granted, Refused, Renewed, Spawn, Spawned, Wait
from purista.schedulers.base import Call, CallKind
from purista.telemetry import count
from purista.values import value

__all__ = ["Gateway", "Publisher", "Reply"]

log = logging.getLogger("purista.gateway")
SWEEP_PER_BATCH = 8
UNKNOWN_FOR_MS = 300_000
"""So long after a service registered, a key of it that is still unknown is refused instead of put off."""
SWEEP_EVERY_MS = 250
REMEMBERED_RUNS = 200
"""A result event that comes again is looked for among so many runs, newest first."""
BROKEN_FOR_MS = 60_000
"""A lineage that a sweep cannot decide is not looked at again so long: it must not crowd out the others."""
REQUESTED = {CallKind.MANUAL: OccurrenceClass.MANUAL, CallKind.REPLAY: OccurrenceClass.REPLAY}
"""Calls whose request names the occurrence."""


@value(frozen=True, slots=True)
class Reply:
    """The answer to a call, with what was decided by it."""

    answer: Answer
    detail: str
    retry_after_ms: int | None = None
    rows: tuple[OccurrenceRow, ...] = ()
    refusal: Refusal | None = None


@dataclass(slots=True)
class _Waiting:
    """A call, and who waits for its answer: nobody, where the gateway looks at a lineage by itself."""

    call: Call
    future: asyncio.Future[Reply] | None
    tries: int = 0

    def answer(self, reply: Reply) -> None:
        count("calls", answer=reply.answer.value)
        if self.future is not None and not self.future.done():
            self.future.set_result(reply)

    def fail(self, error: BaseException) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # whoever waits hears it; where its task was cancelled, nobody does


@dataclass(slots=True)
class _Decided:
    waiting: _Waiting
    view: LedgerView
    plan: Plan
    change: Change | None


class Gateway:
    """Decides once per occurrence, grants permits, takes end reports. A library: any process may hold one.

    ``publisher`` is needed when the ledger does not carry messages itself (``ledger.transactional`` is False).
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        publisher: Publisher | None = None,
        instance: str | None = None,
        permit_ms: int = PERMIT_MS,
        claim_lease_ms: int = CLAIM_LEASE_MS,
    ) -> None:
        if publisher is None and not ledger.transactional:
            raise LedgerError("expected a publisher: this ledger does not carry messages in its own commit")
        self.ledger = ledger
        self.permit_ms = permit_ms
        self.transactional = ledger.transactional
        self._publishing = None if publisher is None else Publishing(ledger, publisher)
        self._composer = Composer(ledger.transactional, instance or new_id(), claim_lease_ms)
        self._looked_at = -SWEEP_EVERY_MS
        self._batches = Batches(self._batch)
        self._in_flight: set[str] = set()  # lineages with a change on its way
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # acts on runs, by key

    async def trigger(self, call: Call) -> Reply:
        """Decide what a call finds due. Never raises for what a caller says; only when the ledger cannot answer.

        :raises LedgerError: nothing was decided; call again.
        """
        return (await self.trigger_all((call,)))[0]

    async def trigger_all(self, calls: Sequence[Call]) -> list[Reply]:
        """The calls of one caller, decided together; as many tasks waiting for one each find the same, at a higher price.

        :raises LedgerError: of at least one of them nothing was decided; call again, nothing is decided twice.
        """
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Reply]] = [loop.create_future() for _ in calls]
        waiting: list[_Waiting] = []
        for call, future in zip(calls, futures, strict=True):
            wrong = malformed(call)
            if wrong is None:
                waiting.append(_Waiting(call, future))
            else:
                future.set_result(Reply(Answer.REFUSED, wrong, refusal=Refusal.MALFORMED))
        await self._batches.add(waiting)
        replies, failed = list[Reply](), None
        for future in futures:
            try:
                replies.append(await future)
            except PuristaError as error:
                failed = error
        if failed is not None:
            raise failed
        return replies

    async def sweep(self, limit: int = 100) -> int:
        """Finish what calls began and did not end: expired claims, held occurrences, runs nobody began."""
        keys = await self.ledger.due(limit)
        replies = await self.trigger_all([Call(key, CallKind.SWEEP, source="sweep") for key in keys])
        return sum(bool(reply.rows) for reply in replies)

    async def begin(self, key: str, ask: Begin) -> Granted | Wait | Refused:
        """Ask for the right to work a delivery of a run."""
        now = self.ledger.clock.now
        answer: Granted | Wait | Refused = await self._act(
            key, ask.run, lambda view: run_rules.begin(view, ask, now(), self.permit_ms)
        )
        return answer

    async def renew(self, key: str, run: RunRef, part: str, fence: int) -> Renewed | Refused:
        """Hold on to a permit before it expires."""
        now = self.ledger.clock.now
        answer: Renewed | Refused = await self._act(
            key, run, lambda view: run_rules.renew(view, run, part, fence, now(), self.permit_ms)
        )
        return answer

    async def spawn(self, key: str, ask: Spawn) -> Spawned:
        """Enqueue a job as a part of a run."""
        now = self.ledger.clock.now
        if not self.transactional:
            ask = replace(ask, message=None)  # the worker enqueues it itself, after the run knows of it
        answer = await self._act(key, ask.run, lambda view: run_rules.spawn(view, ask, now()))
        return answer if isinstance(answer, Spawned) else Spawned.LOST

    async def complete(self, key: str, run: RunRef | None, state: RunState, cause: str = "") -> bool:
        """End a run because its result event came (None: the oldest open run under permits). ``cause`` identifies the event:
        one that names no run, and comes twice, ends one.
        """
        now = self.ledger.clock.now

        async def told() -> bool:
            page = await self.ledger.history(Query(key=key, limit=REMEMBERED_RUNS))
            return any(found.row.run_detail == run_rules.came(cause) for found in page.rows)

        def rule(view: LedgerView) -> tuple[bool, Change | None]:
            return run_rules.complete(view, run, state, self._composer, now(), cause)

        return True is await self._act(key, run or RunRef(""), rule, told if run is None and cause else None)

    async def end(self, key: str, report: End) -> bool:
        """Report how a delivery's work ended. False: the report is stale and changed nothing."""
        now = self.ledger.clock.now
        return True is await self._act(key, report.run, lambda view: run_rules.end(view, report, self._composer, now()))

    async def _act(
        self,
        key: str,
        run: RunRef,
        rule: Callable[[LedgerView], tuple[Any, Change | None]],
        told: Callable[[], Awaitable[bool]] | None = None,
    ) -> Any:
        """One act on one run: load, ask the pure rule, compare and set; again when somebody was faster. ``told``: whether it
        was done before.
        """
        async with self._turns.setdefault(
            key, asyncio.Lock()
        ):  # who shares a lineage here does not overtake each other
            done = await self._acted(key, run, rule, told)
        if done is None:
            return Refused("unknown schedule", unknown=True)
        answer, change, view = done
        if change is not None and change.outbox and not self.ledger.transactional:
            await self._published([(change, view)])
        return answer

    async def _acted(
        self,
        key: str,
        run: RunRef,
        rule: Callable[[LedgerView], tuple[Any, Change | None]],
        told: Callable[[], Awaitable[bool]] | None,
    ) -> tuple[Any, Change | None, LedgerView] | None:
        for _ in range(STALE_TRIES):
            view = (await self.ledger.load([key], [run]))[0]
            if view is None:
                return None
            if told is not None and await told():
                return True, None, view
            answer, change = rule(view)
            if change is None or (await self.ledger.commit([change]))[0]:
                return answer, change, view
        raise LedgerError(f"the ledger is too busy: {STALE_TRIES} attempts to change {key} were overtaken")

    async def _batch(self, batch: list[_Waiting]) -> list[_Waiting]:
        """Decide a batch in one load and one commit; returns the calls that must be decided again."""
        swept = await self._expired()
        asked = {waiting.call.key for waiting in batch}
        batch = batch + [_Waiting(Call(key, CallKind.SWEEP, source="sweep"), None) for key in swept if key not in asked]
        views = await self._load([waiting.call for waiting in batch])
        changing: set[str] = set()
        try:
            decided, again = await self._decide_all(batch, views, changing)
            return again + await self._written(decided)
        finally:
            self._in_flight -= changing

    async def _written(self, decided: list[_Decided]) -> list[_Waiting]:
        """Commit what was decided and answer; returns the calls that somebody else overtook."""
        changes = [d.change for d in decided if d.change is not None]
        committed = iter(await self._commit(changes, decided))
        again: list[_Waiting] = []
        claimed: list[_Decided] = []
        for d in decided:
            if d.change is None:
                d.waiting.answer(Reply(d.plan.answer, d.plan.detail, d.plan.retry_after_ms))
            elif not next(committed):
                again += _once_more(d.waiting)
            elif self.ledger.transactional:
                d.waiting.answer(Reply(d.plan.answer, d.plan.detail, None, d.change.rows))
            else:
                claimed.append(d)
        if claimed:
            await self._confirm(claimed)
        return again

    async def _load(self, calls: Sequence[Call]) -> Sequence[LedgerView | None]:
        """The lineages, with the requests that are asked for again: also those made under a former key."""
        keys = [call.key for call in calls]
        asked = [(place, call) for place, call in enumerate(calls) if call.request and call.kind in REQUESTED]
        requests = [_request(call, call.key) for _, call in asked]
        views = await self.ledger.load(keys, requests)
        former = [
            _request(call, contract.key)
            for place, call in asked
            if (view := views[place]) is not None
            for contract in view.lineage.contracts
            if contract.key != call.key
        ]
        return await self.ledger.load(keys, requests + former) if former else views

    async def _expired(self) -> Sequence[str]:
        """Lineages where something ran out: looked for with every call, but not more often than claims can run out."""
        now = self.ledger.clock.now()
        if 0 <= now - self._looked_at < SWEEP_EVERY_MS:
            return ()
        self._looked_at = now
        return await self.ledger.due(SWEEP_PER_BATCH)

    async def _decide_all(
        self, batch: list[_Waiting], views: Sequence[LedgerView | None], changing: set[str]
    ) -> tuple[list[_Decided], list[_Waiting]]:
        """``changing`` gets the lineages that are in flight with this batch: who else calls for them waits."""
        now = self.ledger.clock.now()
        decided: list[_Decided] = []
        again: list[_Waiting] = []
        slices = [slice_ for slice_, _ in await self.ledger.registered()] if None in views else []
        for waiting, view in zip(batch, views, strict=True):
            if view is None:
                waiting.answer(_unknown(slices, waiting.call.key, now))
            elif view.lineage.lineage in self._in_flight:
                again.append(waiting)
            else:
                one = await self._decide(waiting, view, now)
                if one is not None:
                    decided.append(one)
                    if one.change is not None:
                        changing.add(view.lineage.lineage)
                        self._in_flight.add(view.lineage.lineage)
        return decided, again

    async def _decide(self, waiting: _Waiting, view: LedgerView, now: int) -> _Decided | None:
        sweep = waiting.call.kind is CallKind.SWEEP
        try:
            plan = (refill if waiting.call.kind is CallKind.REPLAY else decide)(view, waiting.call, now)
            if not plan.changes:
                return _Decided(waiting, view, plan, asleep(view, now) if sweep else None)
            change = self._composer.compose(view, plan, waiting.call.source, now)
            keyed = [row for row in change.rows if row.idempotency_key]
            if keyed:
                change = await respect(self.ledger, view, change)
        except LedgerError:
            raise  # the whole batch waits for the ledger: nothing is wrong with this call
        except Exception as error:
            # One contract that cannot be composed must not stop the others of the batch.
            log.exception("cannot decide", extra={"action": "decide_failed", "key": waiting.call.key})
            waiting.answer(Reply(Answer.REFUSED, str(error), refusal=Refusal.FAILED))
            plan = Plan(Answer.REFUSED, str(error), view.lineage.decided_until)
            return _Decided(waiting, view, plan, asleep(view, now, now + BROKEN_FOR_MS)) if sweep else None
        return _Decided(waiting, view, plan, change)

    async def _commit(self, changes: list[Change], decided: list[_Decided]) -> Sequence[bool]:
        now = self.ledger.clock.now()
        counted = [
            Counted(d.waiting.call.key, now, d.plan.answer, d.plan.detail)
            for d in decided
            if d.change is None and d.waiting.call.kind is not CallKind.SWEEP
        ]
        if not changes and not counted:
            return ()
        return await self.ledger.commit(changes, counted)

    async def _published(self, claimed: Sequence[tuple[Change, LedgerView]]) -> dict[str, str]:
        if self._publishing is None:
            raise LedgerError("no publisher")
        return await self._publishing.publish(claimed)

    async def _confirm(self, claimed: Sequence[_Decided]) -> None:
        """Publish what a commit claimed, all of it together, then mark it in one commit. What failed is given back at once."""
        pairs = [(d.change, d.view) for d in claimed if d.change is not None]
        try:
            failed = await self._published(pairs)
        except LedgerError as error:
            for d in claimed:
                d.waiting.fail(error)
            return
        for d in claimed:
            rows, why = () if d.change is None else d.change.rows, failed.get(d.view.lineage.lineage)
            if why is not None:
                d.waiting.answer(Reply(Answer.RETRY, f"the bridge did not confirm: {why}", 1_000, rows))
            else:
                d.waiting.answer(Reply(d.plan.answer, d.plan.detail, None, rows))


def _unknown(slices: Sequence[Slice], key: str, now: int) -> Reply:
    """A key that no contract has: its service may be about to register; after a while it will not come any more."""
    service = key.partition("/")[0]
    known = [slice_.registered_at for slice_ in slices if slice_.service == service]
    if known and now - max(known) > UNKNOWN_FOR_MS:
        words = f"{service} is registered, but no schedule {key!r}: was its entry left behind?"
        return Reply(Answer.REFUSED, words, refusal=Refusal.UNKNOWN)
    return Reply(Answer.RETRY, "no contract is registered under this key yet", 5_000)


def _request(call: Call, key: str) -> RunRef:
    return RunRef(manual_id(key, REQUESTED[call.kind], call.request))


def _once_more(waiting: _Waiting) -> list[_Waiting]:
    waiting.tries += 1
    if waiting.tries < STALE_TRIES:
        return [waiting]
    waiting.answer(Reply(Answer.RETRY, "the ledger is too busy", 1_000))
    return []
