"""Messages are filled into a mould; the bytes are those of the plain way, whatever the names are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.contract.schedule import ConcurrencyPolicy, Schedule, Target, TargetKind
from purista.gateway import written as module
from purista.gateway.written import _plain, written
from purista.ledgers.base import Decision, OccurrenceClass, OccurrenceRow
from purista.recurrence import Cron

MARKS = [
    "777000000000004",
    "mark000purista",
    '":777000000000005,"',
    "\\u0000payload\\u0000",
    'a"b\\c',
    "ü😀",
    "x" * 200,
]
TEXTS = st.one_of(st.sampled_from(MARKS), st.text(min_size=1, max_size=30))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


def schedule(kind: TargetKind, name: str, **options: Any) -> Schedule:
    target = Target(kind, name, "s", "1")
    usual = {"service": "s", "version": "1", "name": name, "description": "", "expression": Cron("* * * * *")}
    return Schedule(**{**usual, "target": target, **options})


def row(payload: str | None, key: str, **options: Any) -> OccurrenceRow:
    usual = {
        "scheduled_at": 1_780_300_800_000, "occurrence_id": "OLiB4-kfo_4", "key": key, "decision": Decision.PUBLISHED,
        "reason": "", "digest": "", "fence": 7, "decided_at": 1_780_300_801_234, "source": "", "payload": payload,
    }  # fmt: skip
    return OccurrenceRow(**{**usual, **options})


@given(st.sampled_from(TargetKind), TEXTS, TEXTS, st.one_of(st.none(), JSON), st.one_of(st.none(), JSON), st.booleans())
def test_both_ways_give_the_same_bytes(
    kind: TargetKind, name: str, key: str, payload: Any, parameter: Any, forbid: bool
) -> None:
    policy = ConcurrencyPolicy.FORBID if forbid else ConcurrencyPolicy.ALLOW
    one = schedule(kind, name, parameter=parameter, concurrency_policy=policy, run_timeout_ms=5 if forbid else None)
    text = None if payload is None else json.dumps(payload, ensure_ascii=False)
    first = row(text, key)
    later = replace(
        first,
        scheduled_at=-1,
        occurrence_id="another",
        attempt=12,
        fence=10**6,
        decided_at=0,
        payload="[1]" if text else None,
    )
    for one_row, part in ((first, "p1"), (later, "p2"), (first, "p1")):
        assert written(one, one_row, part, "i") == _plain(one, one_row, part, "i")
        json.loads(written(one, one_row, part, "i"))


@pytest.mark.parametrize("kind", [TargetKind.QUEUE, TargetKind.EVENT])
def test_a_mould_is_used_where_it_is_safe(kind: TargetKind, monkeypatch: pytest.MonkeyPatch) -> None:
    one = schedule(kind, "safe")
    written(one, row("{}", "s/1/safe"), "p", "i")
    monkeypatch.setattr(module, "_plain", None)
    assert '"payload":{"a":1}' in written(one, row('{"a":1}', "s/1/safe"), "p", "i")
    assert '"kind":"replay"' not in written(one, row("{}", "s/1/safe"), "p", "i").replace("\\", "")


def test_each_class_has_its_own_mould() -> None:
    one = schedule(TargetKind.EVENT, "classes")
    for kind in OccurrenceClass:
        text = written(one, row("{}", "s/1/classes", occurrence_class=kind), "p", "i")
        assert json.loads(text)["schedule"].get("kind", "scheduled") == kind
