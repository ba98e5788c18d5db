"""Services whose handlers are watched: the world writes down when they begin and end, or has a stand-in work for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from purista.clock import to_ms
from purista.messages import run_of
from purista.service.builder import ServiceBuilder
from purista.service.context import Context
from purista.service.handlers import HandlerDef
from purista.service.runtime import ServiceInstance
from purista.service.work import Worker
from purista.simulation.journal import Journal, Work
from purista.simulation.process import Process

__all__ = ["Again", "StandIn", "Twice", "WatchedInstance"]

StandIn = Callable[[Context, HandlerDef], Awaitable[Any]]
"""Works in the place of a handler."""


LOST = "the acknowledgement was lost (deliver_twice)"


class Again(Exception):
    """A handler has worked; its worker shall not be able to say so, and the message comes again."""


class Twice:
    """Which handlers get every message twice."""

    def __init__(self) -> None:
        self._targets: list[Any] = []
        self._seen: set[str] = set()

    def add(self, target: Any) -> None:
        """A function, or the name of a subscription, command or queue."""
        self._targets.append(target)
        logging.getLogger("purista.service").addFilter(_expected)

    def hold(self, definition: HandlerDef, context: Context) -> None:
        """After a handler's end.

        :raises Again: this message must come again.
        """
        if not self._targets or context._delivery.id in self._seen:
            return
        if any(target is definition.handler or target == definition.name for target in self._targets):
            self._seen.add(context._delivery.id)
            raise Again(LOST)


def _expected(record: logging.LogRecord) -> bool:
    """Nobody wants to read of a failure that he ordered."""
    return LOST not in record.getMessage() and not (record.exc_info and isinstance(record.exc_info[1], Again))


class WatchedInstance(ServiceInstance):
    """A service in a simulated process. ``stand_in`` None: the handlers themselves work."""

    def __init__(
        self,
        builder: ServiceBuilder,
        node: Any,
        process: Process,
        journal: Journal,
        stand_in: StandIn | None,
        twice: Twice,
    ) -> None:
        super().__init__(builder, node)
        self._process, self._journal, self._stand_in, self._twice = process, journal, stand_in, twice

    def let_threads_go(self, _: Process) -> None:
        """Its process is dead; a thread of it can only be forgotten."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _worker(self, definition: HandlerDef, *arguments: Any, **options: Any) -> Worker:
        stand_in = self._stand_in
        if stand_in is not None:
            handler = self._async(definition, lambda context, *_: stand_in(context, definition))
        elif definition.is_async:
            handler = self._async(definition, definition.handler)
        else:
            handler = self._sync(definition, definition.handler)
        watched = replace(definition, handler=handler, is_async=stand_in is not None or definition.is_async)
        return super()._worker(watched, *arguments, **options)

    def _async(self, definition: HandlerDef, handler: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(context: Context, *arguments: Any) -> Any:
            work = self._begin(context)
            try:
                result = await handler(context, *arguments)
            except asyncio.CancelledError:
                self._end(work, "cancelled")
                raise
            except BaseException as error:
                self._end(work, f"raised {type(error).__name__}")
                raise
            self._end(work, "done")
            self._twice.hold(definition, context)
            return result

        return watched

    def _sync(self, definition: HandlerDef, handler: Callable[..., Any]) -> Callable[..., Any]:
        def watched(context: Context, *arguments: Any) -> Any:
            work = self._begin(context)
            try:
                result = handler(context, *arguments)
            except BaseException as error:
                self._end(work, f"raised {type(error).__name__}")
                raise
            self._end(work, "done")
            self._twice.hold(definition, context)
            return result

        return watched

    def _begin(self, context: Context) -> Work:
        run, message, due, journal = run_of(context.message), context.message, context.schedule, self._journal
        work = Work(
            run.key if run is not None else due.key if due is not None else "",
            run.run if run is not None else due.occurrence_id if due is not None else "",
            0 if due is None else to_ms(due.scheduled_at),
            context._delivery.id, context._delivery.address, self._process.name, message.get("payload"),
            journal.true(), journal.wall(),
        )  # fmt: skip
        journal.begin(work)
        if not self._process.alive:
            journal.end(work, "killed")
        return work

    def _end(self, work: Work, outcome: str) -> None:
        self._journal.end(work, outcome if self._process.alive else "killed")
