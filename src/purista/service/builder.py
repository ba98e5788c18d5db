"""Where code declares: services, their schedules and their handlers.

What belongs here: reading what users write, refusing it with a reason, and keeping it as frozen values. Nothing starts,
connects or registers here; that is ``runtime``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Unpack, cast

from purista.contract.identity import validate_name
from purista.contract.models import json_schema_of
from purista.contract.options import Duration, ScheduleOptions, duration_ms, read_expression, read_options
from purista.contract.rules import validate
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.errors import DeclarationError, InvalidPayload, InvalidSchedule
from purista.recurrence import Expression
from purista.service.aims import HANDLER_KINDS, aimed_at
from purista.service.binding import binding_name, passing_on
from purista.service.handlers import (
    CommandDef,
    Handler,
    HandlerDef,
    HandlerOptions,
    QueueWorkerDef,
    SubscriptionDef,
    read_signature,
    remember,
)
from purista.service.origin import Declaring, origin

if TYPE_CHECKING:
    from purista.service.runtime import ServiceInstance

__all__ = ["ScheduleBuilder", "ScheduleDefinition", "ServiceBuilder"]

_H = TypeVar("_H", bound=Handler)
_D = TypeVar("_D", bound=HandlerDef)
_OWN = ("payload", "payload_schema", "parameter", "parameter_schema")  # not read by read_options
ExpressionLike: TypeAlias = Expression | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScheduleDefinition:
    """A declared schedule with what only code knows: the types behind its schemas and the handler it was aimed at.

    ``origin`` is the file and the line where it was declared; it is for messages only and takes no part in equality.
    """

    schedule: Schedule
    payload_model: Any = None
    parameter_model: Any = None
    target_handler: Handler | None = None
    origin: tuple[str, int] | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """``service/version/name``."""
        return self.schedule.key


class ScheduleBuilder:
    """A schedule's name, waiting for its target. From :meth:`ServiceBuilder.get_schedule_builder`.

    Options are those of :class:`~purista.contract.options.ScheduleOptions`: policies as PURISTA's words, their Python
    spelling or enums; durations as timedelta or seconds. Every method returns a definition that is checked, but not
    added yet: hand it to :meth:`ServiceBuilder.add_schedule_definition`.
    """

    __slots__ = ("_description", "_name", "_service")

    def __init__(self, service: ServiceBuilder, name: str, description: str) -> None:
        self._service, self._name, self._description = service, validate_name("schedule", name), description

    def emit_event(
        self, event: str, *, expression: ExpressionLike, **options: Unpack[ScheduleOptions]
    ) -> ScheduleDefinition:
        """Due means: the event is published. An event may have any number of subscribers, also in other services.

        :raises purista.errors.DeclarationError: for a contract that cannot work.
        """
        return self._define(TargetKind.EVENT, event, expression, options)

    def enqueue(
        self, queue: str | Handler, *, expression: ExpressionLike, **options: Unpack[ScheduleOptions]
    ) -> ScheduleDefinition:
        """Due means: a job is put into the queue, given by name or by its worker.

        :raises purista.errors.DeclarationError: for a contract that cannot work.
        """
        return self._define(TargetKind.QUEUE, queue, expression, options)

    def invoke(
        self, command: str | Handler, *, expression: ExpressionLike, **options: Unpack[ScheduleOptions]
    ) -> ScheduleDefinition:
        """Due means: the command is called, given by name or by its function.

        :raises purista.errors.DeclarationError: for a contract that cannot work.
        """
        return self._define(TargetKind.COMMAND, command, expression, options)

    def _define(
        self, kind: TargetKind, aim: str | Handler, expression: ExpressionLike, options: ScheduleOptions
    ) -> ScheduleDefinition:
        with Declaring(f"{self._service.name}/{self._service.version}/{self._name}"):
            return self._checked(kind, aim, expression, options)

    def _checked(
        self, kind: TargetKind, aim: str | Handler, expression: ExpressionLike, options: ScheduleOptions
    ) -> ScheduleDefinition:
        target, found = self._target(kind, aim)
        given = cast("dict[str, Any]", options)
        fields = read_options(given)
        rule, zone = read_expression(expression, given.get("timezone"))
        payload_model, payload_schema = _model(
            given.get("payload_schema"), found and found.payload_type, given.get("payload")
        )
        parameter_model, parameter_schema = _model(
            given.get("parameter_schema"), found and found.parameter_type, given.get("parameter")
        )
        schedule = Schedule(
            service=target.service, version=target.version, name=self._name, description=self._description,
            expression=rule, timezone=zone, target=target,
            payload=_json(given.get("payload")), payload_schema=payload_schema,
            parameter=_json(given.get("parameter")), parameter_schema=parameter_schema, **fields,
        )  # fmt: skip
        validate(schedule, payload_model=payload_model, parameter_model=parameter_model)
        definition = ScheduleDefinition(
            schedule, payload_model, parameter_model, None if found is None else found.handler, origin()
        )
        self._service._made.append(definition)
        return definition

    def _target(self, kind: TargetKind, aim: str | Handler) -> tuple[Target, HandlerDef | None]:
        """The target, and the handler's record if there is one already."""
        own = self._service
        if isinstance(aim, str):
            found = own._find(kind, aim)
            return Target(kind, validate_name(kind, aim), own.name, own.version), found
        record = aimed_at(self._name, kind, aim, own.name, own.version)
        return Target(kind, record.name, record.service, record.version), record


def _model(declared: Any, inferred: Any, value: Any) -> tuple[Any, Mapping[str, Any] | None]:
    """The type and its JSON Schema: declared (a type or a schema), else the target handler's if there is a value."""
    if isinstance(declared, Mapping):
        return None, copy.deepcopy(dict(declared))
    model = declared if declared is not None else inferred if value is not None else None
    return (None, None) if model is None else (model, json_schema_of(model))


def _json(value: Any) -> Any:
    """A copy of what users give, so that a later change does not reach the contract; models become their JSON."""
    if hasattr(value, "model_dump") and not isinstance(value, type):
        return value.model_dump(mode="json", by_alias=True)
    try:
        return _plain(value)
    except RecursionError:
        msg = "payload: expected a JSON value, got one that contains itself; write texts, numbers, lists and objects"
        raise InvalidPayload(msg) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class ServiceBuilder:
    """One version of a service: what it declares and what it handles."""

    __slots__ = ("_definitions", "_handlers", "_made", "description", "name", "version")

    def __init__(self, name: str, version: str = "1", description: str = "") -> None:
        if not isinstance(version, str):
            msg = f"version: expected a text, got {version!r}; write version={str(version)!r}"
            raise DeclarationError(msg)
        self.name, self.version = validate_name("service", name), validate_name("version", version)
        self.description = description
        self._definitions: dict[str, ScheduleDefinition] = {}  # by key
        self._made: list[ScheduleDefinition] = []
        self._handlers: list[HandlerDef] = []

    def __repr__(self) -> str:
        return f"ServiceBuilder({self.name!r}, version={self.version!r})"

    def get_schedule_builder(self, name: str, description: str = "") -> ScheduleBuilder:
        """Begin a schedule."""
        return ScheduleBuilder(self, name, description)

    @property
    def wanted(self) -> tuple[tuple[str, str], ...]:
        """Which events this service wants at which addresses: its subscriptions', and the results that end its runs."""
        completions = [(s.completed_by, f"completed:{s.key}") for s in self.schedules if s.completed_by is not None]
        return (*completions, *((s.event, s.address) for s in self.subscriptions))

    def add_schedule_definition(self, *definitions: ScheduleDefinition) -> ServiceBuilder:
        """Make definitions part of this service.

        :raises purista.errors.InvalidSchedule: for a name that is taken.
        """
        for definition in definitions:
            if not isinstance(definition, ScheduleDefinition):
                msg = (
                    f"expected a ScheduleDefinition, got {type(definition).__name__}; "
                    "write what emit_event, enqueue or invoke returned"
                )
                raise InvalidSchedule(msg)
            if definition.key in self._definitions:
                msg = f"{definition.key}: expected every name once, got it twice; write another name"
                raise InvalidSchedule(msg)
            self._definitions[definition.key] = definition
        return self

    def schedule(
        self, name: str, expression: ExpressionLike, *, emit: str | None = None, enqueue: str | Handler | None = None,
        invoke: str | Handler | None = None, description: str = "", **options: Unpack[ScheduleOptions],
    ) -> ScheduleDefinition:  # fmt: skip
        """The short form: define and add in one go. Exactly one of ``emit``, ``enqueue`` and ``invoke`` is the target.

        :raises purista.errors.DeclarationError: for a contract that cannot work.
        """
        aims = {TargetKind.EVENT: emit, TargetKind.QUEUE: enqueue, TargetKind.COMMAND: invoke}
        given = [(kind, aim) for kind, aim in aims.items() if aim is not None]
        with Declaring(f"{self.name}/{self.version}/{name}"):
            if len(given) != 1:
                msg = f"{name}: expected one of emit=, enqueue= and invoke=, got {len(given)}; write exactly one"
                raise InvalidSchedule(msg)
            definition = self.get_schedule_builder(name, description)._define(*given[0], expression, options)
            self.add_schedule_definition(definition)
            return definition

    def subscription(
        self, name: str, *, event: str, once: bool | None = None, max_attempts: int | None = None,
        payload_type: Any = None, result_event: str | None = None, description: str = "",
    ) -> Callable[[_H], _H]:  # fmt: skip
        """Call the decorated function for every message of ``event``; ``once`` skips repeated deliveries.

        ``once=False`` says that the handler takes a repeated delivery well; saying nothing is a warning of ``check``.
        The function takes (context) or (context, payload), sync or async; the annotation of ``payload`` is its type.
        """
        options = _options(once=once, max_attempts=max_attempts, result_event=result_event)
        extra = {"event": validate_name("event", event), "options": options, "description": description}
        return self._decorator(SubscriptionDef, name, payload_type, extra)

    def command(
        self, name: str, *, payload_type: Any = None, result_event: str | None = None, description: str = ""
    ) -> Callable[[_H], _H]:
        """Answer calls of the command with what the decorated function returns.

        The function takes (context), (context, payload) or (context, payload, parameter), sync or async.
        """
        extra = {"options": _options(result_event=result_event), "description": description}
        return self._decorator(CommandDef, name, payload_type, extra)

    def queue_worker(
        self, queue: str, *, once: bool = True, max_attempts: int | None = None,
        visibility_timeout: Duration | None = None, payload_type: Any = None, result_event: str | None = None,
        description: str = "",
    ) -> Callable[[_H], _H]:  # fmt: skip
        """Work off the jobs of ``queue`` with the decorated function; ``once`` (the default) skips repeated deliveries.

        ``visibility_timeout`` is how long a job is invisible to other workers while this one does not renew it.
        """
        options = _options(
            once=once, max_attempts=max_attempts, visibility=visibility_timeout, result_event=result_event
        )
        return self._decorator(QueueWorkerDef, queue, payload_type, {"options": options, "description": description})

    def bind_event_to_queue(
        self, event: str, target: str | Handler, *, mapper: Callable[[Any], Any] | None = None, payload_type: Any = None,
        idempotency_key: str | None = None, delay: Duration | None = None, max_attempts: int | None = None,
    ) -> ServiceBuilder:  # fmt: skip
        """Make every message of ``event`` a job of a queue: PURISTA's event-to-queue binding.

        The event is acknowledged only after the job is durably enqueued; delivered twice, it makes the same job. Under a
        schedule both belong to its run: the run ends when the job has.

        :param target: a queue worker or a queue's name.
        :param mapper: from the event's payload (as ``payload_type``, where given) to the job's.
        :param idempotency_key: a path such as ``payload.id``: events with equal values make one job, where the queue
            remembers keys.
        :param delay: how long the job waits in the queue.
        :raises purista.errors.DeclarationError: for a name or path that cannot work, or a binding that is there already.
        """
        queue = target
        if not isinstance(queue, str):
            queue = aimed_at(f"binding of {event}", TargetKind.QUEUE, target, self.name, self.version).name
        validate_name("queue", queue)
        if idempotency_key is not None and not idempotency_key.startswith("payload."):
            msg = f"idempotency_key: expected a path such as 'payload.id', got {idempotency_key!r}"
            raise DeclarationError(f"{msg}; write 'payload.{idempotency_key}'")
        waits = 0.0 if delay is None else duration_ms("delay", delay) / 1000
        if waits < 0:
            raise DeclarationError(f"delay: expected a duration to come, got {delay}; write timedelta(minutes=…)")
        declare = self.subscription(
            binding_name(event, queue), event=event, once=False, max_attempts=max_attempts, payload_type=payload_type,
            description=f"jobs of {queue} from {event}",
        )  # fmt: skip
        declare(passing_on(target, mapper, idempotency_key, waits or None))
        return self

    def _decorator(self, kind: type[_D], name: str, payload_type: Any, extra: dict[str, Any]) -> Callable[[_H], _H]:
        validate_name(kind.word, name)

        def declare(handler: _H) -> _H:
            found = read_signature(handler, payload_type=payload_type)
            if any(type(other) is kind and other.name == name for other in self._handlers):
                owner = f"{self.name}/{self.version}"
                msg = f"{owner}: expected one {kind.word} {name!r}, got a second one; write another name"
                raise DeclarationError(msg)
            record = kind(
                service=self.name, version=self.version, name=name, handler=handler, is_async=found.is_async,
                payload_type=found.payload_type, parameter_type=found.parameter_type, parameters=found.parameters,
                **(extra | {"description": extra["description"] or _first_line(handler)}),
            )  # fmt: skip
            self._handlers.append(record)
            remember(record)
            return handler

        return declare

    def _find(self, kind: TargetKind, name: str) -> HandlerDef | None:
        wanted = HANDLER_KINDS.get(kind)
        return next((record for record in self._handlers if type(record) is wanted and record.name == name), None)

    def _of(self, kind: type[_D]) -> tuple[_D, ...]:
        return tuple(record for record in self._handlers if isinstance(record, kind))

    @property
    def definitions(self) -> tuple[ScheduleDefinition, ...]:
        """The added schedules with their types and handlers."""
        return tuple(self._definitions.values())

    @property
    def forgotten(self) -> tuple[ScheduleDefinition, ...]:
        """Definitions that were made here and never added to this service."""
        added = {id(definition) for definition in self._definitions.values()}
        return tuple(made for made in self._made if id(made) not in added)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The added contracts, in order of declaration."""
        return tuple(definition.schedule for definition in self._definitions.values())

    @property
    def subscriptions(self) -> tuple[SubscriptionDef, ...]:
        """The decorated subscriptions."""
        return self._of(SubscriptionDef)

    @property
    def commands(self) -> tuple[CommandDef, ...]:
        """The decorated commands."""
        return self._of(CommandDef)

    @property
    def queue_workers(self) -> tuple[QueueWorkerDef, ...]:
        """The decorated queue workers."""
        return self._of(QueueWorkerDef)

    async def get_instance(self, event_bridge: Any) -> ServiceInstance:
        """This service on a bridge, not started yet; PURISTA's spelling of what ``App`` does."""
        from purista.service.runtime import ServiceInstance  # noqa: PLC0415 - declaring needs no runtime

        return ServiceInstance(self, event_bridge)


def _options(
    *, once: bool | None = None, max_attempts: int | None = None, visibility: Duration | None = None,
    result_event: str | None = None,
) -> HandlerOptions:  # fmt: skip
    if max_attempts is not None and (type(max_attempts) is not int or max_attempts < 1):
        msg = f"max_attempts: expected 1 or more, got {max_attempts!r}; write how often it may be tried in all"
        raise DeclarationError(msg)
    timeout = None if visibility is None else duration_ms("visibility_timeout", visibility)
    if timeout is not None and timeout < 1000:
        msg = f"visibility_timeout: expected a second or more, got {timeout} ms; write timedelta(seconds=…)"
        raise DeclarationError(msg)
    if result_event is not None:
        validate_name("event", result_event)
    return HandlerOptions(
        once=once, max_attempts=max_attempts, visibility_timeout_ms=timeout, result_event=result_event
    )


def _first_line(handler: Handler) -> str:
    return next(iter(_lines(handler.__doc__)), "")


def _lines(text: str | None) -> Iterable[str]:
    return (line.strip() for line in (text or "").splitlines() if line.strip())
