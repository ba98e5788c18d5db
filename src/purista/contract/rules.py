"""What a contract must keep to be declared: the one place where combinations of options are judged.

What belongs here: errors. Advice about legal contracts is in ``check``. Every error says what was expected, what was
got and what to write instead, and starts with the schedule's key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from purista.contract.identity import validate_name
from purista.contract.payload import (
    MAX_PAYLOAD_BYTES,
    CompiledTemplate,
    compile_template,
    dump,
    idempotency_value,
    moment_of,
)
from purista.contract.samples import sample_instants, smallest_gap
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, TargetKind
from purista.errors import DeclarationError, InvalidPayload, InvalidSchedule
from purista.recurrence import OneShot

__all__ = ["rendered_samples", "validate", "validate_app"]


class _Subscription(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def event(self) -> str: ...


class _Service(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def schedules(self) -> Sequence[Schedule]: ...
    @property
    def subscriptions(self) -> Sequence[_Subscription]: ...


def validate(schedule: Schedule, *, payload_model: Any = None, parameter_model: Any = None) -> None:
    """Refuse a contract that cannot work. Models are pydantic-able types; without one the JSON Schema is used.

    :raises purista.errors.InvalidSchedule: for names, bounds, durations and policies.
    :raises purista.errors.InvalidTimezone: for an unknown zone.
    :raises purista.errors.InvalidPayload: for payload, template, size, schema or idempotency key.
    """
    try:
        _names(schedule)
        _bounds(schedule)
        _durations(schedule)
        _policies(schedule)
        instants = _due(schedule)
        _payload(schedule, instants, payload_model)
        _parameter(schedule, parameter_model)
    except (InvalidSchedule, InvalidPayload) as error:
        msg = f"{schedule.key}: {error}"
        raise type(error)(msg) from error.__cause__


def _names(s: Schedule) -> None:
    validate_name("service", s.service)
    validate_name("version", s.version)
    validate_name("schedule", s.name)
    validate_name(s.target.kind, s.target.name)
    validate_name("scheduler group", s.scheduler_group)
    if (s.service, s.version) != (s.target.service, s.target.version):
        msg = (
            f"expected the target's service in the key, got {s.service}/{s.version} for a target of "
            f"{s.target.service}/{s.target.version}; write the same service and version in both"
        )
        raise InvalidSchedule(msg)
    for environment in s.environments:
        validate_name("environment", environment)
    for old in s.renamed_from:
        _old_name(s, old)
    if s.completed_by is not None:
        validate_name("event", s.completed_by)
        if s.target.kind is TargetKind.EVENT and s.completed_by == s.target.name:
            msg = f"completed_by: expected the event that ends a run, got the one that starts it ({s.completed_by!r})"
            raise InvalidSchedule(f"{msg}; write the event your handler emits when it is done")


def _old_name(s: Schedule, old: str) -> None:
    parts = old.split("/") if isinstance(old, str) else [old]
    if len(parts) not in {1, 3}:
        msg = f"renamed_from: expected a name or 'service/version/name', got {old!r}; write {parts[-1]!r}"
        raise InvalidSchedule(msg)
    for kind, part in zip(("service", "version", "schedule")[-len(parts) :], parts, strict=True):
        validate_name(kind, part)
    if old in {s.name, s.key}:
        msg = f"renamed_from: expected an old name, got the present one ({old!r}); leave it out"
        raise InvalidSchedule(msg)


def _bounds(s: Schedule) -> None:
    if s.start_ms is not None and s.end_ms is not None and s.start_ms >= s.end_ms:
        msg = "end: expected an instant after start, got one before or at it; write a later end or leave it out"
        raise InvalidSchedule(msg)


def _durations(s: Schedule) -> None:
    for name, ms in (("start_deadline", s.start_deadline_ms), ("run_timeout", s.run_timeout_ms)):
        if ms is not None and ms <= 0:
            msg = f"{name}: expected a positive duration, got {ms} ms; write timedelta(minutes=…) or leave it out"
            raise InvalidSchedule(msg)
    jitter = s.jitter_window_ms
    if jitter is None or jitter == 0:
        return
    if jitter < 0:
        msg = (
            f"jitter_window: expected a positive duration, got {jitter} ms; write timedelta(seconds=…) or leave it out"
        )
        raise InvalidSchedule(msg)
    gap = smallest_gap(s)
    if gap is not None and jitter >= gap * 1000:
        msg = (
            f"jitter_window: expected less than the smallest gap of occurrences ({gap} s), got {jitter / 1000:g} s"
            f"; write at most timedelta(seconds={gap - 1})"
        )
        raise InvalidSchedule(msg)


def _policies(s: Schedule) -> None:
    cap = s.max_catch_up_count
    if s.missed_run_policy is MissedRunPolicy.BACKFILL and cap is None:
        msg = "missed_run_policy: expected a cap with 'backfill', got none; write max_catch_up_count=24, say"
        raise InvalidSchedule(msg)
    if cap is not None and cap < 1:
        msg = f"max_catch_up_count: expected 1 or more, got {cap}; write missed_run_policy='skip' to catch up nothing"
        raise InvalidSchedule(msg)
    if s.target.kind is TargetKind.EVENT and (s.parameter is not None or s.parameter_schema is not None):
        msg = "parameter: expected a command or a queue as target, got an event; write it into payload"
        raise InvalidSchedule(msg)


def _due(s: Schedule) -> list[int]:
    """Sample occurrences; proves on the way that zone and bounds are right and that there is any occurrence."""
    instants = sample_instants(s)
    if not instants:
        msg = f"expected at least one occurrence between start and end, got none of {s.expression}; write other bounds"
        raise InvalidSchedule(msg)
    return instants


def rendered_samples(schedule: Schedule, instants: Iterable[int] | None = None) -> list[Any]:
    """The schedule's payload at sample occurrences; one of them if it is always the same, none if it has no payload.

    :raises purista.errors.InvalidPayload: for a template that cannot be rendered.
    """
    if schedule.payload is None:
        return []
    compiled = compile_template(schedule.payload)
    at = list(instants) if instants is not None else sample_instants(schedule)
    return [_render(schedule, compiled, instant) for instant in (at if compiled.names else at[:1])]


def _render(schedule: Schedule, compiled: CompiledTemplate, instant: int) -> Any:
    return compiled.render(moment_of(schedule, instant, compiled.names))


def _payload(s: Schedule, instants: list[int], model: Any) -> None:
    if s.payload is None:
        _no_payload(s)
        return
    compiled = compile_template(s.payload)
    if isinstance(s.expression, OneShot) and (absent := compiled.names & {"previous_at", "next_at"}):
        msg = f"payload: expected times that a one-shot has, got {min(absent)!r}; write {{scheduled_at}}"
        raise InvalidPayload(msg)
    for instant in instants if compiled.names else instants[:1]:
        value = _render(s, compiled, instant)
        _fits("payload", value, s.payload_schema, model)
        idempotency_value(s, value, moment_of(s, instant, ()))


def _no_payload(s: Schedule) -> None:
    if s.payload_schema is not None:
        msg = "payload: expected one because there is a payload_schema, got none; write payload={…} or drop the schema"
        raise InvalidPayload(msg)
    if s.idempotency_key is not None:
        idempotency_value(s, None, moment_of(s, 0, ()))


def _parameter(s: Schedule, model: Any) -> None:
    if s.parameter is not None:
        compile_template(_without_braces(s.parameter))  # the same limits as a payload, but no templates in it
        _fits("parameter", s.parameter, s.parameter_schema, model)


def _without_braces(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("{", "").replace("}", "")
    if isinstance(value, dict):
        return {key: _without_braces(item) for key, item in value.items()}
    return [_without_braces(item) for item in value] if isinstance(value, list | tuple) else value


def _fits(what: str, value: Any, schema: Any, model: Any) -> None:
    size = len(dump(value).encode())
    if size > MAX_PAYLOAD_BYTES:
        msg = f"{what}: expected at most {MAX_PAYLOAD_BYTES:,} bytes, got {size:,}; write a reference to the data"
        raise InvalidPayload(msg)
    try:
        if model is not None:
            from purista.contract.models import read_as  # noqa: PLC0415 - pydantic

            read_as(model, value)
        elif schema is not None:
            from purista.contract.json_schema import check_schema  # noqa: PLC0415

            check_schema(value, schema)
    except InvalidPayload as error:
        named = getattr(model, "__name__", "the schema") if model is not None else "the schema"
        msg = f"{what}: expected what {named} takes, got {error} (in {dump(value)[:120]}); write a {what} that fits"
        raise InvalidPayload(msg) from error.__cause__


def validate_app(services: Iterable[_Service]) -> None:
    """Refuse what only shows when all services of an app are known.

    Two services or two schedules of one key; an old name that is still in use; and ``forbid`` or ``replace`` on an
    event whose end nobody can see: several subscribers, or none in this app, and no ``completed_by``.

    :raises purista.errors.DeclarationError: for services, :class:`~purista.errors.InvalidSchedule` for schedules.
    """
    services = list(services)
    for identity, count in Counter((service.name, service.version) for service in services).items():
        if count > 1:
            name, version = identity
            msg = f"expected every service once, got {name!r} version {version!r} {count} times; write another version"
            raise DeclarationError(msg)
    subscribers: dict[str, list[str]] = {}
    for service in services:
        for found in service.subscriptions:
            subscribers.setdefault(found.event, []).append(f"{service.name}/{service.version}/{found.name}")
    seen: dict[str, str] = {}
    for service in services:
        owner = f"{service.name}/{service.version}"
        for schedule in service.schedules:
            if schedule.key in seen:
                both = f"{seen[schedule.key]} and {owner}"
                msg = f"{schedule.key}: expected every schedule once, got it from {both}; write another name"
                raise InvalidSchedule(msg)
            seen[schedule.key] = owner
            _observable_end(schedule, subscribers.get(schedule.target.name, []))
    _renames([schedule for service in services for schedule in service.schedules])


def _renames(schedules: Sequence[Schedule]) -> None:
    """An old name belongs to one schedule, and nobody bears it any more."""
    claimed = {schedule.key: f"{schedule.key}, which still exists" for schedule in schedules}
    for schedule in schedules:
        for old in schedule.renamed_from:
            key = old if "/" in old else f"{schedule.service}/{schedule.version}/{old}"
            if key in claimed:
                msg = (
                    f"{schedule.key}: renamed_from: expected a name nobody has, got {claimed[key]}; write the old name"
                )
                raise InvalidSchedule(msg)
            claimed[key] = f"{key}, which {schedule.key} was, too"


def _observable_end(s: Schedule, subscribers: list[str]) -> None:
    exclusive = s.concurrency_policy in {ConcurrencyPolicy.FORBID, ConcurrencyPolicy.REPLACE}
    if not exclusive or s.target.kind is not TargetKind.EVENT or s.completed_by is not None or len(subscribers) == 1:
        return
    got = f"{len(subscribers)} ({', '.join(subscribers[:5])})" if subscribers else "none in this app"
    msg = (
        f"{s.key}: expected exactly one subscriber of {s.target.name!r}, so that {s.concurrency_policy!s} sees when a"
        f" run ends, got {got}; write completed_by='<event that ends a run>', or target a queue or a command"
    )
    raise InvalidSchedule(msg)
