"""Messages come out of order, and again under the ids they had: each of them is worked once."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.storm import SEED, Scene, Setting, storm, thorough
from tests.services import nats, postgres, rabbitmq

ECHO = "x-test-echo"


@pytest.mark.slow
async def test_over_rabbitmq_and_postgresql(schema: str, amqp_options: dict[str, str], tmp_path: Path) -> None:
    """The gateways' own publishers mix up what they send, and send what they had sent."""
    setting = Setting(
        "AmqpBridge",
        rabbitmq(),
        f"{postgres()}?schema={schema}",
        tmp_path,
        amqp_options,
        config={"echo": True},
        share=0.6,
    )
    account = await storm(setting, lambda scene: [lambda: scene.fleet.kill("gateway")])
    assert account.faults["message sent again"] > 10
    assert account.again == 0


@thorough
@pytest.mark.slow
async def test_over_nats_and_postgresql(schema: str, nats_options: dict[str, str], tmp_path: Path) -> None:
    """Somebody listens and repeats, without the header by which the server would know the message."""
    setting = Setting(
        "NatsBridge", nats(), f"{postgres()}?schema={schema}", tmp_path, nats_options, config={"echo": True}, share=0.6
    )
    async with _repeater(nats_options["prefix"]) as repeat:

        def faults(scene: Scene) -> list[Any]:
            async def again() -> None:
                scene.fleet.account.faults["message sent again by another"] += await repeat()

            return [again, again, lambda: scene.fleet.kill("gateway")]

        account = await storm(setting, faults)
    assert account.faults["message sent again by another"] > 10
    assert account.again == 0


@asynccontextmanager
async def _repeater(prefix: str) -> AsyncIterator[Any]:
    """Hears every message under a prefix; sends some of them again, out of order."""
    import nats as library

    dice, heard = random.Random(SEED), deque[Any](maxlen=100)
    client = await library.connect(nats())

    async def hear(message: Any) -> None:
        headers = message.headers or {}
        if ECHO not in headers and headers.get("Nats-Msg-Id"):
            heard.append(message)

    async def repeat() -> int:
        chosen = dice.sample(list(heard), min(20, len(heard)))
        for message in chosen:
            headers = {name: text for name, text in message.headers.items() if name != "Nats-Msg-Id"} | {ECHO: "1"}
            await client.publish(message.subject, message.data, headers=headers)
            await asyncio.sleep(0)
        await client.flush()
        return len(chosen)

    await client.subscribe(f"{prefix}.>", cb=hear)
    try:
        yield repeat
    finally:
        await client.close()
