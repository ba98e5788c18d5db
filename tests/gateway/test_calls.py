"""Whatever a caller says is answered: nothing raises, nothing grows without bound, and the others go on."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purista.gateway.calls import malformed
from purista.schedulers.base import Call, CallKind
from tests.gateway.house import KEY, house, ms


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call(""), "service/version/name"),
        (Call("nightly"), "service/version/name"),
        (Call("s//x"), "service/version/name"),
        (Call("s/1/" + "x" * 1000), "at most 602"),
        (Call("s/1/\x00"), "control characters"),
        (Call("s/1/\ud800"), "surrogate"),
        (Call(KEY, CallKind.MANUAL, request="\ud800"), "surrogate"),
        (Call(KEY, CallKind.MANUAL, request="x" * 201), "at most 200"),
        (Call(KEY, CallKind.MANUAL), "needs a request id"),
        (Call(KEY, CallKind.REPLAY, 0), "needs a request id"),
        (Call(KEY, scheduled_at=10**30), "years 1 to 9999"),
        (Call(KEY, since=-(10**18)), "years 1 to 9999"),
        (Call(KEY, source="x" * 101), "at most 100"),
    ],
)
async def test_what_can_never_be_right_is_refused(call: Call, words: str) -> None:
    async with house(start="10:00") as at:
        reply = await at.bridge.gateway.trigger(call)
        assert str(reply.answer) == "refused"
        assert words in reply.detail
        assert await at.rows() == []


@pytest.mark.parametrize(
    "call", [Call(KEY), Call("s/1/ein Name/mit Strich"), Call(KEY, CallKind.MANUAL, request="ü-1")]
)
def test_what_may_be_right_is_let_through(call: Call) -> None:
    assert malformed(call) is None


TEXTS = st.text(st.characters(codec=None), max_size=700)


@given(st.one_of(TEXTS, st.just(KEY)), TEXTS, st.one_of(st.none(), st.integers()), st.sampled_from(CallKind))
@settings(max_examples=60)
def test_any_call_is_answered(key: str, request: str, at: int | None, kind: CallKind) -> None:
    """Never an exception, whatever the words are."""

    async def ask() -> str:
        async with house() as open_house:
            return str((await open_house.bridge.gateway.trigger(Call(key, kind, at, request))).answer)

    assert asyncio.run(ask()) in ("accepted", "not_due", "retry", "refused", "duplicate")


async def test_one_bad_call_among_many_stops_nobody() -> None:
    async with house() as at:
        calls = [Call(KEY), Call("\ud800"), Call("x/1/unknown"), Call(KEY, scheduled_at=10**30), Call(KEY)]
        replies = await asyncio.gather(*map(at.bridge.gateway.trigger, calls))
        assert [str(reply.answer) for reply in replies] == ["not_due", "refused", "retry", "refused", "not_due"]


async def test_a_skipped_occurrence_ends_when_the_next_is_due_not_later() -> None:
    async with house(concurrency_policy="allow") as at:
        await at.call("11:00")
        assert await at.decisions() == ["10:00 late", "11:00 published"]
        at.clock.jump(ms("13:00") - 1)
        await at.call(scheduled_at=ms("12:00"))
        assert (await at.decisions())[-1] in ("12:00 published", "13:00 published")
