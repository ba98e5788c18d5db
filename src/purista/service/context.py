"""What a handler is given beside its payload."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from purista.clock import from_iso, to_datetime, to_ms
from purista.delivery import Delivery
from purista.errors import BridgeError
from purista.ledgers.base import Outgoing, Part, RunRef, RunState
from purista.messages import (
    Address,
    Message,
    RunInfo,
    ScheduleInfo,
    carried,
    command,
    custom_message,
    derived_id,
    dump,
    job,
    job_id,
    schedule_of,
    traced,
)
from purista.permits import End, Spawn, Spawned
from purista.queues.base import Enqueued
from purista.service.node import Node
from purista.telemetry import passed_on

__all__ = ["BlockingContext", "Context", "TriggeredBy"]

T = TypeVar("T")
DEFAULT_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class TriggeredBy:
    """The occurrence that caused a message. ``scheduled_at`` is when it was due, ``fired_at`` when it was decided (UTC)."""

    key: str
    name: str
    occurrence_id: str
    scheduled_at: datetime
    fired_at: datetime
    attempt: int
    kind: str

    @classmethod
    def of(cls, info: ScheduleInfo) -> TriggeredBy:
        """From a message's trigger metadata."""
        return cls(
            info.key, info.name, info.occurrence_id, to_datetime(from_iso(info.scheduled_at)),
            to_datetime(from_iso(info.fired_at)), info.attempt, info.kind,
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Context:
    """The handler's way back into the system. Everything sent through it carries trace, tenant and run on.

    ``attempt`` counts deliveries of this message from 1. In a sync handler, which runs in a thread, use ``blocking``.
    """

    message: Message
    attempt: int
    log: logging.Logger
    _node: Node
    _delivery: Delivery
    _sender: Address
    _run: RunInfo | None = None
    _fence: int | None = None
    _queues: Callable[[Any], tuple[str, Callable[[Any], Any], int]] | None = None
    _sequence: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _seen: bool = False  # the handler knows that it should stop
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def schedule(self) -> TriggeredBy | None:
        """The occurrence that caused this message; None when no schedule did."""
        info = schedule_of(self.message)
        return None if info is None else TriggeredBy.of(info)

    @property
    def should_stop(self) -> bool:
        """True once this work should end early: it timed out, was replaced, lost its permit, or its process stops.

        For sync handlers. After it was true, what a handler did is taken for unfinished, and its message comes again
        (unless it timed out or was replaced).
        """
        self._seen = self._stop.is_set()
        return self._seen

    @property
    def blocking(self) -> BlockingContext:
        """The same methods for sync handlers: they block instead of being awaited."""
        return BlockingContext(self)

    async def enqueue(
        self,
        target: Any,
        payload: Any = None,
        *,
        parameter: Any = None,
        delay: timedelta | float | None = None,
        at: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Put a job in a queue: durable, and part of the run that this handler belongs to. Returns the job's id.

        ``target`` is a queue worker or a queue's name; ``delay`` (seconds or timedelta) or ``at`` postpone it. Without an
        ``idempotency_key`` the id is derived from this delivery and the order of calls, so that a retried handler does
        not enqueue twice.

        :raises InvalidPayload: the payload does not fit the worker's type.
        :raises LedgerError: the right to work was lost; nothing was enqueued.
        """
        if delay is not None and at is not None:
            raise ValueError("expected delay= or at=, got both; write the one you mean")
        queue, check, max_attempts = self._resolve_queue(target)
        now = self._node.clock.now()
        due = now if at is None else to_ms(at)
        if delay is not None:
            due = now + int((delay.total_seconds() if isinstance(delay, timedelta) else float(delay)) * 1000)
        self._sequence += 1
        derived = derived_id(self._delivery.id, "job", queue, str(self._sequence))
        id_ = derived if idempotency_key is None else job_id(queue, idempotency_key)
        message = job(
            id_, queue, check(payload), parameter=parameter, created_at=now, scheduled_at=due,
            idempotency_key=idempotency_key, max_attempts=max_attempts, schedule=schedule_of(self.message), run=self._run,
            headers=self._headers(),
        )  # fmt: skip
        return await self._put(queue, message, due, max_attempts)

    async def emit(self, event: str, payload: Any = None) -> None:
        """Publish an event. Its id is derived from this delivery and the order of calls."""
        self._sequence += 1
        message = custom_message(
            event, _plain(payload), self._sender, id=derived_id(self._delivery.id, "event", event, str(self._sequence)),
            timestamp=self._node.clock.now(), carry=carried(self.message) | passed_on(),
        )  # fmt: skip
        if self._run is not None:
            message["puristaRun"] = {"run": self._run.run, "key": self._run.key, "at": self._run.at}
        for delivered in await self._node.bridge.publish([message]):
            if delivered.error is not None:
                raise BridgeError(delivered.error)

    async def invoke(
        self, service: str, version: str, name: str, payload: Any = None, parameter: Any = None,
        *, timeout: timedelta = DEFAULT_TIMEOUT,
    ) -> Any:  # fmt: skip
        """Call a command and wait for its result.

        :raises HandlerError: the command's own expected error.
        :raises UnhandledError: it failed otherwise.
        :raises InvokeTimeout: no answer in time; it may still be worked.
        """
        self._sequence += 1
        message = command(
            Address(service, version, name), _plain(payload), _plain(parameter), self._sender,
            id=derived_id(self._delivery.id, "command", name, str(self._sequence), self._delivery.lease),
            timestamp=self._node.clock.now(), carry=carried(self.message) | passed_on(),
        )  # fmt: skip
        return await self._node.invoker.invoke(message, timeout.total_seconds())

    def _resolve_queue(self, target: Any) -> tuple[str, Callable[[Any], Any], int]:
        if self._queues is not None:
            return self._queues(target)
        return str(target), _plain, 10

    def _headers(self) -> dict[str, str]:
        pairs = {"purista.principalId": "principalId", "purista.tenantId": "tenantId"}
        found = {header: str(self.message[name]) for header, name in pairs.items() if name in self.message}
        texts = self.message.get("headers", {})
        return found | {name: texts[name] for name in pairs if name in texts} | traced(passed_on())

    async def _put(self, queue: str, message: Message, due: int, max_attempts: int) -> str:
        if self._run is None:
            _raise_failed(await self._node.queue.enqueue([message]))
            return str(message["id"])
        address = f"queue:{queue}"
        outgoing = Outgoing(self._run.run, dump(message), ((message["id"], address),), due, max_attempts)
        child = Part(self._run.run, message["id"], address)
        ask = Spawn(RunRef(self._run.run, self._run.at), self._delivery.id, self._fence, child, outgoing)
        spawned = await self._node.permits.spawn(self._run.key, ask)
        if spawned is Spawned.LOST:
            from purista.errors import StaleFence  # noqa: PLC0415 - the rare path

            raise StaleFence(f"the right to work {self._run.run} was lost; the job was not enqueued")
        if not self._node.permits.transactional:
            (put,) = await self._node.queue.enqueue([message])
            _raise_failed([put])
            if put.duplicate and spawned is Spawned.NEW:  # another run's job has this key: nobody would end ours
                detail = "a job with this idempotency key was there already"
                report = End(ask.run, child.part, address, None, RunState.FINISHED, detail)
                await self._node.permits.end(self._run.key, report)
        return str(message["id"])


class BlockingContext:
    """The sending methods of a :class:`Context` for sync handlers: each waits until it is done."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def enqueue(self, target: Any, payload: Any = None, **options: Any) -> str:
        """See :meth:`Context.enqueue`."""
        return self._wait(self._context.enqueue(target, payload, **options))

    def emit(self, event: str, payload: Any = None) -> None:
        """See :meth:`Context.emit`."""
        self._wait(self._context.emit(event, payload))

    def invoke(self, service: str, version: str, name: str, payload: Any = None, **options: Any) -> Any:
        """See :meth:`Context.invoke`."""
        return self._wait(self._context.invoke(service, version, name, payload, **options))

    def _wait(self, act: Coroutine[Any, Any, T]) -> T:
        loop = self._context._loop
        if loop is None:
            act.close()
            raise RuntimeError("context.blocking is for sync handlers; await the method of the context itself")
        return asyncio.run_coroutine_threadsafe(act, loop).result()


def _plain(value: Any) -> Any:
    """A JSON value from a payload: pydantic models are dumped, everything else is taken as it is."""
    dump_model = getattr(value, "model_dump", None)
    return value if dump_model is None else dump_model(mode="json", by_alias=True)


def _raise_failed(results: Any) -> None:
    for result in results:
        if isinstance(result, Enqueued) and result.error is not None:
            raise BridgeError(result.error)
