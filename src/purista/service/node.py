"""What a service needs of the process it runs in: ports only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from purista.bridges.base import EventBridge
from purista.clock import Clock
from purista.contract.schedule import Schedule
from purista.delivery import Limits
from purista.permits import Permits
from purista.queues.base import QueueBridge
from purista.service.invoker import Invoker

__all__ = ["Declared", "Node"]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a starting service registers: its schedules, and which addresses want which events."""

    service: str
    version: str
    schedules: tuple[Schedule, ...]
    subscriptions: Sequence[tuple[str, str]]  # (event, address)


class Node(Protocol):
    """The event bridge a service is given, with what stands behind it in this process."""

    instance: str
    clock: Clock
    bridge: EventBridge
    queue: QueueBridge
    limits: Limits
    invoker: Invoker

    @property
    def permits(self) -> Permits:
        """Who grants the right to work."""
        ...

    async def start(self) -> None:
        """Open what is behind it. Counted: each start wants its stop."""
        ...

    async def stop(self, *, drain: bool = True) -> None:
        """Close it."""
        ...

    async def register(self, declared: Declared) -> object:
        """Write the contracts down and configure the external scheduler, as the mode at start says."""
        ...

    async def recover(self) -> None:
        """Decide what was due while nobody called, as far as no person must be asked."""
        ...
