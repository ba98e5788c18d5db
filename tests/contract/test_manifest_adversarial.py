"""Manifests that somebody made to hurt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purista.contract import entry
from purista.contract.manifest import load_manifest
from purista.contract.strict_json import parse
from purista.errors import ManifestError

ENTRY: dict[str, Any] = {
    "name": "n",
    "description": "",
    "targetKind": "event",
    "targetServiceName": "s",
    "targetServiceVersion": "1",
    "targetName": "e",
    "expression": {"kind": "cron", "value": "0 2 1 * *", "timezone": "UTC"},
}


def text(**changes: Any) -> str:
    return json.dumps({"formatVersion": 1, "version": "1", "schedules": [ENTRY | changes]})


def test_the_unchanged_document_loads() -> None:
    assert load_manifest(text()).schedules[0].key == "s/1/n"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ('{"version":"1","version":"2","schedules":[]}', "$"),
        ('{"version":"1","schedules":[{"name":"a","name":"b"}]}', "$.schedules[0]"),
        ('{"version":"1","schedules":[{"payload":{"x":{"a":1,"b":2,"a":1}}}]}', "$.schedules[0].payload.x"),
        ('{"version":"1","schedules":[{"jitterWindowMs":NaN}]}', "$.schedules[0].jitterWindowMs"),
        ('{"version":"1","schedules":[{"payload":[1,-Infinity]}]}', "$.schedules[0].payload[1]"),
        ('{"version":"1","schedules":[{"payload":1e999}]}', "$.schedules[0].payload"),
        ('{"version":"1","schedules":[{"jitterWindowMs":' + "9" * 5000 + "}]}", "$.schedules[0].jitterWindowMs"),
        ('{"version":"1","schedules":[{"payload":9007199254740992}]}', "$.schedules[0].payload"),
        ('{"version":"1","schedules":[{"payload":"\\ud800"}]}', "$.schedules[0].payload"),
        ('{"version":"1","schedules":[{"payload":{"\\udfff":1}}]}', "$.schedules[0].payload"),
        ('{"version":"1","schedules":[{"a b\\"":NaN}]}', '$.schedules[0]["a b\\""]'),
    ],
)
def test_json_that_says_two_things_is_refused_at_its_path(source: str, path: str) -> None:
    with pytest.raises(ManifestError) as refused:
        load_manifest(source)
    assert refused.value.path == path
    assert str(refused.value).startswith(f"{path}: expected")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "expected JSON"),
        ("{", "expected JSON"),
        ("{'a': 1}", "expected JSON"),
        ('{"version":"1","schedules":[],}', "expected JSON"),
        ('{"version":"1","schedules":[]} trailing', "expected JSON"),
        ("\ufeff{}", "byte order mark"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"version":"\xff"}', "byte 0xff at offset 12"),
        ('{"version":"1"}'.encode("utf-16"), "expected UTF-8"),
        ("[]", "expected an object, got a list"),
        ("null", "expected an object, got null"),
        ("3", "expected an object, got an integer"),
        ("{}", "$.schedules: expected a list"),
        ('{"version":"1","schedules":{}}', "$.schedules: expected a list"),
        ('{"schedules":[]}', "$.version: expected a text, got nothing"),
        ('{"version":1,"schedules":[]}', "$.version: expected a text, got an integer"),
        ('{"version":"1","schedules":[null]}', "$.schedules[0]: expected an object, got null"),
        ('{"version":"1","schedules":[],"revision":-1}', "$.revision: expected an integer from 0"),
        ('{"version":"1","schedules":[],"revision":true}', "$.revision: expected an integer, got a boolean"),
        ('{"version":"1","schedules":[],"environment":"a\\nb"}', "$.environment: environment: expected visible"),
        ('{"version":"1","schedules":' + "[" * 100_000 + "]" * 100_000 + "}", "levels"),
        ('{"version":"1","schedules":[{"payload":' + "[" * 70 + "]" * 70 + "}]}", "levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "levels"),
        (" " * (16 * 1024 * 1024) + "{}", "at most 16,777,216 bytes"),
    ],
)
def test_what_is_no_manifest_is_refused(source: str | bytes, why: str) -> None:
    with pytest.raises(ManifestError) as refused:
        load_manifest(source)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 1000, "an error repeats no more than a glimpse"


def test_too_many_schedules_are_refused_before_they_are_read() -> None:
    with pytest.raises(ManifestError, match="at most 10,000"):
        load_manifest('{"version":"1","schedules":[' + ",".join(["0"] * 10_001) + "]}")


_WRONG: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ["name", "targetServiceName", "targetServiceVersion", "targetName"],
        (1, None, "", " ", "a\nb", "x" * 201, [], "*"),
    ),
    **dict.fromkeys(["description", "idempotencyKey"], (1, None, [], "x" * 65_537)),
    "targetKind": ("Event", "topic", "", None, 1),
    "expression": (
        None,
        "0 2 1 * *",
        [],
        {},
        {"kind": "cron"},
        {"kind": "x", "value": "* * * * *"},
        {"kind": "cron", "value": 5},
    ),
    "timezone": (1, None, "", "Mars/Phobos", "../../etc/passwd"),
    "concurrencyPolicy": ("Forbid", "run_once", None, 1, ""),
    "missedRunPolicy": ("run_once", None, 1, ""),
    **dict.fromkeys(
        ["maxCatchUpCount", "jitterWindowMs", "startDeadlineMs", "runTimeoutMs"],
        ("5", 5.0, 1.5, True, None, -1, 10**15, []),
    ),
    **dict.fromkeys(
        ["startAt", "endAt"], (5, None, "", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z")
    ),
    **dict.fromkeys(["payload", "parameter"], (None,)),
    **dict.fromkeys(["payloadSchema", "parameterSchema"], (None, "x", [], True)),
    "completedBy": (None, 1, "", "a\nb"),
    "renamedFrom": (None, "old", [1], [None], ["x"] * 1001),
    "environments": (None, "prod", [1], [""], ["a\nb"]),
    "schedulerGroup": (None, 1, ""),
    "enabledByDefault": (None, 1, "true"),
    "providerHints": (None, [], "x"),
    "digest": (None, 1, "x", "A" * 64, "0" * 63, "0" * 64 + "\n"),
}


def test_wrong_values_are_listed_for_every_key() -> None:
    assert set(_WRONG) == entry.KEYS


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in _WRONG.items() for value in values])
def test_a_wrong_value_is_refused_at_its_key(key: str, value: Any) -> None:
    entry_ = json.loads(json.dumps(ENTRY))
    if key == "timezone":
        del entry_["expression"]["timezone"]
    with pytest.raises(ManifestError) as refused:
        load_manifest(text(**(entry_ | {key: value})))
    assert refused.value.path.startswith("$.schedules[0]")
    assert "expected" in str(refused.value) or key in {"expression", "timezone"}


@pytest.mark.parametrize(
    "key", ["name", "targetKind", "targetServiceName", "targetServiceVersion", "targetName", "expression"]
)
def test_a_missing_key_is_named(key: str) -> None:
    broken = {name: value for name, value in ENTRY.items() if name != key}
    with pytest.raises(ManifestError, match=rf"\$\.schedules\[0\]\.{key}: expected .*, got nothing"):
        load_manifest(json.dumps({"version": "1", "schedules": [broken]}))


@pytest.mark.parametrize("extra", [{"value": "* * * * *", "x": 1}, {"seconds": 1}])
def test_unknown_keys_of_an_expression_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match=r"\$\.schedules\[0\]\.expression"):
        load_manifest(text(expression={"kind": "cron", "value": "0 2 1 * *"} | extra))


def test_the_same_key_twice_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"\$\.schedules\[1\]\.name: expected every schedule once"):
        load_manifest(json.dumps({"version": "1", "schedules": [ENTRY, ENTRY]}))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_noise_is_refused_and_nothing_else_happens(source: str | bytes) -> None:
    with pytest.raises(ManifestError):
        load_manifest(source)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(entry.KEYS)), _JSON)
def test_any_value_at_any_key_loads_or_is_refused(key: str, value: Any) -> None:
    try:
        loaded = load_manifest(text(**{key: value}))
    except ManifestError:
        return
    assert load_manifest(loaded.to_json()) == loaded


@settings(max_examples=100, deadline=None)
@given(_JSON)
def test_strict_json_reads_what_json_reads(value: Any) -> None:
    source = json.dumps(value)
    try:
        assert parse(source) == json.loads(source)
    except ManifestError:
        assert (
            "NaN" in source
            or "Infinity" in source
            or "\\ud" in source
            or any(len(part) > 15 for part in source.split())
        )
