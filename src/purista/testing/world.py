"""A world for an app, with the questions that tests ask."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import Any

from purista.clock import to_datetime, to_iso
from purista.gateway import pauses
from purista.gateway.catch_up import CatchUp, resume_with
from purista.ledgers.base import Decision, OccurrenceRow, Query, Run
from purista.ledgers.sqlite_records import history
from purista.simulation.world import World as Simulated
from purista.simulation.world import instant

__all__ = ["World"]

Instant = dt.datetime | str | int


class World(Simulated):
    """:class:`purista.simulation.world.World` with assertions. Needs a loop that travels in time: ``@virtual_time``.

    ::

        async with World(app, start="2026-03-01T00:00Z") as world:
            await world.run(days=31)
            world.assert_published("user/1/monthlyBillingCycle", at="2026-03-01T02:00+01:00")
    """

    def records(self, key: str | None = None, *, at: Instant | None = None) -> list[Run]:
        """What was decided, oldest first; with ``at`` only what covers that instant."""
        when = None if at is None else instant(at)
        found: list[Run] = []
        query = Query(key=None if key is None else self._key(key), limit=10_000)
        while True:
            page = self.host.file.read(partial(history, query=query))
            found += page.rows
            if page.next is None:
                break
            query = Query(key=query.key, limit=10_000, before=page.next)
        return [run for run in reversed(found) if when is None or _covers(run.row, when)]

    def occurrences_between(self, key: str, start: Instant, end: Instant) -> list[dt.datetime]:
        """When the schedule is due, by its contract alone (UTC, half open)."""
        rule = next(s for s in self.schedules if s.key == self._key(key)).recurrence()
        first, last = -(-instant(start) // 1000), -(-instant(end) // 1000)
        return [to_datetime(t * 1000) for t in rule.timestamps(first, last)]

    def assert_published(self, key: str, *, at: Instant | None = None, times: int | None = None) -> Run:
        """Its message went out (for ``at``, or at all; ``times``: exactly so often). Returns the record, the last of many."""
        published = [run for run in self.records(key, at=at) if run.row.decision is Decision.PUBLISHED]
        what = f"{self._key(key)}{'' if at is None else ' for ' + to_iso(instant(at))}"
        if times is not None and len(published) != times:
            raise AssertionError(f"expected {what} to be published {times} times, got {len(published)}")
        if not published:
            raise AssertionError(f"expected {what} to be published; {self._instead(key, at)}")
        return published[-1]

    def assert_not_run(self, key: str, *, at: Instant | None = None, reason: str | None = None) -> None:
        """Nothing was published (for ``at``, or ever). ``reason``: the decision's name or words of its reason, such as
        ``"paused"``, ``"late"``, ``"skipped_overlap"``.
        """
        records = self.records(key, at=at)
        published = [run for run in records if run.row.decision is Decision.PUBLISHED]
        if published:
            raise AssertionError(f"expected {self._key(key)} not to run, got: {_told(published[-1].row)}")
        if reason is not None and not any(_says(run.row, reason) for run in records):
            raise AssertionError(
                f"expected {self._key(key)} not to run because of {reason!r}; {self._instead(key, at)}"
            )

    def assert_worked(self, key: str, *, at: Instant | None = None, times: int = 1) -> None:
        """Handlers ran to their end so often for the schedule (for ``at``, or in all)."""
        when = None if at is None else instant(at)
        done = [
            work
            for work in self.journal.of(self._key(key))
            if work.outcome == "done" and (when is None or work.scheduled_at == when)
        ]
        if len(done) != times:
            outcomes = ", ".join(work.outcome or "at work" for work in self.journal.of(self._key(key))) or "nothing"
            raise AssertionError(f"expected {self._key(key)} to be worked {times} times, got {len(done)}: {outcomes}")

    async def pause(self, key: str, *, reason: str, until: Instant | None = None) -> None:
        """As ``purista pause`` does it."""
        end = None if until is None else instant(until)
        await pauses.pause(self.ledger, self._key(key), by="test", reason=reason, until=end)

    async def resume(self, key: str) -> None:
        """As ``purista resume`` does it."""
        await resume_with(self.gateway, self._key(key), by="test", catch_up=CatchUp("none"))

    def deliver_twice(self, target: Any) -> None:
        """From now on every message of a handler (the function, or a subscription's, command's or queue's name) comes
        twice: its worker dies between the handler's end and the acknowledgement, as far as the handler can tell.
        """
        self.twice.add(target)

    def _key(self, key: str) -> str:
        known = [schedule.key for schedule in self.schedules]
        named = [full for full in known if full == key or full.split("/", 2)[-1] == key]
        if len(named) != 1:
            raise LookupError(f"expected one schedule, got {key!r}; there are {', '.join(known) or 'none'}")
        return named[0]

    def _instead(self, key: str, at: Instant | None) -> str:
        records = self.records(key, at=at)
        if records:
            return f"it was decided: {'; '.join(_told(run.row) for run in records[-3:])}"
        if at is not None and not self.occurrences_between(key, at, instant(at) + 1):
            following = next(s for s in self.schedules if s.key == self._key(key)).recurrence()
            after = following.next_timestamp(instant(at) // 1000)
            return f"it is not due then; the next is {'never' if after is None else to_iso(after * 1000)}"
        return f"nothing was decided; it is {to_iso(self.clock.now())} in this world"


def _covers(row: OccurrenceRow, when: int) -> bool:
    return row.scheduled_at <= when <= max(row.last_at, row.scheduled_at)


def _says(row: OccurrenceRow, reason: str) -> bool:
    return row.decision == reason or re.search(re.escape(reason), row.reason, re.IGNORECASE) is not None


def _told(row: OccurrenceRow) -> str:
    return f"{to_iso(row.scheduled_at)} {row.decision} ({row.reason})"
