"""The laws of :class:`~purista.ledgers.base.Ledger`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from purista.contract.digest import digest
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.ledgers.base import (
    Change,
    Contract,
    Counted,
    Decision,
    Ledger,
    LedgerView,
    OccurrenceRow,
    Part,
    Pause,
    Query,
    Registration,
    RunRef,
    RunState,
    Slice,
)
from purista.recurrence import Interval
from purista.testing.clock import ManualClock

__all__ = ["LedgerSuite"]

KEY = "suite/1/hourly"


def schedule(name: str = "hourly") -> Schedule:
    """An hourly event."""
    target = Target(TargetKind.EVENT, "hour.due", "suite", "1")
    return Schedule(
        service="suite", version="1", name=name, description="", expression=Interval(timedelta(hours=1)), target=target
    )


def born(lineage: str, key: str = KEY, *, at: int = 0) -> Change:
    """A change that brings a lineage into being."""
    value = schedule(key.rpartition("/")[2])
    contract = Contract(1, key, at, digest(value), None, 60_000, value)
    return Change(lineage, 0, 0, at, None, key, contracts=(contract,), keys=(key,), create=True)


def row(at: int, **options: object) -> OccurrenceRow:
    """A published occurrence."""
    usual = OccurrenceRow(at, f"occurrence-{at}", KEY, Decision.PUBLISHED, "due", "d", 1, at, "suite", last_at=at)
    return replace(usual, **options)  # type: ignore[arg-type]


def after(view: LedgerView, **options: object) -> Change:
    """A change on what was seen."""
    seen = view.lineage
    change = Change(seen.lineage, seen.version, seen.fence + 1, seen.decided_until, None, seen.key, pause=seen.pause)
    return replace(change, **options)  # type: ignore[arg-type]


class LedgerSuite:
    """Subclass it and write ``make`` (and ``again``, where the ledger outlives a connection)."""

    durable = True

    async def make(self, clock: ManualClock) -> Ledger:
        """An opened, empty ledger that goes by ``clock``."""
        raise NotImplementedError

    async def again(self, ledger: Ledger, clock: ManualClock) -> Ledger:
        """A second connection to the same ledger."""
        raise NotImplementedError

    async def close(self, ledger: Ledger) -> None:
        """End a connection."""
        await ledger.__aexit__(None, None, None)

    @pytest.fixture
    async def clock(self) -> ManualClock:
        """A clock that stands still."""
        return ManualClock()

    @pytest.fixture
    async def ledger(self, clock: ManualClock) -> AsyncIterator[Ledger]:
        """The ledger under test."""
        ledger = await self.make(clock)
        yield ledger
        await self.close(ledger)

    async def seen(self, ledger: Ledger, key: str = KEY, *runs: RunRef) -> LedgerView:
        """The lineage, which must be there."""
        view = (await ledger.load([key], runs))[0]
        assert view is not None
        return view

    async def test_what_was_never_registered_is_not_there(self, ledger: Ledger) -> None:
        """Unknown keys are None, in order."""
        await ledger.commit([born("l1")])
        first, second, third = await ledger.load(["suite/1/none", KEY, KEY])
        assert first is None
        assert second is not None
        assert third is not None
        assert second.lineage == third.lineage

    async def test_of_changes_on_one_version_exactly_one_wins(self, ledger: Ledger) -> None:
        """Compare-and-set: the others change nothing at all."""
        assert list(await ledger.commit([born("l1")])) == [True]
        view = await self.seen(ledger)
        changes = [after(view, rows=(row(1_000, source=f"caller {n}"),)) for n in range(20)]
        results = await asyncio.gather(*(ledger.commit([change]) for change in changes))
        assert sorted(won for (won,) in results) == [False] * 19 + [True]
        rows = (await ledger.history(Query(key=KEY))).rows
        winner = next(n for n, (won,) in enumerate(results) if won)
        assert [run.row.source for run in rows] == [f"caller {winner}"]
        assert (await self.seen(ledger)).lineage.version == view.lineage.version + 1

    async def test_changes_of_one_commit_do_not_hinder_each_other(self, ledger: Ledger) -> None:
        """A stale one beside good ones."""
        await ledger.commit([born("l1"), born("l2", "suite/1/other")])
        one, two = await self.seen(ledger), await self.seen(ledger, "suite/1/other")
        await ledger.commit([after(one)])
        assert list(await ledger.commit([after(one, decided_until=5), after(two, decided_until=7)])) == [False, True]
        assert (await self.seen(ledger)).lineage.decided_until == 0
        assert (await self.seen(ledger, "suite/1/other")).lineage.decided_until == 7

    async def test_everything_of_a_change_is_read_back(self, ledger: Ledger) -> None:
        """Rows, parts, pause, contracts, keys and what wakes."""
        await ledger.commit([born("l1")])
        part = Part(
            "occurrence-1000",
            "p1",
            "queue:work",
            state="working",
            fence=4,
            permit_until=9,
            worker="w",
            begun_at=3,
            begins=2,
        )
        full = row(
            1_000, run=RunState.OPEN, open=2, payload='{"ü":1}', roots=("sub:suite/1/a",), deadline=7, idempotency_key="k",
            related="other", attempt=3, lease_until=5, run_detail="so far", request="", source="cron", reason="näher",
        )  # fmt: skip
        pause = Pause("ann", "month end", 1, 99)
        change = after(
            await self.seen(ledger), rows=(full,), parts=(part,), pause=pause, wake_at=55, keys=("suite/1/old",)
        )
        assert list(await ledger.commit([change])) == [True]
        view = await self.seen(ledger, "suite/1/old")
        (run,) = view.open
        assert run.row == full
        assert part in run.parts
        assert [p.address for p in run.parts if p.root] == ["sub:suite/1/a"]
        assert (view.lineage.pause, view.lineage.wake_at, view.lineage.key) == (pause, 55, KEY)
        assert view.lineage.contracts[0].schedule == schedule()

    async def test_an_ended_run_is_loaded_only_when_asked_for(self, ledger: Ledger) -> None:
        """Closed records cost nothing."""
        await ledger.commit([born("l1")])
        await ledger.commit([after(await self.seen(ledger), rows=(row(1_000), row(2_000, open=1, run=RunState.OPEN)))])
        assert (await self.seen(ledger)).open == ()
        (run,) = (await self.seen(ledger, KEY, RunRef("occurrence-2000", 2_000))).open
        assert run.row.scheduled_at == 2_000

    async def test_a_registration_stands_or_falls_together(self, ledger: Ledger) -> None:
        """A stale lineage takes the slice with it."""
        await ledger.commit([born("l1")])
        stale = after(await self.seen(ledger))
        await ledger.commit([after(await self.seen(ledger))])
        slice_ = Slice("suite", "1", "default", 1, "d", (KEY,), 5)
        other = born("l2", "suite/1/other")
        registration = Registration(slice_, (other, stale), {"hour.due": ["sub:suite/1/a"]}, 5)
        assert not all(await ledger.commit([other, stale], (), registration))
        assert await ledger.registered() == []
        assert (await ledger.load(["suite/1/other"]))[0] is None
        good = Registration(slice_, (other,), {"hour.due": ["sub:suite/1/a"]}, 5)
        assert all(await ledger.commit([other], (), good))
        ((found, lineages),) = await ledger.registered()
        assert found == slice_
        assert [lineage.key for lineage in lineages] == [KEY]
        assert (await self.seen(ledger)).subscribers == ("sub:suite/1/a",)

    async def test_history_is_paged_newest_first(self, ledger: Ledger) -> None:
        """No row twice, none left out, bounds half open."""
        await ledger.commit([born("l1")])
        await ledger.commit([after(await self.seen(ledger), rows=tuple(row(n * 1_000) for n in range(1, 26)))])
        found, query = [], Query(key=KEY, limit=10)
        while True:
            page = await ledger.history(query)
            found += [run.row.scheduled_at for run in page.rows]
            if page.next is None:
                break
            query = replace(query, before=page.next)
        assert found == [n * 1_000 for n in range(25, 0, -1)]
        bounded = await ledger.history(Query(key=KEY, start=3_000, end=5_000))
        assert [run.row.scheduled_at for run in bounded.rows] == [4_000, 3_000]

    async def test_due_lists_what_wakes_earliest_first(self, ledger: Ledger, clock: ManualClock) -> None:
        """By the ledger's clock, at most as many as asked for."""
        for name, wake in (("a", 30), ("b", 10), ("c", None), ("d", 20), ("e", 9_000_000)):
            await ledger.commit(
                [replace(born(name, f"suite/1/{name}"), wake_at=None if wake is None else clock.now() + wake)]
            )
        assert list(await ledger.due(10)) == []
        clock.jump(clock.now() + 100)
        assert list(await ledger.due(10)) == ["suite/1/b", "suite/1/d", "suite/1/a"]
        assert list(await ledger.due(2)) == ["suite/1/b", "suite/1/d"]

    async def test_purge_forgets_what_was_noted_beside_decisions(self, ledger: Ledger) -> None:
        """Calls that decided nothing are small, and many."""
        await ledger.commit([], [Counted(KEY, 50, "duplicate"), Counted(KEY, 200 * 86_400_000, "duplicate")])
        assert await ledger.purge(100 * 86_400_000, 100) == 2
        assert await ledger.purge(100 * 86_400_000, 100) == 0

    async def test_purge_forgets_ended_records_only(self, ledger: Ledger) -> None:
        """Bounded by its limit; what is open stays."""
        await ledger.commit([born("l1")])
        rows = (*(row(n) for n in range(1, 6)), row(6, open=2, run=RunState.OPEN))
        await ledger.commit([after(await self.seen(ledger), rows=rows)])
        assert await ledger.purge(100, 3) == 3
        assert await ledger.purge(100, 100) == 2
        assert [run.row.scheduled_at for run in (await ledger.history(Query(key=KEY))).rows] == [6]

    async def test_counting_calls_changes_no_lineage(self, ledger: Ledger) -> None:
        """Calls that decided nothing are written beside, not into, the lineage."""
        await ledger.commit([born("l1")])
        before = await self.seen(ledger)
        await ledger.commit([], [Counted(KEY, 5, "not_due", "nothing") for _ in range(30)])
        assert await self.seen(ledger) == before

    async def test_what_was_answered_is_seen_by_everybody(self, ledger: Ledger, clock: ManualClock) -> None:
        """A second connection sees the commit, and races fairly with the first."""
        if not self.durable:
            pytest.skip("this ledger lives in one process")
        other = await self.again(ledger, clock)
        try:
            await ledger.commit([born("l1")])
            one, two = await self.seen(ledger), await self.seen(other)
            assert one.lineage == two.lineage
            results = await asyncio.gather(ledger.commit([after(one)]), other.commit([after(two)]))
            assert sorted(won for (won,) in results) == [False, True]
        finally:
            await self.close(other)
