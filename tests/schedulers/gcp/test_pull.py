"""Messages fetched through the real client: decided, acknowledged, and left alone where they shall come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from purista.errors import InvalidGateway, LedgerError
from purista.gateway.pull import Puller
from tests.gateway.house import KEY, House, house
from tests.schedulers.gcp.topic import SUBSCRIPTION, Topic


@pytest.fixture
async def topic() -> AsyncIterator[Topic]:
    async with Topic().open() as topic:
        yield topic


@asynccontextmanager
async def pulling(topic: Topic, **options: Any) -> AsyncIterator[House]:
    async with house() as inside:
        stop = asyncio.Event()
        puller = Puller(inside.bridge.gateway, SUBSCRIPTION, connect=topic.client, **options)
        task = asyncio.create_task(puller.run(stop.wait()))
        try:
            yield inside
        finally:
            stop.set()
            await task


async def test_a_message_is_decided_and_acknowledged(topic: Topic) -> None:
    async with pulling(topic) as inside:
        inside.at("10:00:01")
        topic.publish(schedule=KEY)
        await topic.settled(1)
        topic.publish(schedule=KEY)  # at least once
        await topic.settled(2)
        assert await inside.decisions() == ["10:00 published"]
    assert not topic.out


async def test_what_will_never_be_right_is_acknowledged_too(topic: Topic, caplog: pytest.LogCaptureFixture) -> None:
    async with pulling(topic) as inside:
        inside.at("10:05")
        topic.publish(other="x")
        topic.publish(schedule="nothing")
        topic.publish(sweep="all")
        await topic.settled(3)
        assert [text[:5] for text in await inside.decisions()] == ["10:00"]  # the sweep's
    rejected = [record for record in caplog.records if getattr(record, "action", "") == "message_rejected"]
    assert len(rejected) == 2


async def test_what_cannot_be_decided_now_is_left_and_comes_again(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = asyncio.Event()

    async def pause(_seconds: float) -> None:
        waited.set()

    async with pulling(topic, pause=pause) as inside:
        inside.at("10:00:01")

        async def down(call: Any) -> Any:
            raise LedgerError("down")

        with monkeypatch.context() as patched:
            patched.setattr(inside.bridge.gateway, "trigger", down)
            topic.publish(schedule=KEY)
            async with asyncio.timeout(60):
                await waited.wait()
            assert not topic.acknowledged
        topic.expire()
        await topic.settled(1)
        assert await inside.decisions() == ["10:00 published"]


async def test_a_service_that_is_away_is_asked_again(topic: Topic) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    topic.faults = [(grpc.StatusCode.UNAVAILABLE, "away"), (grpc.StatusCode.DEADLINE_EXCEEDED, "nothing came"),
                    (grpc.StatusCode.INTERNAL, "away"), (grpc.StatusCode.INTERNAL, "away")]  # fmt: skip
    async with pulling(topic, pause=pause) as inside:
        inside.at("10:00:01")
        topic.publish(schedule=KEY)
        await topic.settled(1)
    assert pauses == [1.0, 1.0, 2.0]


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND])
async def test_what_waiting_does_not_mend_ends_it_with_words(topic: Topic, code: grpc.StatusCode) -> None:
    topic.faults = [(code, "User not authorized to perform this action.")]
    async with house() as inside:
        puller = Puller(inside.bridge.gateway, SUBSCRIPTION, connect=topic.client)
        with pytest.raises(InvalidGateway, match=r"needs pubsub\.subscriptions\.consume"):
            await puller.run(asyncio.Event().wait())


async def test_it_stops_while_nothing_comes(topic: Topic) -> None:
    async with pulling(topic):
        await topic.asked(1)
    assert topic.pulls == 1
