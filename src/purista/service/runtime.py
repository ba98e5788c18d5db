"""A running service: registers what it declares, then works what arrives, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from purista.bridges.base import Subscription
from purista.contract.schedule import Schedule
from purista.delivery import Closeable, Deliver, Delivery, Limits, readable
from purista.errors import HandlerError, InvalidPayload
from purista.ledgers.base import RunRef, RunState
from purista.messages import Address, Message, RunInfo, command_error, command_success, dump, load
from purista.service.context import Context
from purista.service.handlers import (
    CommandDef,
    HandlerDef,
    QueueWorkerDef,
    SubscriptionDef,
    definitions_of,
    dumper,
    validator,
)
from purista.service.node import Declared, Node
from purista.service.work import LARGEST, Handled, Worker

if TYPE_CHECKING:
    from purista.service.builder import ServiceBuilder

__all__ = ["ServiceInstance", "stop_all"]

log = logging.getLogger("purista.service")
QUEUE_ATTEMPTS = 10
FAILED = {"failed", "dead-lettered", "cancelled"}  # PURISTA's words in result events


async def stop_all(instances: Iterable[ServiceInstance], *, drain: bool = True) -> None:
    """Stop services together: none takes new work while another still waits for a handler. The last one started lets go
    of its bridge first.
    """
    instances = tuple(instances)
    await _together(instance.quiesce(drain=drain) for instance in instances)
    for instance in reversed(instances):
        await instance.stop(drain=drain)


class ServiceInstance:
    """One service in one process. ``start`` registers its schedules and opens its consumers; ``stop`` drains them.

    Both may be called twice, and a stop without ``drain`` overtakes one that waits.
    """

    def __init__(self, builder: ServiceBuilder, node: Node) -> None:
        self.builder = builder
        self._node = node
        self._work: list[Closeable] = []  # events and jobs
        self._commands: list[Closeable] = []  # what handlers that are waited for may still ask for
        self._executor: ThreadPoolExecutor | None = None
        self._started = False

    async def __aenter__(self) -> ServiceInstance:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *, consume: bool = True) -> None:
        """Register schedules and subscriptions, then take messages. ``consume=False`` only registers.

        :raises RegistrationError: the external scheduler could not be configured.
        """
        if self._started:
            return
        self._started = True
        try:
            await self._node.start()
        except BaseException:
            self._started = False
            raise
        try:
            await self._node.bridge.declare(self._subscriptions())
            await self._node.register(self.declared())
            if consume:
                await self._consume()
                await self._node.recover()
        except BaseException:
            await self.stop(drain=False)
            raise

    async def quiesce(self, *, drain: bool = True) -> None:
        """Take no new events and jobs; wait for handlers in work, or cancel them. Commands are still served."""
        await _together(consumer.close(drain=drain) for consumer in self._work)

    async def stop(self, *, drain: bool = True) -> None:
        """Take nothing new; wait for handlers in work (or cancel them), then let go of the bridge."""
        if not self._started:
            return
        await self.quiesce(drain=drain)
        await _together(consumer.close(drain=drain) for consumer in self._commands)
        if not self._started:
            return  # another stop was faster
        self._started = False
        self._work, self._commands = [], []
        if self._executor is not None:
            self._executor.shutdown(wait=False)  # all that was in it has returned
            self._executor = None
        await self._node.stop(drain=drain)

    def declared(self) -> Declared:
        """What this service registers."""
        builder = self.builder
        return Declared(builder.name, builder.version, tuple(builder.schedules), builder.wanted)

    def _subscriptions(self) -> list[Subscription]:
        """What must be there before a gateway learns of it."""
        completions = [self._completion(s) for s in self.builder.schedules if s.completed_by is not None]
        return completions + [self._wanted(subscription) for subscription in self.builder.subscriptions]

    def _completion(self, schedule: Schedule) -> Subscription:
        return Subscription(f"completed:{schedule.key}", schedule.completed_by, self._node.limits)

    def _wanted(self, subscription: SubscriptionDef) -> Subscription:
        return Subscription(subscription.address, subscription.event, self._limits(subscription))

    async def _consume(self) -> None:
        """Open the consumers. A thread for each delivery that may be in work: a sync handler may wait for a sync command."""
        builder, bridge = self.builder, self._node.bridge
        handlers = len(builder.subscriptions) + len(builder.commands) + len(builder.queue_workers)
        threads = max(1, handlers) * self._node.limits.concurrency
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"{builder.name}-handler")
        for schedule in builder.schedules:
            if schedule.completed_by is not None:
                receive = self._completed(schedule.key, schedule.completed_by)
                self._work.append(await bridge.subscribe(self._completion(schedule), receive))
        for command in builder.commands:
            address = f"cmd:{command.service}/{command.version}/{command.name}"
            worker = self._worker(command, address, _command_payload, answers=True)
            self._commands.append(await bridge.subscribe(Subscription(address, None, self._limits(command)), worker))
        for subscription in builder.subscriptions:
            wanted = self._wanted(subscription)
            worker = self._worker(subscription, wanted.address, _payload)
            self._work.append(await bridge.subscribe(wanted, worker))
        for queue in builder.queue_workers:
            worker = self._worker(queue, f"queue:{queue.name}", _payload)
            self._work.append(await self._node.queue.consume(queue.name, worker, self._limits(queue)))

    def _completed(self, key: str, event: str) -> Deliver:
        """Ends the run that a result event belongs to: the one it was emitted in, else the schedule's oldest open one."""

        async def deliver(delivery: Delivery) -> None:
            try:
                message = load(delivery.body)
                if message.get("eventName") != event:
                    log.info(
                        "%s is not ended by %s any more",
                        key,
                        message.get("eventName"),
                        extra={"action": "stale_result"},
                    )
                    await delivery.ack()
                    return
                ref, state = _result_of(message, key)
            except (ValueError, TypeError, RecursionError) as error:
                await delivery.dead(readable(f"expected a result event, got something else: {error}"))
                return
            await self._node.permits.complete(key, ref, state, delivery.id)
            await delivery.ack()

        return deliver

    def _limits(self, definition: HandlerDef) -> Limits:
        visibility = definition.options.visibility_timeout_ms
        return self._node.limits if visibility is None else replace(self._node.limits, visibility_ms=visibility)

    def _worker(
        self, definition: HandlerDef, address: str, read: Callable[[Message], tuple[Any, Any]], *, answers: bool = False
    ) -> Worker:
        handled = Handled(
            address, definition.handler, definition.is_async, _reader(definition, read), answers,
            definition.options.max_attempts, definition.options.visibility_timeout_ms, self._asks(definition),
        )  # fmt: skip
        sender = Address(definition.service, definition.version, definition.name, self._node.instance)

        def context_of(message: Message, delivery: Delivery, run: RunInfo | None, fence: int | None) -> Context:
            return Context(
                message, delivery.attempt, logging.getLogger(f"purista.handler.{definition.name}"), self._node, delivery,
                sender, run, fence, self._queue_of,
            )  # fmt: skip

        if self._executor is None:
            raise RuntimeError("no threads for handlers: this service was not started")
        return Worker(
            self._node, handled, context_of, self._executor, self._respond if answers else None,
            result_event=definition.options.result_event, dump=dumper(None),
        )  # fmt: skip

    def _asks(self, definition: HandlerDef) -> bool:
        """Whether the ledger must remember its deliveries, because what carries them does not. Commands that are scheduled
        are like jobs: who sent them does not expect them to be worked again."""
        carrier = self._node.queue if isinstance(definition, QueueWorkerDef) else self._node.bridge
        return not carrier.remembers and (definition.options.once or isinstance(definition, CommandDef))

    def _queue_of(self, target: Any) -> tuple[str, Callable[[Any], Any], int]:
        """Queue, payload check and attempts of what a handler enqueues to: a worker function or a queue's name."""
        definition = next((d for d in definitions_of(target) if isinstance(d, QueueWorkerDef)), None)
        if definition is None:
            definition = next((d for d in self.builder.queue_workers if d.name == target), None)
        if definition is None and not isinstance(target, str):
            raise TypeError(
                f"expected a queue worker or a queue's name, got {target!r}; decorate it with queue_worker(…)"
            )
        if definition is None:
            return target, dumper(None), QUEUE_ATTEMPTS
        check, dump = validator(definition.payload_type), dumper(None)
        attempts = definition.options.max_attempts or QUEUE_ATTEMPTS

        def prepared(payload: Any) -> Any:
            value = dump(payload)
            check(value)
            return value

        return definition.name, prepared, attempts

    async def _respond(self, message: Message, result: Any, error: BaseException | None) -> None:
        """Answer a caller that waits; PURISTA's error classes by flag. What cannot be written is answered without words."""
        now, instance = self._node.clock.now(), self._node.instance
        try:
            answer = _answer(message, result, error, instance, now)
            dump(answer).encode()
        except (ValueError, TypeError, RecursionError):
            log.exception("a result is no JSON", extra={"action": "result_refused", "message_id": message["id"]})
            answer = command_error(message, instance, now)
        await self._node.bridge.publish([answer])


async def _together(acts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of them at once, to the end of each; then the first error, if there was one."""
    for outcome in await asyncio.gather(*acts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _answer(message: Message, result: Any, error: BaseException | None, instance: str, now: int) -> Message:
    if error is None:
        return command_success(message, dumper(None)(result), instance, now)
    if isinstance(error, HandlerError):
        data = dumper(None)(error.data)
        return command_error(
            message, instance, now, status=error.status, text=readable(error.message), data=data, handled=True
        )
    if isinstance(error, InvalidPayload):
        return command_error(message, instance, now, status=400, text=readable(str(error)), handled=True)
    return command_error(message, instance, now)


def _result_of(message: Message, key: str) -> tuple[RunRef | None, RunState]:
    """Which run a result event ends, and how. A run of another schedule is none that we know: then the oldest open one."""
    origin, payload = message.get("puristaRun"), message.get("payload")
    ref = None
    if isinstance(origin, dict) and origin.get("key") == key:
        run, at = origin.get("run"), origin.get("at")
        if not isinstance(run, str) or not isinstance(at, int) or abs(at) > LARGEST:
            raise ValueError("its puristaRun names no run")
        ref = RunRef(run, at)
    status = payload.get("status") if isinstance(payload, dict) else None
    return ref, RunState.FAILED if isinstance(status, str) and status in FAILED else RunState.FINISHED


def _payload(message: Message) -> tuple[Any, Any]:
    return message.get("payload"), message.get("parameter")


def _command_payload(message: Message) -> tuple[Any, Any]:
    body = message.get("payload") or {}
    return body.get("payload"), body.get("parameter")


def _reader(definition: HandlerDef, read: Callable[[Message], tuple[Any, Any]]) -> Callable[[Message], tuple[Any, ...]]:
    payload_of, parameter_of = validator(definition.payload_type), validator(definition.parameter_type)

    def arguments(message: Message) -> tuple[Any, ...]:
        payload, parameter = read(message)
        if definition.parameters < 2:
            return ()
        if definition.parameters < 3:
            return (payload_of(payload),)
        return payload_of(payload), parameter_of(parameter)

    return arguments
