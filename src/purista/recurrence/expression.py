"""Expressions and PURISTA's dictionary spelling of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from purista.errors import InvalidExpression
from purista.recurrence.cron import Cron
from purista.recurrence.interval import Interval, OneShot

__all__ = ["Expression", "expression_from_dict", "expression_to_dict"]

Expression = Cron | Interval | OneShot

_KEYS = {
    "cron": {"kind", "value", "timezone"},
    "interval": {"kind", "everyMs", "offsetMs"},
    "oneShot": {"kind", "runAt"},
}


def expression_from_dict(data: Mapping[str, Any]) -> Expression:
    """From ``{"kind": "cron", "value": …}``, ``{"kind": "interval", "everyMs": …}`` or ``{"kind": "oneShot", "runAt": …}``.

    A ``timezone`` beside cron text is the caller's to read.

    :raises InvalidExpression: for anything else.
    """
    if not isinstance(data, Mapping):
        raise InvalidExpression(
            f"expected a dictionary, got {data!r:.80}; write {{'kind': 'cron', 'value': '0 2 1 * *'}}"
        )
    kind = data.get("kind")
    keys = _KEYS.get(kind) if isinstance(kind, str) else None
    if keys is None:
        raise InvalidExpression(f"kind: expected cron, interval or oneShot, got {kind!r:.80}")
    unknown = sorted(str(key) for key in data if key not in keys)
    if unknown:
        raise InvalidExpression(f"expected {', '.join(sorted(keys))}, got also {', '.join(unknown)[:80]}; remove them")
    if kind == "cron":
        return Cron(_required(data, "value"))
    if kind == "oneShot":
        return OneShot(_required(data, "runAt"))
    return Interval(_whole_seconds(data, "everyMs", None), _whole_seconds(data, "offsetMs", 0))


def expression_to_dict(expression: Expression) -> dict[str, Any]:
    """PURISTA's spelling; ``offsetMs`` (ours) is left out when it is 0."""
    if isinstance(expression, Cron):
        return {"kind": "cron", "value": expression.value}
    if isinstance(expression, OneShot):
        return {"kind": "oneShot", "runAt": f"{expression.at:%Y-%m-%dT%H:%M:%S}.000Z"}
    wire: dict[str, Any] = {"kind": "interval", "everyMs": expression.every_seconds * 1000}
    if expression.offset_seconds:
        wire["offsetMs"] = expression.offset_seconds * 1000
    return wire


def _required(data: Mapping[str, Any], name: str) -> Any:
    if name not in data:
        raise InvalidExpression(f"expected {name}, got none; write {{'kind': {data['kind']!r}, {name!r}: …}}")
    return data[name]


def _whole_seconds(data: Mapping[str, Any], name: str, default: int | None) -> int:
    value = data.get(name, default)
    if type(value) is not int or value % 1000:
        raise InvalidExpression(f"{name}: expected milliseconds that are whole seconds, got {value!r:.80}; write 60000")
    return value // 1000
