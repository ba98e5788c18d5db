"""Messages that shall be seen later: a ladder of queues whose messages expire back to where they were meant to go.

RabbitMQ has no delay of its own. Each rung is a quorum queue with one time to live, behind a fanout exchange, so that a
message keeps the routing key it was sent with: the queue it returns to. A wait is made of at most a few rungs, the longest
first; whoever takes a message that is still early sends it up the ladder again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from purista.amqp.link import Link, Parcel
from purista.errors import BridgeError

__all__ = ["delayed", "rung_of"]

SHORTEST_MS, LONGEST_MS = 250, 250 << 19  # 36 hours


def rung_of(delay_ms: int) -> int:
    """The longest rung that is not longer than the delay; a shorter delay takes the shortest one."""
    rung = SHORTEST_MS
    while rung * 2 <= delay_ms and rung < LONGEST_MS:
        rung *= 2
    return rung


async def delayed(link: Link, parcels: Sequence[tuple[Parcel, int]]) -> list[BridgeError | None]:
    """Send each to its ``routing_key`` after about so many ms: at most a rung early, never later than the shortest one.
    Per parcel None (durable) or why not."""
    rungs = sorted({rung_of(delay_ms) for _, delay_ms in parcels})
    refused = dict(zip(rungs, await asyncio.gather(*(_declared(link, rung) for rung in rungs)), strict=True))

    async def sent(parcel: Parcel, rung: int) -> BridgeError | None:
        if (error := refused[rung]) is not None:
            return error
        (result,) = await link.send([Parcel(parcel.body, parcel.properties, _name(link, rung), parcel.routing_key)])
        return result

    return list(await asyncio.gather(*(sent(parcel, rung_of(delay_ms)) for parcel, delay_ms in parcels)))


async def _declared(link: Link, rung: int) -> BridgeError | None:
    """Why a rung cannot be used."""
    name = _name(link, rung)

    async def declare(channel: Any) -> None:
        arguments = {
            "x-queue-type": "quorum", "x-message-ttl": rung, "x-dead-letter-exchange": "",
            "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
        }  # fmt: skip
        await channel.exchange_declare(name, exchange_type="fanout", durable=True)
        await channel.queue_declare(name, durable=True, arguments=arguments)
        await channel.queue_bind(name, name)

    try:
        await link.once(name, declare)
    except BridgeError as error:
        return error
    return None


def _name(link: Link, rung: int) -> str:
    return f"{link.prefix}.delay.{rung}"
