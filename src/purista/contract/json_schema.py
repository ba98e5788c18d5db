"""A small JSON Schema (2020-12) checker for payloads whose schema came without a Python type, such as from a manifest.

What belongs here: the keywords that schemas of data transfer objects use. Keywords it does not know (``format``,
``contentEncoding``, ``unevaluatedProperties`` …) are annotations to it: it may take what a full validator refuses,
never the other way round. No dependency, so the gateway can use it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from purista.errors import InvalidPayload

__all__ = ["check_schema", "issues"]

_MAX_DEPTH = 100
_Found = list[str]


def check_schema(value: Any, schema: Any) -> None:
    """Refuse a JSON value that does not fit.

    :raises purista.errors.InvalidPayload: naming the first places.
    """
    if found := issues(value, schema):
        raise InvalidPayload("; ".join(found[:5]))


def issues(value: Any, schema: Any) -> list[str]:
    """Everything in ``value`` that does not fit, as sentences that start with the place; empty when it fits."""
    return _Check(schema).run(value, schema, "", 0)


class _Check:
    """One check: knows the root schema for ``$ref``."""

    __slots__ = ("root",)

    def __init__(self, root: Any) -> None:
        self.root = root

    def run(self, value: Any, schema: Any, place: str, depth: int) -> _Found:
        if schema is True or depth > _MAX_DEPTH:
            return []
        if schema is False:
            return [f"{_at(place)}: expected nothing here, got {_short(value)}"]
        if not isinstance(schema, Mapping):
            return []
        found: _Found = []
        for keyword, rule in schema.items():
            if (test := _TESTS.get(keyword)) is not None:
                found += [f"{_at(place)}: {problem}, got {_short(value)}" for problem in test(value, rule)]
            elif (walk := _WALKS.get(keyword)) is not None:
                found += walk(self, value, rule, schema, place, depth + 1)
        return found

    def reference(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        target = self.root
        if not isinstance(rule, str) or not rule.startswith("#"):
            return []  # another document: not ours to fetch
        for part in rule[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or name not in target:
                return []
            target = target[name]
        return self.run(value, target, place, depth)

    def properties(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        if not isinstance(value, Mapping) or not isinstance(rule, Mapping):
            return []
        return [
            line
            for name, sub in rule.items()
            if name in value
            for line in self.run(value[name], sub, f"{place}.{name}", depth)
        ]

    def other_properties(self, value: Any, rule: Any, schema: Any, place: str, depth: int) -> _Found:
        if not isinstance(value, Mapping):
            return []
        patterns = [_pattern(text) for text in schema.get("patternProperties", {})]
        known = schema.get("properties", {})
        others = [name for name in value if name not in known and not any(p and p.search(name) for p in patterns)]
        return [line for name in others for line in self.run(value[name], rule, f"{place}.{name}", depth)]

    def pattern_properties(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        if not isinstance(value, Mapping) or not isinstance(rule, Mapping):
            return []
        matched = [
            (name, sub) for text, sub in rule.items() if (p := _pattern(text)) for name in value if p.search(name)
        ]
        return [line for name, sub in matched for line in self.run(value[name], sub, f"{place}.{name}", depth)]

    def items(self, value: Any, rule: Any, schema: Any, place: str, depth: int) -> _Found:
        if not isinstance(value, list):
            return []
        start = len(schema.get("prefixItems", ()))
        rest = enumerate(value[start:], start)
        return [line for index, item in rest for line in self.run(item, rule, f"{place}[{index}]", depth)]

    def prefix_items(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        if not isinstance(value, list) or not isinstance(rule, list):
            return []
        pairs = enumerate(zip(value, rule, strict=False))
        return [line for index, (item, sub) in pairs for line in self.run(item, sub, f"{place}[{index}]", depth)]

    def all_of(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        return [line for sub in rule for line in self.run(value, sub, place, depth)]

    def any_of(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        branches = [self.run(value, sub, place, depth) for sub in rule]
        return [] if not all(branches) else min(branches, key=len, default=[])

    def one_of(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        branches = [self.run(value, sub, place, depth) for sub in rule]
        fitting = sum(not branch for branch in branches)
        if fitting > 1:
            return [
                f"{_at(place)}: expected exactly one of {len(branches)} forms, got {_short(value)} that fits {fitting}"
            ]
        return [] if fitting else min(branches, key=len, default=[])

    def negation(self, value: Any, rule: Any, _: Any, place: str, depth: int) -> _Found:
        fits = not self.run(value, rule, place, depth)
        return [f"{_at(place)}: expected anything but the forbidden form, got {_short(value)}"] if fits else []


_WALKS: dict[str, Callable[[_Check, Any, Any, Any, str, int], _Found]] = {
    "$ref": _Check.reference,
    "properties": _Check.properties,
    "additionalProperties": _Check.other_properties,
    "patternProperties": _Check.pattern_properties,
    "items": _Check.items,
    "prefixItems": _Check.prefix_items,
    "allOf": _Check.all_of,
    "anyOf": _Check.any_of,
    "oneOf": _Check.one_of,
    "not": _Check.negation,
}


def _at(place: str) -> str:
    return place.lstrip(".") or "the payload itself"


def _short(value: Any) -> str:
    return f"{value!r:.80}"


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None  # ECMA syntax that Python has not: not judged


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS: dict[str, Callable[[Any], bool]] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: _number(v) and float(v).is_integer(),
    "number": _number,
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, Mapping),
}


def _type(value: Any, rule: Any) -> _Found:
    kinds = [rule] if isinstance(rule, str) else rule if isinstance(rule, list) else []
    fits = any(_IS.get(kind, lambda _: True)(value) for kind in kinds)
    return [] if fits or not kinds else [f"expected {' or '.join(map(str, kinds))}"]


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: true is not 1, 1.0 is 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return bool(left == right)


def _unique(value: Any, rule: Any) -> _Found:
    if rule is not True or not isinstance(value, list) or len(value) > 1000:
        return []
    twins = any(_equal(a, b) for i, a in enumerate(value) for b in value[:i])
    return ["expected every item once"] if twins else []


def _required(value: Any, rule: Any) -> _Found:
    missing = [name for name in rule if name not in value] if isinstance(value, Mapping) else []
    return [f"expected the field {missing[0]!r}"] if missing else []


def _multiple(value: Any, rule: Any) -> _Found:
    if not _number(value) or not _number(rule) or rule <= 0:
        return []
    if isinstance(value, int) and isinstance(rule, int):
        fits = value % rule == 0
    else:
        quotient = value / rule
        fits = math.isfinite(quotient) and quotient.is_integer()
    return [] if fits else [f"expected a multiple of {rule}"]


def _limit(applies: Callable[[Any], bool], fits: Callable[[Any, Any], bool], text: str) -> Callable[[Any, Any], _Found]:
    return lambda value, rule: [text.format(rule)] if applies(value) and _number(rule) and not fits(value, rule) else []


def _matches(value: Any, rule: Any) -> _Found:
    compiled = _pattern(rule) if isinstance(value, str) and isinstance(rule, str) else None
    return [] if compiled is None or compiled.search(value) else [f"expected text like {rule!r}"]


_TESTS: dict[str, Callable[[Any, Any], _Found]] = {
    "type": _type,
    "const": lambda v, rule: [] if _equal(v, rule) else [f"expected {rule!r}"],
    "enum": lambda v, rule: [] if any(_equal(v, item) for item in rule) else [f"expected one of {_short(rule)}"],
    "required": _required,
    "pattern": _matches,
    "multipleOf": _multiple,
    "uniqueItems": _unique,
    "minimum": _limit(_number, lambda v, n: v >= n, "expected at least {}"),
    "maximum": _limit(_number, lambda v, n: v <= n, "expected at most {}"),
    "exclusiveMinimum": _limit(_number, lambda v, n: v > n, "expected more than {}"),
    "exclusiveMaximum": _limit(_number, lambda v, n: v < n, "expected less than {}"),
    "minLength": _limit(_IS["string"], lambda v, n: len(v) >= n, "expected {} or more characters"),
    "maxLength": _limit(_IS["string"], lambda v, n: len(v) <= n, "expected at most {} characters"),
    "minItems": _limit(_IS["array"], lambda v, n: len(v) >= n, "expected {} or more items"),
    "maxItems": _limit(_IS["array"], lambda v, n: len(v) <= n, "expected at most {} items"),
    "minProperties": _limit(_IS["object"], lambda v, n: len(v) >= n, "expected {} or more fields"),
    "maxProperties": _limit(_IS["object"], lambda v, n: len(v) <= n, "expected at most {} fields"),
}
