"""A process without a ledger: its services take messages from a broker, and ask a group of gateways for everything else."""

from __future__ import annotations

from typing import Self

from purista.bridges.base import EventBridge
from purista.clock import Clock
from purista.contract.manifest import Manifest
from purista.delivery import Limits
from purista.errors import BridgeVolatile, RegistrationError
from purista.messages import new_id
from purista.permits.calls import Told
from purista.permits.remote import RemotePermits
from purista.queues.base import QueueBridge
from purista.schedulers.base import Call
from purista.service.invoker import Invoker
from purista.service.node import Declared

__all__ = ["Outpost"]


class Outpost:
    """A :class:`~purista.service.node.Node` over a bridge and a queue alone.

    Permits are asked for and runs reported to ``group`` over the bridge, signed where a ``key`` is given; contracts are sent
    there to be registered. No gateway in reach: messages go back and wait.
    """

    def __init__(
        self, bridge: EventBridge, queue: QueueBridge, *, clock: Clock, group: str = "default", key: bytes | None = None,
        limits: Limits | None = None, instance: str | None = None,
    ) -> None:  # fmt: skip
        if bridge.volatile:
            raise BridgeVolatile("expected a bridge that other processes share, got one that lives in this one")
        self.bridge, self.queue, self.clock = bridge, queue, clock
        self.limits, self.instance = limits or Limits(), instance or new_id()
        self.invoker = Invoker(bridge, self.instance)
        self.permits = RemotePermits(self.invoker.invoke, instance=self.instance, clock=clock, group=group, key=key)
        self._users = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect. Counted: each start wants its stop."""
        self._users += 1
        if self._users > 1:
            return
        try:
            await self.bridge.start()
            await self.queue.start()
        except BaseException:
            self._users = 0
            await self.bridge.stop(drain=False)
            raise

    async def stop(self, *, drain: bool = True) -> None:
        """Disconnect, last user first in line."""
        if self._users == 0:
            return
        self._users -= 1
        if self._users:
            return
        await self.invoker.close()
        await self.queue.stop(drain=drain)
        await self.bridge.stop(drain=drain)

    @property
    def place(self) -> str:
        """Where its messages are, in words without secrets."""
        return f"{type(self.bridge).__name__}, asking gateways"

    async def register(self, declared: Declared) -> None:
        """Have the gateway register these contracts and configure its scheduler.

        :raises RegistrationError: no gateway answers, or it refuses.
        """
        manifest = Manifest(schedules=declared.schedules).to_json()
        if not await self.permits.register(declared.service, declared.version, manifest, declared.subscriptions):
            name = f"{declared.service}/{declared.version}"
            raise RegistrationError(f"expected a gateway that registers {name}, got one that does not")

    async def call(self, call: Call) -> Told:
        """Say to the gateways that something may be due.

        :raises purista.errors.BridgeError: nobody answers, or the ask is refused.
        """
        return await self.permits.call(call)

    async def recover(self) -> None:
        """Nothing: the gateways do it."""
