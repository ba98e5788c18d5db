"""A RabbitMQ for one test: a prefix of its own, and nothing left behind."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

from purista.amqp import wire
from purista.amqp.delays import SHORTEST_MS
from purista.amqp.link import Link
from tests.services import rabbitmq

__all__ = ["Broker"]


class Broker:
    """Links under one prefix; ``end`` removes the queues of the addresses that were named, and the exchange."""

    def __init__(self, *addresses: str) -> None:
        self.prefix = f"test-{secrets.token_hex(6)}"
        self.addresses = list(addresses)

    def link(self, **options: Any) -> Link:
        return Link(rabbitmq(), prefix=self.prefix, exchange=self.prefix, **options)

    def queue(self, address: str) -> str:
        return wire.queue_name(self.prefix, address)

    async def end(self) -> None:
        import aiormq

        connection = await aiormq.connect(rabbitmq())
        channel = await connection.channel()
        names = [self.queue(address) for address in self.addresses]
        names += [wire.dead_name(name) for name in names]
        rungs = [f"{self.prefix}.delay.{SHORTEST_MS << number}" for number in range(20)]
        for name in names + rungs:
            await channel.queue_delete(name)
        for name in [self.prefix, *rungs]:
            with suppress(aiormq.exceptions.AMQPError):
                await channel.exchange_delete(name)
        await connection.close()
