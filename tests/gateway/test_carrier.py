"""Bridge and queue fail each for itself: what one has confirmed is not sent again because the other refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from purista.bridges.base import Delivered, EventBridge
from purista.gateway.carrier import Carrier
from purista.ledgers.base import Outgoing
from purista.messages import Address, Message, custom_message, job
from purista.queues.base import Enqueued, QueueBridge

EVENT = custom_message("due", {}, Address("s", "1", "t", "me"), id="e" * 32, timestamp=0)
JOB = job("j" * 32, "work", {}, created_at=0, scheduled_at=0, max_attempts=3)


class Ends:
    """A bridge and a queue, of which one raises."""

    def __init__(self, broken: str) -> None:
        self.broken = broken

    async def publish(self, messages: Sequence[Message]) -> list[Delivered]:
        if self.broken == "bridge":
            raise RuntimeError("broken")
        return [Delivered(1) for _ in messages]

    async def enqueue(self, jobs: Sequence[Message]) -> list[Enqueued]:
        if self.broken == "queue":
            raise RuntimeError("broken")
        return [Enqueued(one["id"]) for one in jobs]


def out(message: dict[str, Any] | Message) -> Outgoing:
    return Outgoing("o", json.dumps(message), ())


@pytest.mark.parametrize(("broken", "failed"), [("queue", [1]), ("bridge", [0, 2]), ("neither", [])])
async def test_one_that_raises_fails_only_its_own(broken: str, failed: list[int]) -> None:
    ends = Ends(broken)
    carrier = Carrier(cast(EventBridge, ends), cast(QueueBridge, ends))
    results = await carrier.publish_raw([out(EVENT), out(JOB), out(EVENT)])
    assert [number for number, error in enumerate(results) if error is not None] == failed
