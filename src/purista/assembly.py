"""What every event bridge of ours is made of: a carrier, a queue, a ledger, and gateway, registrar and invoker over them.

What belongs here: how the parts are started, stopped and put to use. Which parts they are is the subclass's business
(``embedded``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from purista.bridges.base import Delivered, EventBridge, Health, Subscription
from purista.clock import Clock, to_iso
from purista.contract.schedule import Schedule
from purista.delivery import Closeable, Deliver, Limits
from purista.errors import SchedulerUnavailable
from purista.gateway.carrier import Carrier
from purista.gateway.gateway import Gateway
from purista.gateway.publishing import Publisher
from purista.gateway.recover import recover
from purista.ledgers.base import Ledger
from purista.messages import Message, new_id
from purista.queues.base import QueueBridge
from purista.recurrence import Recurrence
from purista.registration.compare import Act, Comparison
from purista.registration.later import Later
from purista.registration.registrar import Mode, Registrar, Scheduler
from purista.service.invoker import Invoker
from purista.service.node import Declared
from purista.settings import Settings

__all__ = ["Assembly", "Parts"]

log = logging.getLogger("purista.bridge")


@dataclass(frozen=True, slots=True)
class Parts:
    """The concrete parts. ``publisher`` where what the ledger does not carry itself goes another way than over both."""

    bridge: EventBridge
    queue: QueueBridge
    ledger: Ledger
    publisher: Publisher | None = None


class Assembly:
    """A :class:`~purista.service.node.Node` over some parts."""

    def __init__(
        self,
        parts: Parts,
        *,
        clock: Clock,
        environment: str,
        scheduler: Scheduler | None = None,
        revision: int | None = None,
        registration: str | None = None,
        limits: Limits | None = None,
        permit_ms: int | None = None,
        local_runner: bool = False,
        instance: str | None = None,
    ) -> None:
        settings = Settings.read()
        self.clock, self.environment, self.scheduler = clock, environment, scheduler
        self.instance = instance or new_id()
        self.limits = limits or Limits()
        self.bridge, self.queue, self.ledger = parts.bridge, parts.queue, parts.ledger
        self.volatile, self.remembers = parts.bridge.volatile, parts.bridge.remembers
        options: dict[str, Any] = {} if permit_ms is None else {"permit_ms": permit_ms}
        publisher = parts.publisher
        if publisher is None and not parts.ledger.transactional:
            publisher = Carrier(parts.bridge, parts.queue)
        self.gateway = Gateway(parts.ledger, publisher=publisher, instance=self.instance, **options)
        self.invoker = Invoker(parts.bridge, self.instance)
        self._revision = settings.revision if revision is None else revision
        self._mode = Mode(registration or settings.registration)
        self._local_runner = local_runner
        self._runner: Any = None
        self.later = Later(clock)
        self._users = 0
        self._turn = asyncio.Lock()  # who comes while another opens waits until it is open

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open what is behind it; with ``local_runner`` start to call what is due. Counted: each start wants its stop."""
        async with self._turn:
            await self._start()

    async def _start(self) -> None:
        self._users += 1
        if self._users > 1:
            return
        opened: list[Callable[[], Awaitable[object]]] = []
        try:
            for part in (self.bridge, self.queue):
                await part.start()
                opened.append(lambda part=part: part.stop(drain=False))  # type: ignore[misc]
            await self.ledger.__aenter__()
        except BaseException:
            self._users = 0
            for close in reversed(opened):
                await close()
            raise
        if self._local_runner:
            from purista.schedulers.local import LocalRunner  # noqa: PLC0415 - for development only

            self._runner = LocalRunner(
                self._contracts, self.gateway.trigger, clock=self.clock, sweep=self.gateway.sweep
            )
            await self._runner.start()

    async def stop(self, *, drain: bool = True) -> None:
        """Close what is behind it, last user first in line."""
        if self._users == 0:
            return
        self._users -= 1
        if self._users:
            return
        if self._runner is not None:
            await self._runner.stop(drain=drain)
            self._runner = None
        await self.later.stop()
        await self.invoker.close()
        await self.queue.stop(drain=drain)
        await self.bridge.stop(drain=drain)
        await self.ledger.__aexit__(None, None, None)

    @property
    def permits(self) -> Gateway:
        """Who grants the right to work: the gateway of this process."""
        return self.gateway

    @property
    def place(self) -> str:
        """Where its messages and decisions are kept, in words without secrets."""
        return f"{type(self.bridge).__name__} with {type(self.ledger).__name__} {self.ledger.ledger_id}"

    async def publish(self, messages: Sequence[Message]) -> Sequence[Delivered]:
        """See :class:`~purista.bridges.base.EventBridge`."""
        return await self.bridge.publish(messages)

    async def declare(self, subscriptions: Sequence[Subscription]) -> None:
        """See :class:`~purista.bridges.base.EventBridge`."""
        await self.bridge.declare(subscriptions)

    async def subscribe(self, subscription: Subscription, deliver: Deliver) -> Closeable:
        """See :class:`~purista.bridges.base.EventBridge`."""
        return await self.bridge.subscribe(subscription, deliver)

    async def health(self) -> Health:
        """See :class:`~purista.bridges.base.EventBridge`."""
        return await self.bridge.health()

    def registrar(self, *, registration: str | None = None, ledger: Ledger | None = None) -> Registrar:
        """What turns declared schedules into live ones here; ``ledger`` where it shall look at another than its own."""
        mode = self._mode if registration is None else Mode(registration)
        return Registrar(
            ledger or self.ledger, scheduler=self._placed(mode), environment=self.environment, mode=mode,
            revision=self._revision,
            volatile=self.volatile,
        )  # fmt: skip

    async def register(self, declared: Declared) -> None:
        """Write the contracts down and configure the scheduler (see :class:`Registrar`). A scheduler that is not in reach is
        tried again in the background: ``later`` says for whom.
        """
        comparison = await self.enrol(declared.service, declared.version, declared.schedules, declared.subscriptions)
        if self._runner is not None:
            self._runner.refresh(None if comparison is None else _changed(self._here(declared.schedules), comparison))

    async def enrol(
        self, service: str, version: str, schedules: Sequence[Schedule], subscriptions: Sequence[tuple[str, str]]
    ) -> Comparison | None:
        """What :meth:`register` does for somebody else. None: the scheduler is tried again later."""

        async def attempt() -> Comparison:
            registered = await self.registrar().register(service, version, schedules, subscriptions)
            return registered.comparison

        name = f"{service}/{version}"
        self.later.drop(name)
        try:
            return await attempt()
        except SchedulerUnavailable as error:
            self.later.put(name, attempt, error)
            return None

    async def recover(self) -> None:
        """Decide what was due while nobody called; gaps that ask for consent are named in the log."""
        for gap in (await recover(self.gateway)).waiting:
            why = gap.asks if gap.ahead else f"undecided since {to_iso(gap.oldest)}: {gap.asks}"
            log.warning("%s is %s", gap.key, why, extra={"action": "recover"})

    async def warn(self) -> None:
        """Say in the log what a restart of the ledger's server would take. Who runs on says it once, at its start."""
        losses = getattr(self.ledger, "losses", None)
        lost = None if losses is None else await losses()
        if lost is not None:
            log.warning("%s", lost, extra={"action": "durability"})

    async def _contracts(self) -> list[tuple[str, Recurrence]]:
        """Everything in force, for the local runner."""
        live: dict[str, Recurrence] = {}
        for _, lineages in await self.ledger.registered():
            for lineage in lineages:
                schedule = lineage.contracts[-1].schedule
                if schedule is not None:
                    live[lineage.key] = schedule.recurrence()
        return sorted(live.items(), key=lambda item: item[0])

    def _here(self, schedules: Sequence[Schedule]) -> list[Schedule]:
        return [s for s in schedules if not s.environments or self.environment in s.environments]

    def _placed(self, mode: Mode) -> Scheduler | None:
        """The scheduler, told what its calls must name: a gateway, unless the ledger is a file that carries its messages.

        :raises RegistrationError: it names none.
        """
        if mode is Mode.OFF:
            return None
        place = getattr(self.scheduler, "for_gateway", None)
        if place is None:
            return self.scheduler
        placed: Scheduler = place(self.environment, self.clock.now() // 1000)
        return placed


def _changed(schedules: Sequence[Schedule], comparison: Comparison) -> dict[str, Recurrence | None] | None:
    """What a registration means for the local runner: rules by key, None for those that are gone.

    None alone: others own some of it, so only the ledger knows. What is unchanged is named, too: another process may have
    written it since the runner read the ledger.
    """
    if comparison.verified_only or any(step.act is Act.KEPT for step in comparison.steps):
        return None
    declared = {schedule.key: schedule.recurrence() for schedule in schedules}
    changed: dict[str, Recurrence | None] = {}
    for step in comparison.steps:
        if step.before is not None and step.before.key != step.key:
            changed.setdefault(step.before.key)
        changed[step.key] = declared.get(step.key)
    return changed
