"""The small JSON Schema checker, against the jsonschema library as its oracle."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purista.contract.json_schema import check_schema, issues
from purista.errors import InvalidPayload

_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.5, 1.0, 2.5]),
        st.sampled_from(["", "a", "ab", "b1"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c1"]), inner, max_size=3)
    ),
    max_leaves=5,
)
_TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    small = st.integers(0, 3)
    names = st.sampled_from(["a", "b", "c1"])
    some = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                st.sampled_from(_TYPES), st.lists(st.sampled_from(_TYPES), min_size=1, max_size=3, unique=True)
            ),
            "enum": st.lists(_VALUES, min_size=1, max_size=3),
            "const": _VALUES,
            "required": st.lists(names, max_size=2, unique=True),
            "properties": st.dictionaries(names, inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["1$", "^a"]), inner, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": some,
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "minimum": small,
            "maximum": small,
            "exclusiveMinimum": small,
            "exclusiveMaximum": small,
            "multipleOf": st.integers(1, 3),
            "minLength": small,
            "maxLength": small,
            "minItems": small,
            "maxItems": small,
            "minProperties": small,
            "maxProperties": small,
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["^a", "1$", "b"]),
        },
    )


_LEAF = st.one_of(st.booleans(), _keywords(st.booleans()))


@settings(max_examples=400, deadline=None)
@given(_VALUES, st.one_of(_LEAF, _keywords(_LEAF)))
def test_it_agrees_with_jsonschema(value: Any, schema: Any) -> None:
    assert (issues(value, schema) == []) == jsonschema.Draft202012Validator(schema).is_valid(value)


PYDANTIC = {
    "$defs": {"Line": {"properties": {"id": {"type": "integer"}}, "required": ["id"], "type": "object"}},
    "properties": {
        "lines": {"items": {"$ref": "#/$defs/Line"}, "type": "array"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["lines"],
    "type": "object",
}


def test_references_and_places() -> None:
    assert issues({"lines": [{"id": 1}], "note": None}, PYDANTIC) == []
    assert issues({"lines": [{"id": "x"}]}, PYDANTIC) == ["lines[0].id: expected integer, got 'x'"]
    assert issues({}, PYDANTIC) == ["the payload itself: expected the field 'lines', got {}"]
    with pytest.raises(InvalidPayload, match="expected the field 'id'"):
        check_schema({"lines": [{}]}, PYDANTIC)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/x"},
        {"$ref": "#/$defs/none"},
        {"$ref": 5},
        {"type": "made-up"},
        {"pattern": "(?<x>ecma)"},
        {"pattern": "("},
        {"format": "date"},
        {"minimum": "x"},
        {"required": []},
        {"properties": 5, "items": 5, "patternProperties": 5},
        5,
        None,
    ],
)
def test_what_it_does_not_know_it_does_not_judge(schema: Any) -> None:
    assert issues("value", schema) == []


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert issues({"a": 1}, {"$ref": "#"}) == []
    endless = {"properties": {"a": {"$ref": "#"}}, "type": "object"}
    assert issues({"a": {"a": {"a": 5}}}, endless) == ["a.a.a: expected object, got 5"]
