"""What comes to a gateway's desk and cannot be answered does not stay in the way."""

from __future__ import annotations

from typing import Any

import pytest

from purista.gateway.desk import PermitDesk
from tests.gateway.test_publishing import stage


class Letter:
    max_attempts = 3

    def __init__(self, body: str, attempt: int = 1) -> None:
        self.body, self.attempt, self.said = body, attempt, ""

    async def ack(self) -> bool:
        self.said = "ack"
        return True

    async def dead(self, reason: str) -> bool:
        self.said = reason
        return True


class Bridge:
    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def publish(self, messages: Any) -> None:
        self.sent += messages


@pytest.mark.parametrize("keys", [(), (b"k" * 32,)])
@pytest.mark.parametrize(
    "body", ['{"payload":{"n":1}}', '{"payload":3}', '{"payload":{},"receiver":3,"sender":{}}', "[]", "x"]
)
async def test_what_has_no_sender_is_put_aside(body: str, keys: tuple[bytes, ...]) -> None:
    async with stage() as on:
        bridge, letter = Bridge(), Letter(body)
        desk = PermitDesk(bridge, on.gateway, instance="g", keys=keys)  # type: ignore[arg-type]
        await desk._take(letter)  # type: ignore[arg-type]
        assert letter.said.startswith("expected an ask about a permit")
        assert not bridge.sent


async def test_what_is_never_answered_to_the_end_is_put_aside() -> None:
    async with stage() as on:
        letter = Letter('{"payload":{}}', attempt=4)
        await PermitDesk(Bridge(), on.gateway, instance="g")._take(letter)  # type: ignore[arg-type]
        assert "never answered" in letter.said
