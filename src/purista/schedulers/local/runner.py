"""The local runner: the one timer in the package, for development. Asleep until the next occurrence; nothing ticks.

Nothing is called while its process is down, two processes call twice (the gateway decides once), and no operator sees it:
that is what an external scheduler is for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from purista.clock import Clock
from purista.recurrence import Interval, Recurrence
from purista.schedulers.base import Call
from purista.schedulers.local.alarm import Alarm
from purista.schedulers.local.callers import Callers
from purista.schedulers.local.timetable import Slot, Timetable

__all__ = ["LocalRunner"]

log = logging.getLogger("purista.local")

WIDTH = 256
"""Calls under way at most."""
LOOK_BACK_MS = 60_000
"""What was due while its contract was on the way to us is called, if it is not longer ago. An extra call decides nothing."""
SET_BACK_MS = 1_000
"""A clock set back by less needs nothing: what lies in between was called, and what follows is still ahead."""
BACKOFF_MS, LONGEST_BACKOFF_MS = 1_000, 60_000
SWEEP = ""
"""The key of the runner's own schedule, which finishes what calls began; no contract has it."""
SWEEP_RULE = Interval(300)


class LocalRunner:
    """Calls ``trigger`` for every contract when it is due, by ``clock``.

    ``contracts`` yields ``(schedule key, recurrence)`` of everything in force; it is asked at the start and after a
    :meth:`refresh` that does not say what changed. ``sweep`` is called every five minutes.

    After a sleep, or a clock set forward, every schedule that was due is called once: what becomes of the missed ones, the
    gateway decides. After a clock set back, what follows is found again from there; the gateway knows what was decided.
    A call that brings no answer is made again, later and later; one that is told when to come back comes back then, or
    with the next occurrence.
    """

    def __init__(
        self,
        contracts: Callable[[], Awaitable[Iterable[tuple[str, Recurrence]]]],
        trigger: Callable[[Call], Awaitable[Any]],
        *,
        clock: Clock,
        sweep: Callable[[], Awaitable[Any]] | None = None,
        width: int = WIDTH,
    ) -> None:
        self._contracts, self._trigger, self._sweep = contracts, trigger, sweep
        self._clock, self._width = clock, width
        self._table = Timetable()
        self._seen = self._read_at = 0
        self._unread = False
        self._fresh: tuple[dict[str, Recurrence], int] | None = None
        self._news: dict[str, Recurrence | None] = {}
        self._task: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to call."""
        log.warning("the local runner keeps the time: for development only", extra={"action": "local_runner"})
        self._table, self._fresh, self._news = Timetable(), None, {}
        self._alarm = Alarm(self._clock)
        self._callers = Callers(self._call, self._alarm.ring, width=self._width)
        self._seen = self._read_at = self._clock.now()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="purista local runner")
        self.refresh()

    async def stop(self, *, drain: bool = True) -> None:
        """Call nothing more. What is due already is called and answered first, unless ``drain`` is False."""
        task, self._task = self._task, None
        if task is None:
            return
        for one in (task, self._reader):
            if one is not None:
                one.cancel()
                await asyncio.wait((one,))
        if drain:
            self._look()
        await self._callers.close(drain=drain)
        self._alarm.close()

    def refresh(self, changed: Mapping[str, Recurrence | None] | None = None) -> None:
        """The contracts changed: these (None: removed), or, not knowing which, read them all again."""
        if self._task is None:
            return
        reading = self._reader is not None and not self._reader.done()
        if changed is not None and not reading:  # what is being read may be older than what changed
            self._news.update(changed)
            self._alarm.ring()
            return
        self._unread = True
        if not reading:
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="purista local contracts")

    def _call(self, key: str) -> Awaitable[Any]:
        if key == SWEEP and self._sweep is not None:
            return self._sweep()
        return self._trigger(Call(key, source="local"))

    async def _run(self) -> None:
        try:
            while True:
                self._settle()
                self._look()
                self._work_in()
                await self._alarm.wait(self._table.head)
        except Exception:
            log.exception("the local runner stopped", extra={"action": "local_runner"})

    async def _read(self) -> None:
        """Beside the calls: reading many contracts takes its time."""
        tries = 0
        while self._unread:
            self._unread, asked = False, self._clock.now()
            try:
                found = dict(await self._contracts())
            except Exception:
                log.exception("cannot read the contracts", extra={"action": "local_runner"})
                self._unread = True
                await self._clock.sleep(_backoff(tries) / 1000)
                tries += 1
                continue
            if self._sweep is not None:
                found[SWEEP] = Recurrence(SWEEP_RULE)
            self._fresh = found, asked
            self._alarm.ring()

    def _work_in(self) -> None:
        """What is new is due from the last time on that we knew everything: it was registered since."""
        if not self._news and self._fresh is None:
            return
        now, news, fresh = self._clock.now(), self._news, self._fresh
        self._news, self._fresh = {}, None
        base = max(min(self._read_at, now), now - LOOK_BACK_MS)
        if fresh is not None:
            found, self._read_at = fresh
            self._table.update({**found, **news}, base, whole=True)
        else:
            self._table.update(news, base, whole=False)
            self._read_at = now

    def _look(self) -> None:
        """Hand on what is due. A jump forward is nothing special here; one back takes the heap apart."""
        now = self._clock.now()
        if now < self._seen - SET_BACK_MS:
            log.info("the clock was set back", extra={"action": "set_back", "by_ms": self._seen - now})
            self._table.rebuild(now)
            self._seen = now
        elif now > self._seen:
            self._seen = now
        due = self._table.due(now)
        if due:
            self._callers.hand(due, now)

    def _settle(self) -> None:
        """Give back what was called. A clock set back meanwhile is what counts: nothing after it was called."""
        called = self._callers.collect()
        if not called:
            return
        table, now = self._table, self._clock.now()
        done: list[tuple[Slot, int]] = []
        for slot, taken, after, failed in called:
            base = min(taken, now)
            if failed:
                table.later(slot, now + _backoff(slot.owed))
            elif after is None:
                done.append((slot, base))
            else:
                following = table.following(slot, base)
                at = now + max(1, after)
                table.later(slot, at if following is None else min(at, following))
        table.done(done)


def _backoff(tries: int) -> int:
    """Milliseconds until the next attempt after so many that failed before."""
    return min(BACKOFF_MS << min(tries, 10), LONGEST_BACKOFF_MS)
