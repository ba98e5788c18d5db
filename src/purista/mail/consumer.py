"""Takes letters of one address out of a mailbox and hands them on, a bounded number at a time."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass

from purista.clock import Clock
from purista.delivery import Deliver, Limits, this_worker
from purista.mail.base import Look, Mailbox, Settlement, Taken

__all__ = ["MailConsumer", "MailDelivery", "MailRoom"]

log = logging.getLogger("purista.mail")
IDLE_SECONDS = 30.0
HEARTBEAT_MS = 30_000
AGAIN_MS = 1_000
"""After the store failed, it is asked again so much later."""


@dataclass(frozen=True, slots=True)
class MailDelivery:
    """A :class:`~purista.delivery.Delivery` out of a mailbox."""

    mailbox: Mailbox
    clock: Clock
    taken: Taken
    visibility_ms: int

    @property
    def id(self) -> str:
        """The letter's id."""
        return self.taken.id

    @property
    def address(self) -> str:
        """The letter's address."""
        return self.taken.address

    @property
    def body(self) -> str:
        """The letter's JSON."""
        return self.taken.body

    @property
    def attempt(self) -> int:
        """Counted from 1."""
        return self.taken.attempt

    @property
    def max_attempts(self) -> int:
        """Attempts before the dead letters."""
        return self.taken.max_attempts

    @property
    def lease(self) -> str:
        """The token of this taking."""
        return self.taken.lease

    async def ack(self) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        return await self.mailbox.settle(Settlement(self.id, self.lease), self.clock.now())

    async def retry(self, delay_ms: int, reason: str | None = None, *, count: bool = True) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        return await self.mailbox.release(self.taken, self.clock.now() + delay_ms, reason, count=count)

    async def dead(self, reason: str) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        return await self.mailbox.settle(Settlement(self.id, self.lease, reason), self.clock.now())

    async def renew(self) -> bool:
        """See :class:`~purista.delivery.Delivery`."""
        return await self.mailbox.renew(self.taken, self.clock.now() + self.visibility_ms)


class MailConsumer:
    """One address, ``limits.concurrency`` letters at a time."""

    def __init__(self, mailbox: Mailbox, clock: Clock, address: str, deliver: Deliver, limits: Limits) -> None:
        self.address = address
        self._mailbox, self._clock, self._deliver, self._limits = mailbox, clock, deliver, limits
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._stopped: asyncio.Task[object] | None = (
            None  # one for all pauses: a task each would cost more than the look
        )
        self._loop_task: asyncio.Task[None] | None = None
        self._worker = this_worker()
        self._seen_at: int | None = None

    @property
    def closed(self) -> bool:
        """Whether it takes nothing any more."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin to take letters."""
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_task(self._stopping.wait())
        self._loop_task = loop.create_task(self._run(), name=f"consume {self.address}")

    async def close(self, *, drain: bool = True) -> None:
        """Take nothing new; wait for what is in work, or cancel it. May be called again, also while another call waits."""
        self._stopping.set()
        if self._loop_task is not None:
            await asyncio.wait({self._loop_task})  # whoever gives up waiting cancels nothing but the wait
        if not drain:
            for task in self._busy:
                if not task.cancelling():  # it puts its message down now: once is enough
                    task.cancel()
        while self._busy:
            await asyncio.wait(set(self._busy))

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._step()
            except Exception:
                # The store may be locked, full or away: this consumer must outlive it, and say so.
                log.exception("cannot take messages", extra={"action": "take_failed", "address": self.address})
                await self._pause(None, self._clock.now() + AGAIN_MS)

    async def _step(self) -> None:
        await self._heartbeat()
        free = self._limits.concurrency - len(self._busy)
        look = await self._mailbox.look(self.address)
        following, now = look.next_visible, self._clock.now()
        if free and following is not None and following <= now:
            await self._take(free, now)
            return
        await self._pause(look, following if free else None)

    async def _take(self, free: int, now: int) -> None:
        lease, visibility = secrets.token_hex(8), self._limits.visibility_ms
        for taken in await self._mailbox.take(self.address, free, lease, now, visibility):
            delivery = MailDelivery(self._mailbox, self._clock, taken, visibility)
            task = asyncio.get_running_loop().create_task(self._work(delivery))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    async def _work(self, delivery: MailDelivery) -> None:
        try:
            await self._deliver(delivery)
        except Exception:
            # The receiver failed to settle it; the lease runs out and it comes again.
            log.exception("a delivery was not settled", extra={"action": "unsettled", "delivery": delivery.id})

    async def _heartbeat(self) -> None:
        now = self._clock.now()
        if self._seen_at is not None and now - self._seen_at < HEARTBEAT_MS:
            return
        self._seen_at = now
        await self._mailbox.seen(self.address, self._worker, now)

    async def _pause(self, look: Look | None, until: int | None) -> None:
        """Till the store changes, a place becomes free, the clock reaches ``until`` or the consumer is closed."""
        loop = asyncio.get_running_loop()
        waits: set[asyncio.Task[object]] = set()
        if look is not None:
            waits.add(loop.create_task(self._mailbox.changed(IDLE_SECONDS, look.state)))
        if until is not None:
            waits.add(loop.create_task(_sleep_until(self._clock, until)))
        try:
            stopped = () if self._stopped is None else (self._stopped,)
            await asyncio.wait({*waits, *self._busy, *stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class MailRoom:
    """The open consumers of one adapter over one mailbox: what bridge and queue have in common."""

    def __init__(self, mailbox: Mailbox, clock: Clock) -> None:
        self._mailbox, self._clock = mailbox, clock
        self._consumers: set[MailConsumer] = set()

    async def close(self, *, drain: bool) -> None:
        """Close every consumer."""
        consumers, self._consumers = self._consumers, set()
        await asyncio.gather(*(consumer.close(drain=drain) for consumer in consumers))

    def consume(self, address: str, deliver: Deliver, limits: Limits) -> MailConsumer:
        """Begin to take letters of an address."""
        consumer = MailConsumer(self._mailbox, self._clock, address, deliver, limits)
        self._consumers = {known for known in self._consumers if not known.closed} | {consumer}
        consumer.start()
        return consumer


async def _sleep_until(clock: Clock, instant: int) -> None:
    await clock.sleep(max(0, instant - clock.now()) / 1000)
