"""Deploys, edits, renames, versions, rollbacks and replicas: what the ledger has afterwards, and what the scheduler is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from purista.contract.schedule import Schedule, Target, TargetKind
from purista.errors import BridgeVolatile, RegistrationError, RegistrationMismatch
from purista.ledgers.base import Lineage
from purista.ledgers.sqlite import SqliteLedger
from purista.recurrence import Cron
from purista.registration.compare import Act
from purista.registration.registrar import Mode, Registered, Registrar
from purista.schedulers.base import Applied, Compiled, Entry, Finding, LiveEntry, Owner, Severity
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock


def schedule(name: str = "nightly", cron: str = "0 2 * * *", version: str = "1", **options: Any) -> Schedule:
    target = Target(TargetKind.EVENT, "night.due", "user", version)
    usual = {"service": "user", "version": version, "name": name, "description": "", "target": target}
    return Schedule(**{**usual, "expression": Cron(cron), "timezone": "UTC", **options})


class FakeScheduler:
    """A scheduler whose live entries are a dictionary; the story of what was done to it is kept."""

    name = "fake"
    lateness_ms = 1_000

    def __init__(self, *, forgets: bool = False, refuses: bool = False) -> None:
        self.live: dict[str, str] = {}
        self.story: list[str] = []
        self.forgets, self.refuses = forgets, refuses
        self.dialect = self.control = self

    def compile(self, owner: Owner, schedules: Any) -> Compiled:
        entries = tuple(Entry(s.key, (s.key,), str(s.expression), str(s.expression)) for s in schedules)
        return Compiled(entries, (Finding("F1", Severity.INFO, "", "fake"),))

    async def preflight(self) -> list[Finding]:
        return [Finding("F9", Severity.REFUSED, "", "no rights")] if self.refuses else []

    async def list(self, owner: Owner) -> list[LiveEntry]:
        return [LiveEntry(name, digest) for name, digest in self.live.items()]

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        wanted = {entry.name: entry.digest for entry in compiled.entries}
        if wanted == self.live:
            return Applied(unchanged=len(wanted))
        self.story.append(" ".join(sorted(wanted)))
        if not self.forgets:
            self.live = wanted
        return Applied(written=1)


class Place:
    """One ledger, and processes that register with it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ledger = SqliteLedger(SqliteFile(":memory:"), clock=self.clock)
        self.scheduler = FakeScheduler()

    async def deploy(
        self, *schedules: Schedule, version: str = "1", revision: int | None = None, **options: Any
    ) -> Registered:
        self.clock.jump(self.clock.now() + 60_000)
        registrar = Registrar(self.ledger, scheduler=self.scheduler, revision=revision, **options)
        return await registrar.register("user", version, schedules)

    async def lineage(self, key: str = "user/1/nightly") -> Lineage:
        view = (await self.ledger.load([key]))[0]
        assert view is not None
        return view.lineage


def acts(registered: Registered) -> list[Act]:
    return [step.act for step in registered.comparison.steps]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    async with place.ledger:
        yield place


async def test_the_first_start_registers_and_fires_nothing(place: Place) -> None:
    assert acts(await place.deploy(schedule())) == [Act.CREATE]
    lineage = await place.lineage()
    assert lineage.decided_until == lineage.contracts[0].effective_from == place.clock.now()
    assert place.scheduler.live == {"user/1/nightly": "0 2 * * *"}


async def test_starting_again_writes_nothing_anywhere(place: Place) -> None:
    await place.deploy(schedule())
    before = await place.lineage()
    assert acts(await place.deploy(schedule())) == [Act.UNCHANGED]
    assert await place.lineage() == before
    assert place.scheduler.story == ["user/1/nightly"]


async def test_an_edit_is_a_new_contract_from_now_on(place: Place) -> None:
    await place.deploy(schedule())
    assert acts(await place.deploy(schedule(cron="0 3 * * *"))) == [Act.CHANGE]
    lineage = await place.lineage()
    assert [c.effective_from for c in lineage.contracts] == [place.clock.now() - 60_000, place.clock.now()]
    assert place.scheduler.live == {"user/1/nightly": "0 3 * * *"}


async def test_removing_the_last_schedule_removes_it(place: Place) -> None:
    """solid_queue#623, prefect#23097: removing the last one removed nothing."""
    await place.deploy(schedule())
    assert acts(await place.deploy()) == [Act.REMOVE]
    assert (await place.lineage()).contracts[-1].schedule is None
    assert place.scheduler.live == {}


async def test_what_comes_back_goes_on_in_its_lineage(place: Place) -> None:
    await place.deploy(schedule(), revision=1)
    first = await place.lineage()
    await place.deploy(revision=2)
    assert acts(await place.deploy(schedule(), revision=3)) == [Act.CHANGE]
    again = await place.lineage()
    assert (again.lineage, len(again.contracts)) == (first.lineage, 3)


async def test_a_rename_keeps_the_history_and_leaves_no_orphan(place: Place) -> None:
    """django-celery-beat#248, sidekiq-cron#488, hatchet#410 …: the most repeated complaint of all."""
    await place.deploy(schedule("old"))
    before = await place.lineage("user/1/old")
    assert acts(await place.deploy(schedule("new", renamed_from=("old",)))) == [Act.ADOPT]
    assert (await place.lineage("user/1/new")).lineage == before.lineage
    assert (await place.lineage("user/1/old")).key == "user/1/new", "calls under the old name are translated"
    assert list(place.scheduler.live) == ["user/1/new"]


async def test_rolling_back_a_rename_brings_the_old_name_back(place: Place) -> None:
    await place.deploy(schedule("old"), revision=1)
    await place.deploy(schedule("new", renamed_from=("old",)), revision=2)
    assert acts(await place.deploy(schedule("old"), revision=1)) == [Act.KEPT], "an old replica changes nothing"
    assert list(place.scheduler.live) == ["user/1/new"]
    assert acts(await place.deploy(schedule("old"), revision=3)) == [Act.ADOPT]
    assert list(place.scheduler.live) == ["user/1/old"]
    assert (await place.lineage("user/1/new")).lineage == (await place.lineage("user/1/old")).lineage


async def test_a_new_service_version_takes_over_and_an_old_replica_changes_nothing(place: Place) -> None:
    """serverless and PURISTA: version 2 was a new schedule while version 1 still fired."""
    await place.deploy(schedule())
    assert acts(await place.deploy(schedule(version="2"), version="2")) == [Act.ADOPT]
    assert (await place.lineage()).key == "user/2/nightly"
    assert list(place.scheduler.live) == ["user/2/nightly"]
    assert acts(await place.deploy(schedule(cron="0 9 * * *"), version="1")) == [Act.KEPT]
    assert place.scheduler.live == {"user/2/nightly": "0 2 * * *"}
    assert acts(await place.deploy(schedule(version="10"), version="10")) == [Act.ADOPT], "10 is newer than 2"


@pytest.mark.parametrize(
    ("deploys", "live"),
    [
        ([(1, "0 2 * * *"), (2, "0 3 * * *"), (1, "0 2 * * *")], "0 3 * * *"),  # an old replica restarts in a rollout
        ([(1, "0 2 * * *"), (2, "0 3 * * *"), (3, "0 2 * * *")], "0 2 * * *"),  # a rollback is a higher revision
        ([(1, "0 2 * * *"), (1, "0 3 * * *")], "0 2 * * *"),  # one revision, two contents
        ([(None, "0 2 * * *"), (None, "0 3 * * *"), (None, "0 2 * * *")], "0 3 * * *"),  # replaced once already
        ([(None, "0 2 * * *"), (None, "0 3 * * *"), (None, "0 4 * * *")], "0 4 * * *"),
        ([(5, "0 2 * * *"), (None, "0 3 * * *")], "0 2 * * *"),  # states none where one is known
        ([(None, "0 2 * * *"), (1, "0 3 * * *")], "0 3 * * *"),
    ],
)
async def test_revisions(place: Place, deploys: list[tuple[int | None, str]], live: str) -> None:
    for revision, cron in deploys:
        await place.deploy(schedule(cron=cron), revision=revision)
    assert place.scheduler.live == {"user/1/nightly": live}


async def test_an_old_replica_says_why_it_changes_nothing(place: Place) -> None:
    await place.deploy(schedule(), revision=2)
    kept = await place.deploy(schedule(cron="0 3 * * *"), revision=1)
    assert kept.comparison.verified_only
    assert "revision 2 is registered" in kept.comparison.why


async def test_replicas_that_start_at_once_end_in_one_state(place: Place) -> None:
    results = await asyncio.gather(*(place.deploy(schedule()) for _ in range(20)))
    assert sorted(act for result in results for act in acts(result)).count(Act.CREATE) >= 1
    assert len((await place.lineage()).contracts) == 1
    assert len(await place.ledger.registered()) == 1


async def test_environments(place: Place) -> None:
    everywhere, only = schedule("a"), schedule("b", environments=("prod",))
    await place.deploy(everywhere, only, environment="default")
    assert list(place.scheduler.live) == ["user/1/a"]


async def test_disabled_by_default_is_a_pause_that_says_so(place: Place) -> None:
    await place.deploy(schedule(enabled_by_default=False))
    pause = (await place.lineage()).pause
    assert pause is not None
    assert (pause.by, pause.reason) == ("contract", "enabledByDefault is false")


async def test_a_pause_survives_deploys(place: Place) -> None:
    """prefect#19302/#11107: pause lost on redeploy."""
    await place.deploy(schedule(enabled_by_default=False))
    await place.deploy(schedule(cron="0 3 * * *", enabled_by_default=False))
    assert (await place.lineage()).pause is not None


async def test_verify_says_what_differs_and_changes_nothing(place: Place) -> None:
    result = await place.deploy(schedule(), mode=Mode.VERIFY)
    assert result.drift.lines() == ("user/1/nightly is missing",)
    place.scheduler.live = {"foreign": "x", "user/1/nightly": "0 9 * * *"}
    result = await place.deploy(schedule(), mode=Mode.VERIFY)
    assert result.drift.lines() == ("foreign is not declared", "user/1/nightly differs")
    assert place.scheduler.story == []


async def test_off_leaves_the_scheduler_alone(place: Place) -> None:
    await place.deploy(schedule(), mode=Mode.OFF)
    assert (place.scheduler.live, place.scheduler.story) == ({}, [])
    assert (await place.lineage()).contracts


async def test_what_was_written_is_read_back(place: Place) -> None:
    place.scheduler = FakeScheduler(forgets=True)
    with pytest.raises(RegistrationMismatch, match="user/1/nightly is missing"):
        await place.deploy(schedule())


async def test_missing_rights_are_said_before_anything_is_tried(place: Place) -> None:
    place.scheduler = FakeScheduler(refuses=True)
    with pytest.raises(RegistrationError, match="F9: no rights"):
        await place.deploy(schedule())
    assert place.scheduler.story == []
    assert (await place.lineage()).contracts, "the ledger knows the contract all the same"


def test_a_bridge_that_forgets_serves_no_external_scheduler() -> None:
    with pytest.raises(BridgeVolatile, match=r"DefaultEventBridge\(\"purista.db\""):
        Registrar(SqliteLedger(SqliteFile(":memory:")), scheduler=FakeScheduler(), volatile=True)


async def test_only_the_meaning_counts(place: Place) -> None:
    await place.deploy(schedule())
    assert acts(await place.deploy(replace(schedule(), description="other words"))) == [Act.UNCHANGED]
