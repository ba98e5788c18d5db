"""Payloads: a JSON template with times in it, rendered per occurrence; and the idempotency key inside it.

What belongs here: what a payload is and how it becomes text. What it must fit is in ``contract.rules``.

On the trigger's path, so: compile once per contract (:func:`compile_template`), look at ``names``, and let
:func:`moment_of` compute only what the template asks for. Rendering is then a few microseconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any
from zoneinfo import ZoneInfo

from purista.clock import to_iso
from purista.contract.identity import occurrence_id
from purista.contract.schedule import Schedule
from purista.contract.template import NAMES, Field, Segments, parse_template
from purista.errors import InvalidPayload
from purista.values import value as hot_value

__all__ = [
    "MAX_DEPTH", "MAX_PAYLOAD_BYTES", "MAX_SAFE_INTEGER", "CompiledTemplate", "Moment", "compile_template", "dump",
    "idempotency_value", "moment_of", "render", "value_at",
]  # fmt: skip

MAX_PAYLOAD_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_SAFE_INTEGER = 2**53 - 1  # what JavaScript, and Redis' Lua, can hold
_ZONE = lru_cache(maxsize=256)(ZoneInfo)


@hot_value(frozen=True, slots=True)
class Moment:
    """One occurrence as a template sees it. Instants are milliseconds since the epoch, UTC; ``zone`` the schedule's.

    ``previous_at_ms`` and ``next_at_ms`` are the neighbours by the rule alone (start and end do not cut them off), or
    ``None`` where nobody computed them or there are none.
    """

    scheduled_at_ms: int
    previous_at_ms: int | None
    next_at_ms: int | None
    zone: str
    occurrence_id: str
    schedule_name: str

    def time(self, name: str) -> datetime:
        """``scheduled_at``, ``previous_at`` or ``next_at`` in the schedule's zone.

        :raises purista.errors.InvalidPayload: when this occurrence has no such neighbour.
        """
        if name == "scheduled_at":
            ms: int | None = self.scheduled_at_ms
        else:
            ms = self.previous_at_ms if name == "previous_at" else self.next_at_ms
        if ms is None:
            msg = f"expected one with {name}, got one of {self.schedule_name!r} without; write {{scheduled_at}}"
            raise InvalidPayload(msg)
        seconds, milli = divmod(ms, 1000)
        at = datetime.fromtimestamp(seconds, _ZONE(self.zone))
        return at.replace(microsecond=milli * 1000) if milli else at


def moment_of(
    schedule: Schedule, scheduled_at_ms: int, names: Collection[str] = NAMES, *, id: str | None = None
) -> Moment:
    """The moment of one occurrence. Neighbours are computed only if ``names`` has them; ``id`` where it has one already
    (a request, or an occurrence from before a rename)."""
    previous = following = None
    if "previous_at" in names or "next_at" in names:
        rule = _unbounded(schedule)
        if "previous_at" in names:
            previous = rule.previous_timestamp(-(-scheduled_at_ms // 1000))
        if "next_at" in names:
            following = rule.next_timestamp(scheduled_at_ms // 1000)
    return Moment(
        scheduled_at_ms,
        None if previous is None else previous * 1000,
        None if following is None else following * 1000,
        schedule.timezone,
        occurrence_id(schedule.key, scheduled_at_ms) if id is None else id,
        schedule.name,
    )


def _unbounded(schedule: Schedule) -> Any:
    from purista.recurrence import Recurrence  # noqa: PLC0415 - only templates with neighbours need it

    return Recurrence(schedule.expression, timezone=schedule.timezone)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a template: what it is at a moment, and that as JSON text."""

    value: Callable[[Moment], Any]
    text: Callable[[Moment], str]


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A payload template, read once. ``names`` are the names it uses: empty means the payload is always the same.

    Objects come out with sorted keys, so that a contract renders the same bytes whether it was declared in code or
    loaded from a manifest.
    """

    names: frozenset[str]
    node: Node

    def render(self, moment: Moment) -> Any:
        """The payload of this occurrence: a fresh JSON value every time."""
        return self.node.value(moment)

    def write(self, moment: Moment) -> str:
        """The same as JSON text, byte for byte what :func:`dump` makes of it, without the value in between."""
        return self.node.text(moment)


def compile_template(template: Any) -> CompiledTemplate:
    """Read a template: any JSON value whose texts may hold ``{scheduled_at:%Y-%m}`` and the like.

    :raises purista.errors.InvalidPayload: for what is not JSON, and for texts that are no template. The message starts
        with the place, such as ``payload.lines[2].label``.
    """
    names: set[str] = set()
    return CompiledTemplate(node=_compile(template, "payload", 0, names), names=frozenset(names))


def render(template: Any, moment: Moment) -> Any:
    """Compile and render in one go. Whoever renders often keeps a :class:`CompiledTemplate`."""
    return compile_template(template).render(moment)


def _compile(value: Any, place: str, depth: int, names: set[str]) -> Node:
    if depth > MAX_DEPTH:
        msg = f"{place[:80]}…: expected at most {MAX_DEPTH} levels, got more; write a flatter payload"
        raise InvalidPayload(msg)
    if isinstance(value, str):
        return _compile_text(value, place, names)
    if isinstance(value, Mapping):
        parts = [
            (_checked_key(key, place), _compile(item, f"{place}.{key}", depth + 1, names))
            for key, item in value.items()
        ]
        parts.sort(key=lambda part: part[0])
        return _object(parts)
    if isinstance(value, list | tuple):
        return _list([_compile(item, f"{place}[{index}]", depth + 1, names) for index, item in enumerate(value)])
    return _constant(_checked_scalar(value, place))


def _constant(value: Any) -> Node:
    text = dump(value)
    return Node(lambda _: value, lambda _: text)


def _object(parts: list[tuple[str, Node]]) -> Node:
    values = [(key, node.value) for key, node in parts]
    texts = [(dump(key) + ":", node.text) for key, node in parts]
    return Node(
        lambda moment: {key: value(moment) for key, value in values},
        lambda moment: "{" + ",".join([key + text(moment) for key, text in texts]) + "}",
    )


def _list(nodes: list[Node]) -> Node:
    values, texts = [node.value for node in nodes], [node.text for node in nodes]
    return Node(
        lambda moment: [value(moment) for value in values],
        lambda moment: "[" + ",".join([text(moment) for text in texts]) + "]",
    )


def _compile_text(text: str, place: str, names: set[str]) -> Node:
    try:
        text.encode()
        segments = parse_template(text)
    except UnicodeEncodeError:
        msg = (
            f"{place}: expected Unicode text, got half of a surrogate pair in {text[:60]!a}; write the whole character"
        )
        raise InvalidPayload(msg) from None
    except InvalidPayload as error:
        msg = f"{place}: {error}"
        raise InvalidPayload(msg) from None
    names.update(segment.name for segment in segments if isinstance(segment, Field))
    if not any(isinstance(segment, Field) for segment in segments):
        return _constant("".join(str(segment) for segment in segments))
    filled = segments[0].render if len(segments) == 1 and isinstance(segments[0], Field) else _joined(segments)
    return Node(filled, lambda moment: encode_basestring(filled(moment)))


def _joined(segments: Segments) -> Callable[[Moment], str]:
    return lambda moment: "".join([part if isinstance(part, str) else part.render(moment) for part in segments])


def _checked_key(key: Any, place: str) -> str:
    if not isinstance(key, str):
        msg = f"{place}: expected texts as keys, got {key!r}; write {str(key)!r}"
        raise InvalidPayload(msg)
    return key


def _checked_scalar(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int:
        if abs(value) <= MAX_SAFE_INTEGER:
            return value
        msg = (
            f"{place}: expected an integer that JavaScript can hold (up to 2^53-1), got a larger one; write it as text"
        )
    elif type(value) is float:
        if math.isfinite(value):
            return value
        msg = f"{place}: expected a JSON number, got {value}; write null or text"
    else:
        fix = (
            "'{scheduled_at}' for the time of the occurrence, or text"
            if isinstance(value, datetime)
            else "what its JSON is"
        )
        msg = f"{place}: expected a JSON value, got {type(value).__name__}; write {fix}"
    raise InvalidPayload(msg)


_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def dump(value: Any) -> str:
    """Compact JSON text, other scripts as they are.

    :raises purista.errors.InvalidPayload: for what JSON or UTF-8 cannot hold (NaN, sets, half surrogates, cycles).
    """
    try:
        text = _ENCODE(value)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"expected a JSON value, got one that JSON cannot hold ({error}); write texts, numbers, lists and objects"
        raise InvalidPayload(msg) from None
    return text


def idempotency_value(schedule: Schedule, payload: Any, moment: Moment | None = None) -> str | None:
    """The value the schedule's idempotency key points at, as text; ``None`` if the schedule has no key.

    A key is a path such as ``payload.cycleId`` or ``payload.lines.0.id``, or ``scheduled_at`` (UTC, ISO 8601) or
    ``occurrence_id``, which need the ``moment``. ``payload`` is the rendered value.

    :raises purista.errors.InvalidPayload: when nothing is there, or something that is no text, number or boolean.
    """
    key = schedule.idempotency_key
    if key is None:
        return None
    if key.startswith("payload."):
        return value_at(payload, key)
    if key in {"scheduled_at", "occurrence_id"} and moment is not None:
        return moment.occurrence_id if key == "occurrence_id" else to_iso(moment.scheduled_at_ms)
    msg = f"idempotency_key: expected 'payload.<field>', 'scheduled_at' or 'occurrence_id', got {key!r}"
    msg += f"; write 'payload.{key}' if {key!r} is a field of the payload"
    raise InvalidPayload(msg)


def value_at(payload: Any, key: str) -> str:
    """The text, number or boolean at a path such as ``payload.lines.0.id``, as text.

    :raises purista.errors.InvalidPayload: when nothing is there, or something else.
    """
    value, (seen, *path) = payload, key.split(".")
    for part in path:
        value = _step(value, part, key, seen)
        seen = f"{seen}.{part}"
    return _key_text(value, key)


def _step(value: Any, part: str, key: str, seen: str) -> Any:
    if isinstance(value, Mapping) and part in value:
        return value[part]
    if (
        isinstance(value, list | tuple)
        and part.isdecimal()
        and part.isascii()
        and len(part) < 7
        and int(part) < len(value)
    ):
        return value[int(part)]
    if isinstance(value, Mapping):
        there = ", ".join(sorted(map(str, value))[:10]) or "nothing"
        fix = f"write one of the fields that are there ({there}) or add {part!r} to the payload"
    else:
        fix = f"add {part!r} to the payload" if value is None else f"write a path that ends at {seen!r}"
    msg = f"idempotency_key {key!r}: expected {part!r} in {seen}, got nothing there; {fix}"
    raise InvalidPayload(msg)


def _key_text(value: Any, key: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | float):
        return dump(value)
    got = "an empty text" if value == "" else "null" if value is None else type(value).__name__
    msg = f"idempotency_key {key!r}: expected a text, number or boolean, got {got}; write the path of a single value"
    raise InvalidPayload(msg)
