"""The options of a schedule as users write them, read into the contract's own values.

What belongs here: spellings (``run_once``, ``runOnce``, enum; timedelta or seconds; a dict or a ``Cron``). Whether the
values make sense together is judged in ``contract.rules``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict, TypeVar

from purista.clock import to_ms
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy
from purista.errors import InvalidSchedule
from purista.recurrence import Cron, Expression, Interval, OneShot, expression_from_dict

__all__ = ["Duration", "ScheduleOptions", "duration_ms", "policy", "read_expression", "read_options"]

Duration = timedelta | int | float
_E = TypeVar("_E", bound=StrEnum)


class ScheduleOptions(TypedDict, total=False):
    """Everything a schedule may state beside its expression and its target. Numbers as durations are seconds."""

    timezone: str | None
    concurrency_policy: ConcurrencyPolicy | str
    missed_run_policy: MissedRunPolicy | str
    max_catch_up_count: int
    start_deadline: Duration
    run_timeout: Duration
    jitter_window: Duration
    start: datetime
    end: datetime
    idempotency_key: str
    payload: Any
    payload_schema: Any
    parameter: Any
    parameter_schema: Any
    completed_by: str
    renamed_from: str | Iterable[str]
    environments: str | Iterable[str]
    scheduler_group: str
    enabled_by_default: bool
    provider_hints: Mapping[str, Any]


_POLICIES: dict[str, type[StrEnum]] = {"concurrency_policy": ConcurrencyPolicy, "missed_run_policy": MissedRunPolicy}
_DURATIONS = ("start_deadline", "run_timeout", "jitter_window")
_INSTANTS = ("start", "end")
_TEXTS = ("idempotency_key", "completed_by", "scheduler_group")
_LISTS = ("renamed_from", "environments")


def read_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of :class:`~purista.contract.schedule.Schedule` but for zone, payload, parameter and schemas.

    ``None`` means not stated.

    :raises purista.errors.InvalidSchedule: for an unknown option or a value of the wrong kind.
    """
    _refuse_unknown(options)
    given = {name: value for name, value in options.items() if value is not None}
    fields: dict[str, Any] = {"stated": frozenset(given)}
    for name, value in given.items():
        if name in _POLICIES:
            fields[name] = policy(name, value, _POLICIES[name])
        elif name in _DURATIONS:
            fields[f"{name}_ms"] = duration_ms(name, value)
        elif name in _INSTANTS:
            fields[f"{name}_ms"] = _instant(name, value)
        elif name in _TEXTS:
            fields[name] = _typed(name, value, str, "a text")
        elif name in _LISTS:
            fields[name] = _texts(name, value)
    for name, kind, words in (
        ("max_catch_up_count", int, "a whole number"),
        ("enabled_by_default", bool, "True or False"),
    ):
        if name in given:
            fields[name] = _typed(name, given[name], kind, words)
    if "provider_hints" in given:
        fields["provider_hints"] = dict(_typed("provider_hints", given["provider_hints"], Mapping, "a dict"))
    return fields


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = sorted(ScheduleOptions.__annotations__)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            fix = f"write {near[0]}=…" if near else f"write one of {', '.join(known)}"
            msg = f"expected an option of a schedule, got {name!r}; {fix}"
            raise InvalidSchedule(msg)


def _typed(name: str, value: Any, kind: type, words: str) -> Any:
    if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
        return value
    msg = f"{name}: expected {words}, got {value!r:.80} ({type(value).__name__})"
    raise InvalidSchedule(msg)


def policy(name: str, value: Any, kind: type[_E]) -> _E:
    """A policy from an enum, PURISTA's word or its Python spelling (``run_once``)."""
    if isinstance(value, kind):
        return value
    if isinstance(value, str) and not isinstance(value, StrEnum):
        for member in kind:
            if value in {member.value, member.name.lower(), member.name}:
                return member
    words = [member.value for member in kind]
    near = difflib.get_close_matches(str(value).replace("_", "").lower(), [word.lower() for word in words], n=1)
    fix = next((word for word in words if near and word.lower() == near[0]), words[0])
    msg = f"{name}: expected one of {', '.join(words)}, got {value!r:.80}; write {fix!r}"
    raise InvalidSchedule(msg)


def duration_ms(name: str, value: Any) -> int:
    """Whole milliseconds of a timedelta or of a number of seconds.

    :raises purista.errors.InvalidSchedule: for anything else, for what is finer than a millisecond or absurdly long.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            value = timedelta(seconds=value)
        except (OverflowError, ValueError):
            msg = f"{name}: expected a duration in seconds, got {value!r}; write timedelta(minutes=…)"
            raise InvalidSchedule(msg) from None
    if not isinstance(value, timedelta):
        msg = f"{name}: expected a timedelta or a number of seconds, got {value!r:.80}; write timedelta(minutes=…)"
        raise InvalidSchedule(msg)
    if abs(value) > timedelta(days=36600):
        msg = f"{name}: expected at most a century, got {value}; write seconds, not milliseconds"
        raise InvalidSchedule(msg)
    ms, rest = divmod(value, timedelta(milliseconds=1))
    if rest:
        msg = f"{name}: expected whole milliseconds, got {value}; write timedelta(milliseconds={max(ms, 1)})"
        raise InvalidSchedule(msg)
    return ms


def _instant(name: str, value: Any) -> int:
    if not isinstance(value, datetime):
        msg = f"{name}: expected a datetime with a zone, got {value!r:.80}; write datetime(2026, 1, 1, tzinfo=UTC)"
        raise InvalidSchedule(msg)
    try:
        return to_ms(value)
    except ValueError as error:
        msg = f"{name}: {error}"
        raise InvalidSchedule(msg) from None


def _texts(name: str, value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    if isinstance(values, Iterable) and not isinstance(values, Mapping | bytes):
        found = tuple(values)
        if all(isinstance(item, str) for item in found):
            return found
    msg = f"{name}: expected a text or a list of texts, got {value!r:.80}; write {name}=['…']"
    raise InvalidSchedule(msg)


def read_expression(expression: Any, timezone: str | None) -> tuple[Expression, str]:
    """The expression and its zone, from a value or PURISTA's dict, whose own ``timezone`` counts too.

    :raises purista.errors.InvalidSchedule: for a cron without a zone, two zones, or something else than an expression.
    """
    if isinstance(expression, Mapping):
        written = dict(expression)
        inner = written.pop("timezone", None)
        if inner is not None and timezone is not None and inner != timezone:
            msg = f"timezone: expected one zone, got {timezone!r} and {inner!r} in the expression; write one of them"
            raise InvalidSchedule(msg)
        expression, timezone = expression_from_dict(written), timezone if inner is None else inner
    if not isinstance(expression, Cron | Interval | OneShot):
        hint = f"Cron({expression!r})" if isinstance(expression, str) else "Cron('0 2 1 * *')"
        msg = f"expression: expected a Cron, an Interval or a OneShot, got {expression!r:.80}; write {hint}"
        raise InvalidSchedule(msg)
    if timezone is None and isinstance(expression, Cron):
        msg = "timezone: expected a zone with a cron expression, got none; write timezone='Europe/Berlin' or 'UTC'"
        raise InvalidSchedule(msg)
    if timezone is not None and not isinstance(timezone, str):
        msg = f"timezone: expected the name of a zone as text, got {timezone!r:.80}; write timezone={str(timezone)!r}"
        raise InvalidSchedule(msg)
    return expression, "UTC" if timezone is None else timezone
