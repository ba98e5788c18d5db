"""Which deployment is newer: old replicas that restart, revisions that may not go down, handlers that come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from purista import Context, Cron, DefaultEventBridge, Interval, ServiceBuilder
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Query, RunState
from purista.ledgers.sqlite import SqliteLedger
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from purista.testing.suites.common import until
from tests.registration.test_together import EVENT, schedule, subscribers

A, NEW = (EVENT, "sub:user/1/a"), (EVENT, "sub:user/1/new")
OLD, CHANGED = "0 * * * *", "0,30 * * * *"


@pytest.fixture
async def ledger(clock: ManualClock) -> AsyncIterator[SqliteLedger]:
    async with SqliteLedger(SqliteFile(":memory:"), clock=clock) as opened:
        yield opened


async def deploy(
    ledger: SqliteLedger, revision: int | None, cron: str = OLD, wanted: Sequence[tuple[str, str]] = (A,)
) -> str:
    """What was said against it."""
    done = await Registrar(ledger, revision=revision).register("user", "1", [schedule(cron=cron)], wanted)
    return done.comparison.why


async def in_force(ledger: SqliteLedger) -> str:
    (view,) = await ledger.load(["user/1/nightly"])
    assert view is not None
    found = view.lineage.contracts[-1].schedule
    return "nothing" if found is None else str(found.expression)


async def revision(ledger: SqliteLedger) -> int | None:
    return (await Registrar(ledger).slices())[0].revision


@pytest.mark.parametrize(("old", "new"), [(41, 42), (None, None)])
async def test_a_restarting_old_replica_takes_no_new_handler_away(
    ledger: SqliteLedger, old: int | None, new: int | None
) -> None:
    """The contracts are the same: only a handler is new."""
    await deploy(ledger, old, wanted=[A])
    await deploy(ledger, new, wanted=[A, NEW])
    assert await deploy(ledger, old, wanted=[A])
    assert await subscribers(ledger) == ("sub:user/1/a", "sub:user/1/new")


@pytest.mark.parametrize(("old", "new"), [(41, 42), (None, None)])
async def test_a_restarting_old_replica_brings_no_removed_handler_back(
    ledger: SqliteLedger, old: int | None, new: int | None
) -> None:
    await deploy(ledger, old, wanted=[A, NEW])
    await deploy(ledger, new, wanted=[A])
    await deploy(ledger, old, wanted=[A, NEW])
    assert await subscribers(ledger) == ("sub:user/1/a",)


async def test_the_registered_revision_never_goes_down(ledger: SqliteLedger) -> None:
    await deploy(ledger, 10)
    await deploy(ledger, 11, CHANGED)
    await deploy(ledger, 42)
    assert await deploy(ledger, 10) == "revision 42 is registered, this is revision 10"
    assert await revision(ledger) == 42
    await deploy(ledger, 11, CHANGED)
    assert await in_force(ledger) == OLD
    await deploy(ledger, None)
    assert await revision(ledger) == 42


async def test_a_deployment_that_is_not_applied_says_so(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    await deploy(ledger, 41)
    with caplog.at_level(logging.INFO, "purista.registration"):
        await deploy(ledger, 40)
        await deploy(ledger, 41, CHANGED)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("INFO", "user/1: not registered: revision 41 is registered, this is revision 40"),
        (
            "WARNING",
            "user/1: not registered: revision 41 is registered with other contracts or subscriptions; "
            "a change needs a higher PURISTA_REVISION",
        ),
    ]


async def test_pruning_takes_no_deployments_number(ledger: SqliteLedger) -> None:
    await deploy(ledger, 41)
    await Registrar(ledger).prune("user", "1")
    assert (await in_force(ledger), await revision(ledger)) == ("nothing", 41)
    assert await deploy(ledger, 41), "a process of the pruned deployment"
    assert await in_force(ledger) == "nothing"
    assert await deploy(ledger, 42) == ""
    assert await in_force(ledger) == OLD


async def test_a_pruned_slice_without_revision_comes_back_by_a_stated_one(ledger: SqliteLedger) -> None:
    await deploy(ledger, None)
    await Registrar(ledger).prune("user", "1")
    assert "replaced once already" in await deploy(ledger, None)
    assert await in_force(ledger) == "nothing"
    assert await deploy(ledger, 1) == ""
    assert await in_force(ledger) == OLD


async def test_an_event_that_no_longer_ends_a_run_is_no_longer_kept_for_it(ledger: SqliteLedger) -> None:
    for number, done in enumerate(["one", "two", None]):
        wanted = [] if done is None else [(done, "completed:user/1/nightly")]
        await Registrar(ledger, revision=number).register(
            "user", "1", [schedule(completed_by=done, name="nightly")], wanted
        )
        rows = ledger.file.read(lambda c: c.execute("SELECT event FROM subscriptions").fetchall())
        assert rows == ([] if done is None else [(done,)])


async def test_who_waits_for_the_end_of_a_run_is_no_part_of_another(tmp_path: Path) -> None:
    """The event that ends one schedule's run is what another schedule emits: its run ends with its own handler."""
    clock = ManualClock("2026-01-01T00:00:00Z")
    service, worked = ServiceBuilder("user", "1"), []

    @service.subscription("import", event="import.due")
    async def load(context: Context, payload: object) -> None:
        worked.append(payload)

    common = {"concurrency_policy": "forbid", "missed_run_policy": "runOnce"}
    service.schedule("a", Interval(86_400), emit="start.import", completed_by="import.due", **common)
    service.schedule("b", Interval(3_600), emit="import.due", **common)
    bridge = DefaultEventBridge(tmp_path / "purista.db", clock=clock)
    async with await service.get_instance(bridge):
        gateway = Gateway(bridge.ledger)

        async def states(key: str) -> list[RunState | None]:
            return [run.row.run for run in (await bridge.ledger.history(Query(key=key))).rows]

        for hour in range(24, 26):
            await clock.advance_to(f"2026-01-02T{hour - 24:02}:00:01Z")
            await gateway.trigger(Call("user/1/a"))
            await gateway.trigger(Call("user/1/b"))
            for _ in range(400):
                if (await states("user/1/b"))[0] is RunState.FINISHED:
                    break
                await asyncio.sleep(0.01)
        assert [state for state in await states("user/1/b") if state] == [RunState.FINISHED] * 2
        await until(lambda: len(worked) == 2)
        for _ in range(400):
            if await states("user/1/a") == [RunState.FINISHED]:
                break
            await asyncio.sleep(0.01)
        assert await states("user/1/a") == [RunState.FINISHED]


def test_comparing_does_not_grow_with_the_square_of_the_schedules():
    """Each schedule looks up its own keys; nobody goes through all that the ledger knows."""
    from purista.registration.compare import compare

    class Known(dict):
        walks = 0

        def items(self):
            Known.walks += 1
            return super().items()

        def __iter__(self):
            Known.walks += 1
            return super().__iter__()

    service = ServiceBuilder("s", "1")
    for number in range(50):
        service.schedule(f"n{number}", Cron("0 5 * * *"), timezone="UTC", enqueue="work",
                         concurrency_policy="allow", missed_run_policy="skip")  # fmt: skip
    compare(("s", "1", "default"), service.schedules, None, Known(), revision=None, lateness=0, now=0)
    assert Known.walks <= 5
