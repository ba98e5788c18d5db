"""One delivery from arrival to end report: permit, validation, handler, settlement. The user writes none of it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from purista.delivery import Delivery, readable, this_worker
from purista.errors import HandlerError, InvalidPayload, PuristaError
from purista.ledgers.base import RunRef, RunState, Settled
from purista.messages import Message, RunInfo, load, run_of
from purista.permits import Begin, End, Granted, Refused, Wait
from purista.service.context import Context
from purista.service.hold import LOST, Hold
from purista.service.node import Node
from purista.telemetry import working

__all__ = ["LARGEST", "Handled", "Worker", "backoff_ms"]

log = logging.getLogger("purista.service")
UNREACHABLE_RETRY_MS = 1_000
REPORT_AGAIN_MS = 200
LARGEST = 1 << 62  # more is no instant and no fence, and no ledger can store it


@dataclass(frozen=True, slots=True)
class Handled:
    """A handler as the worker sees it. ``read`` turns a message into the handler's further arguments, validated."""

    address: str
    call: Callable[..., Any]
    is_async: bool
    read: Callable[[Message], tuple[Any, ...]]
    answers: bool = False
    max_attempts: int | None = None  # None: as the message says
    lease_ms: int | None = None  # None: as everywhere in this process
    once: bool = False  # ask for a permit even where none is needed: nothing else remembers what was worked


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a handler ended. ``state`` None: try again; ``put_down``: this was no attempt, its process stops."""

    state: RunState | None
    detail: str | None = None
    result: Any = None
    error: BaseException | None = None
    put_down: bool = False


def backoff_ms(attempt: int) -> int:
    """PURISTA's delay before the next attempt: 1 s doubled each time, times 1.25, at most 120 s."""
    return min(120_000, int(1_000 * 2 ** min(attempt - 1, 10) * 1.25))


class Worker:
    """Runs one handler for the deliveries of one address."""

    def __init__(
        self,
        node: Node,
        handled: Handled,
        context_of: Callable[[Message, Delivery, RunInfo | None, int | None], Context],
        executor: Executor,
        respond: Callable[[Message, Any, BaseException | None], Awaitable[None]] | None = None,
        *,
        result_event: str | None = None,
        dump: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._node, self._handled, self._context_of = node, handled, context_of
        self._executor, self._respond, self._name = executor, respond, this_worker()
        self._result_event, self._dump = result_event, dump

    async def __call__(self, delivery: Delivery) -> None:
        """Work one delivery and settle it."""
        try:
            message, run = _read(delivery.body)
        except Exception as error:  # noqa: BLE001 - whatever it is, it will be so again
            await delivery.dead(readable(f"expected a PURISTA message, got something else: {error}"))
            return
        fence = permit_ms = None
        if run is not None and (run.permit or self._handled.once):
            asked = self._node.clock.now()
            answer = await self._asked(delivery, run)
            if not isinstance(answer, Granted):
                await self._not_granted(delivery, answer)
                return
            fence, permit_ms = answer.fence, answer.lasts_ms - (self._node.clock.now() - asked)
        if delivery.attempt > self._attempts(delivery):
            # It was taken that often and never settled: it kills its worker. Nobody shall try for ever.
            detail = f"taken {delivery.attempt - 1} times and never settled"
            await self._finish(delivery, run, fence, RunState.FAILED, detail, detail)
            return
        context = self._context_of(message, delivery, run, fence)
        with working(message, delivery.address, delivery.attempt) as work:
            try:
                outcome = await self._guarded(context, delivery, run, fence, permit_ms)
            except asyncio.CancelledError:
                await self._put_down(delivery, run, fence)
                raise
            work.outcome = "again" if outcome.state is None else outcome.state.value
            work.detail = "" if outcome.state is RunState.FINISHED else outcome.detail or ""
            await self._settle(delivery, message, run, fence, outcome)

    def _attempts(self, delivery: Delivery) -> int:
        return self._handled.max_attempts or delivery.max_attempts

    async def _asked(self, delivery: Delivery, run: RunInfo) -> Granted | Wait | Refused | Exception:
        """Ask for the permit. Whoever stops this process meanwhile leaves neither message nor permit behind."""
        asking = asyncio.ensure_future(self._ask(delivery, run))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await asyncio.wait({asking})  # it may be granted already
            answer = None if asking.cancelled() or asking.exception() is not None else asking.result()
            await self._put_down(delivery, run, answer.fence if isinstance(answer, Granted) else None)
            raise

    async def _ask(self, delivery: Delivery, run: RunInfo) -> Granted | Wait | Refused | Exception:
        ask = Begin(_ref(run), delivery.id, delivery.address, self._name)
        try:
            return await self._node.permits.begin(run.key, ask)
        except (PuristaError, OSError) as error:
            return Wait(UNREACHABLE_RETRY_MS, readable(f"no gateway in reach: {error}"))
        except Exception as error:
            # Not the way there, but this message: it must not come for ever.
            log.exception("cannot ask for a permit", extra={"action": "begin_failed", "delivery": delivery.id})
            return error

    async def _not_granted(self, delivery: Delivery, answer: Wait | Refused | Exception) -> None:
        if isinstance(answer, Exception):
            reason = f"cannot ask for a permit: {_words(answer)}"
            last = delivery.attempt >= self._attempts(delivery)
            await (delivery.dead(reason) if last else delivery.retry(backoff_ms(delivery.attempt), reason))
            return
        if isinstance(answer, Wait):
            await delivery.retry(answer.retry_after_ms, answer.why, count=False)
            return
        log.info("refused: %s", answer.why, extra={"action": "permit_refused", "delivery": delivery.id})
        await (delivery.dead(f"refused: {answer.why}") if answer.unknown else delivery.ack())

    async def _guarded(
        self, context: Context, delivery: Delivery, run: RunInfo | None, fence: int | None, permit_ms: int | None
    ) -> _Outcome:
        """Run the handler while lease and permit are renewed; stop it when either is lost or its time is up."""
        lease_ms = self._handled.lease_ms or self._node.limits.visibility_ms
        hold = Hold(self._node, delivery, run, fence, permit_ms, lease_ms)
        work = asyncio.ensure_future(self._call(context))
        tasks = [asyncio.ensure_future(hold.keep())]
        waits: set[asyncio.Future[Any]] = {work, hold.verdict}
        if run is not None and run.timeout_ms is not None:
            tasks.append(asyncio.ensure_future(self._expire(run.timeout_ms)))
            waits.add(tasks[-1])
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return _outcome(work)
            return await self._stop(work, context, hold.verdict.result() if hold.verdict.done() else RunState.TIMED_OUT)
        except asyncio.CancelledError:
            if self._handled.is_async or work.done():
                work.cancel()
                await asyncio.wait({work})
                raise
            return await self._stop(work, context, None)  # nobody can end a thread
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stop(self, work: asyncio.Future[Any], context: Context, why: str | None) -> _Outcome:
        """End the handler and wait for it: until then it keeps lease and permit. ``why`` None: this process stops."""
        context._stop.set()
        if self._handled.is_async:
            work.cancel()
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                if self._handled.is_async:
                    raise
                why = None
        done = _outcome(work)
        if why not in (None, LOST):
            return _Outcome(RunState(why), f"stopped: {why.replace('_', ' ')}")
        if not self._handled.is_async and not context._seen:
            return done  # it never knew that it should stop, so it did all of its work
        detail = "the right to work was lost" if why == LOST else "its process stopped"
        return _Outcome(None, detail, done.result, done.error, put_down=why is None)

    async def _expire(self, timeout_ms: int) -> None:
        until = self._node.clock.now() + timeout_ms
        while (left := until - self._node.clock.now()) > 0:  # a sleep may end early
            await self._node.clock.sleep(left / 1000)

    async def _call(self, context: Context) -> Any:
        arguments = self._handled.read(context.message)
        try:
            result = await self._run_handler(context, arguments)
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio would end the whole worker for it; a handler ends itself only.
            raise RuntimeError(f"the handler raised {type(error).__name__}") from error
        if self._result_event is not None:
            await context.emit(self._result_event, self._dump(result))
        return result

    async def _run_handler(self, context: Context, arguments: tuple[Any, ...]) -> Any:
        if self._handled.is_async:
            return await self._handled.call(context, *arguments)
        context._loop = loop = asyncio.get_running_loop()
        snapshot, turn = contextvars.copy_context(), threading.Lock()
        working = loop.run_in_executor(
            self._executor, snapshot.run, _in_thread, turn, self._handled.call, context, *arguments
        )
        while not working.done():
            try:
                await asyncio.wait({working})
            except asyncio.CancelledError:
                if turn.acquire(blocking=False):
                    raise  # it had not begun, and will not
                context._stop.set()
        result = working.result()
        return await result if isinstance(result, Awaitable) else result  # a plain function around an async one

    async def _settle(
        self, delivery: Delivery, message: Message, run: RunInfo | None, fence: int | None, outcome: _Outcome
    ) -> None:
        if outcome.put_down:
            await self._put_down(delivery, run, fence)
            return
        stopped = outcome.state is None and outcome.error is None  # in the middle: what it returned is no answer
        if self._respond is not None and run is None and not stopped:  # somebody waits: answer now, whatever happened
            await self._answer(delivery, message, outcome)
            return
        final = outcome.state
        if final is None and delivery.attempt >= self._attempts(delivery):
            final = RunState.FAILED
        reason = None if final is not RunState.FAILED else (outcome.detail or "failed")
        if final is not None:
            await self._finish(delivery, run, fence, final, outcome.detail, reason)
            return
        log.warning("will be tried again: %s", outcome.detail, extra={"action": "retry", "delivery": delivery.id})
        await delivery.retry(backoff_ms(delivery.attempt), outcome.detail)
        await self._give_back(delivery, run, fence, outcome.detail)

    async def _answer(self, delivery: Delivery, message: Message, outcome: _Outcome) -> None:
        if self._respond is None:
            return
        try:
            await self._respond(message, outcome.result, outcome.error)
        except (PuristaError, OSError):
            raise  # the file does not answer: it comes again
        except Exception as error:
            log.exception("cannot answer", extra={"action": "answer_failed", "delivery": delivery.id})
            await delivery.dead(f"cannot be answered: {_words(error)}")
        else:
            await delivery.ack()

    async def _put_down(self, delivery: Delivery, run: RunInfo | None, fence: int | None) -> None:
        """Let somebody else have it at once: the handler did nothing wrong, its process stops."""
        reason = "put down: its process stopped"
        try:
            await self._give_back(delivery, run, fence, reason)
            await delivery.retry(0, reason, count=False)
        except Exception:
            log.exception("lease and permit must run out", extra={"action": "put_down", "delivery": delivery.id})

    async def _give_back(self, delivery: Delivery, run: RunInfo | None, fence: int | None, detail: str | None) -> None:
        if run is not None and fence is not None:
            await self._node.permits.end(run.key, End(_ref(run), delivery.id, delivery.address, fence, None, detail))

    async def _finish(
        self,
        delivery: Delivery,
        run: RunInfo | None,
        fence: int | None,
        state: RunState,
        detail: str | None,
        reason: str | None,
    ) -> None:
        """Acknowledge and report the end: one commit where both live in one file, else in the order that loses nothing."""
        permits = self._node.permits
        if run is None:
            await _let_go(delivery, reason)
            return
        settled = (Settled(delivery.id, delivery.lease, reason),) if permits.transactional else ()
        report = End(_ref(run), delivery.id, delivery.address, fence, state, detail, settled)
        if permits.transactional:
            if not await permits.end(run.key, report) and fence is None:
                await _let_go(delivery, reason)  # the run is unknown here; the message must not come for ever
        # The report comes first: a redelivery under a permit then asks, and is told that it was worked; without one it may be
        # worked again, which is better than a run that nobody ends.
        elif await self._heard(delivery, run.key, report) or fence is None:
            await _let_go(delivery, reason)

    async def _heard(self, delivery: Delivery, key: str, report: End) -> bool:
        """Report until somebody hears it, for as long as the message is ours: the work is done, and must not be done again
        only because the ledger is away."""
        pause_ms = REPORT_AGAIN_MS
        while True:
            try:
                return await self._node.permits.end(key, report)
            except (PuristaError, OSError) as error:
                log.warning(
                    "the end is not reported yet: %s", error, extra={"action": "report", "delivery": delivery.id}
                )
                if not await delivery.renew():
                    raise
            await self._node.clock.sleep(pause_ms / 1000)
            pause_ms = min(pause_ms * 2, self._node.limits.visibility_ms // 3)


def _ref(run: RunInfo) -> RunRef:
    return RunRef(run.run, run.at)


async def _let_go(delivery: Delivery, reason: str | None) -> None:
    await (delivery.ack() if reason is None else delivery.dead(reason))


def _read(body: str) -> tuple[Message, RunInfo | None]:
    message = load(body)
    run = run_of(message)
    if run is not None and max(abs(run.at), abs(run.fence)) > LARGEST:
        raise ValueError("its run has numbers that nothing can store")
    return message, run


def _in_thread(turn: threading.Lock, call: Callable[..., Any], *arguments: Any) -> Any:
    """``turn`` is taken once: by the thread that begins, or by whoever takes the work back before."""
    if not turn.acquire(blocking=False):
        return None
    try:
        return call(*arguments)
    except StopIteration as error:  # no future can carry it: the delivery would hang for ever
        raise RuntimeError("the handler raised StopIteration") from error


def _words(error: BaseException) -> str:
    try:
        return readable(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001 - an error whose own text fails is still an error
        return f"{type(error).__name__}, which has no text"


def _outcome(work: asyncio.Future[Any]) -> _Outcome:
    if work.cancelled():
        return _Outcome(None, "cancelled", error=asyncio.CancelledError())
    error = work.exception()
    if error is None:
        return _Outcome(RunState.FINISHED, result=work.result())
    if isinstance(error, HandlerError | InvalidPayload):  # expected, and no better the second time
        return _Outcome(RunState.FAILED, readable(str(error)), error=error)
    log.error("a handler failed", exc_info=error, extra={"action": "handler_failed"})
    return _Outcome(None, _words(error), error=error)
