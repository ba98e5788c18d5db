"""How the queues of RabbitMQ are made: replicated, counted, and with a place for what nobody could work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from purista.amqp import wire

__all__ = ["QUORUM", "durable", "temporary"]

DELIVERY_LIMIT = 1_000
"""More than any handler's attempts: those are counted by us, this one is for what kills its worker before it is counted."""
NO_LIMIT = (1 << 31) - 1
"""Of dead letters, which are taken and given back by whoever looks. RabbitMQ 4 limits to 20 what says nothing; its -1 for no
limit makes 3.10 drop what is given back once."""
QUORUM: Mapping[str, Any] = {"x-queue-type": "quorum"}
REPLIES_EXPIRE_MS = 300_000


def durable(queue: str, exchange: str, bindings: list[dict[str, str]]) -> Callable[[Any], Awaitable[None]]:
    """Declares a quorum queue, its dead letters and its bindings."""
    dead = wire.dead_name(queue)
    arguments = {
        **QUORUM, "x-delivery-limit": DELIVERY_LIMIT, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead,
        "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
    }  # fmt: skip

    async def declare(channel: Any) -> None:
        await _dead_letters(channel, dead)
        await channel.queue_declare(queue, durable=True, arguments=arguments)
        for binding in bindings:
            await channel.queue_bind(queue, exchange, arguments=binding)

    return declare


async def _dead_letters(channel: Any, dead: str) -> None:
    """Declares the queue of dead letters. One that is there with no limit of its own (ours, before) stays as it is."""
    from aiormq.exceptions import ChannelPreconditionFailed  # noqa: PLC0415 - it is there: the connection is

    trial = await channel.connection.channel()
    try:
        await trial.queue_declare(dead, durable=True, arguments={**QUORUM, "x-delivery-limit": NO_LIMIT})
    except ChannelPreconditionFailed:
        await channel.queue_declare(dead, durable=True, arguments=dict(QUORUM))
    else:
        await trial.close()


def temporary(queue: str, exchange: str, binding: dict[str, str]) -> Callable[[Any], Awaitable[None]]:
    """Declares the queue of one process's answers: it outlives a broken connection, and ends five minutes after its owner."""

    async def declare(channel: Any) -> None:
        await channel.queue_declare(queue, durable=True, arguments={"x-expires": REPLIES_EXPIRE_MS})
        await channel.queue_bind(queue, exchange, arguments=binding)

    return declare
