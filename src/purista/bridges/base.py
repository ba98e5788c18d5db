"""The event bridge port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from purista.delivery import Closeable, Deliver, Limits
from purista.messages import Message

__all__ = ["Delivered", "EventBridge", "Health", "Subscription"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who wants what. ``event`` for a subscription's events, else the address alone says it (commands, replies)."""

    address: str
    event: str | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one published message: to how many receivers it is durable, or why it is not."""

    receivers: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether messages flow, and a sentence."""

    ok: bool
    detail: str


class EventBridge(Protocol):
    """Carries messages. Laws (``purista.testing.BridgeSuite``):

    - what ``publish`` answered without error is as durable as the bridge is;
    - a message reaches every subscription of its event at least once, and one instance of each address at a time;
    - an error in one subscriber is not seen by another;
    - an unsettled delivery comes again.
    """

    volatile: bool
    remembers: bool  # a message that is published again is dropped, also after it was worked

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self, *, drain: bool = True) -> None:
        """Take nothing new, finish (or drop) what is in work, disconnect."""
        ...

    async def publish(self, messages: Sequence[Message]) -> Sequence[Delivered]:
        """Send events, commands and responses; in order, with confirmation."""
        ...

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """Make subscriptions durable without taking from them, before anything else says that they are there."""
        ...

    async def subscribe(self, subscription: Subscription, deliver: Deliver) -> Closeable:
        """Receive messages until closed. The subscription itself outlives the process unless the bridge is volatile."""
        ...

    async def health(self) -> Health:
        """Whether messages flow."""
        ...
