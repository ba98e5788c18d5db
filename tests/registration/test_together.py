"""Registrations that meet: of replicas, versions and renames; and what must not be written then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar

import pytest

from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.errors import RegistrationError
from purista.gateway.gateway import Gateway
from purista.ledgers.sqlite import SqliteLedger
from purista.recurrence import Cron
from purista.registration.compare import newer_version
from purista.registration.registrar import Registrar
from purista.schedulers.base import Applied, Call, Compiled, Entry, Finding, LiveEntry, Owner, Severity
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock

EVENT = "night.due"


def schedule(name: str = "nightly", cron: str = "0 * * * *", version: str = "1", **options: Any) -> Schedule:
    usual: dict[str, Any] = {
        "service": "user", "version": version, "name": name, "description": "", "expression": Cron(cron), "timezone": "UTC",
        "target": Target(TargetKind.EVENT, EVENT, "user", version), "missed_run_policy": MissedRunPolicy.RUN_ONCE,
    }  # fmt: skip
    return Schedule(**{**usual, **options})


class Wall:
    """A scheduler's dialect and control over a list that all processes see; ``meanwhile`` runs before the first apply."""

    name = "wall"
    lateness_ms = 1_000
    live: ClassVar[dict[str, str]] = {}

    def __init__(
        self, meanwhile: Callable[[], Awaitable[object]] | None = None, findings: Sequence[Finding] = ()
    ) -> None:
        self.dialect = self.control = self
        self._meanwhile, self._findings = meanwhile, tuple(findings)

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        refused = any(finding.severity is Severity.REFUSED for finding in self._findings)
        entries = () if refused else tuple(Entry(s.key, (s.key,), "text", "digest") for s in schedules)
        return Compiled(entries, self._findings)

    async def preflight(self) -> Sequence[Finding]:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return ()

    async def list(self, owner: Owner) -> Sequence[LiveEntry]:
        return [LiveEntry(name, digest) for name, digest in Wall.live.items()]

    async def apply(self, owner: Owner, compiled: Compiled) -> Applied:
        Wall.live = {entry.name: entry.digest for entry in compiled.entries}
        return Applied()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock("2026-01-05T10:30:00Z")


@pytest.fixture
async def ledger(clock: ManualClock) -> AsyncIterator[SqliteLedger]:
    Wall.live = {}
    async with SqliteLedger(SqliteFile(":memory:"), clock=clock) as opened:
        yield opened


async def subscribers(ledger: SqliteLedger, key: str = "user/1/nightly") -> tuple[str, ...]:
    (view,) = await ledger.load([key])
    assert view is not None
    return view.subscribers


async def test_who_registers_between_compile_and_apply_is_not_written_over(ledger: SqliteLedger) -> None:
    async def other() -> None:
        await Registrar(ledger, scheduler=Wall()).register("user", "2", [schedule("weekly", version="2")])

    first = Registrar(ledger, scheduler=Wall(other))
    await first.register("user", "1", [schedule()])
    assert set(Wall.live) == {"user/1/nightly", "user/2/weekly"}
    assert (await first.drift("user")).nothing


async def test_what_cannot_be_compiled_as_a_whole_erases_nothing(ledger: SqliteLedger) -> None:
    await Registrar(ledger, scheduler=Wall()).register("user", "1", [schedule()])
    broken = Wall(findings=[Finding("C109", Severity.REFUSED, "", "expected a user name, got 'app user'")])
    with pytest.raises(RegistrationError, match="C109: expected a user name"):
        await Registrar(ledger, scheduler=broken).register("user", "1", [schedule(), schedule("b")])
    assert set(Wall.live) == {"user/1/nightly"}


async def test_an_old_replica_takes_no_subscription_away(ledger: SqliteLedger) -> None:
    both = [(EVENT, "sub:user/1/a"), (EVENT, "sub:user/1/new")]
    await Registrar(ledger, revision=2).register("user", "1", [schedule(cron="0,30 * * * *")], both)
    late = await Registrar(ledger, revision=1).register("user", "1", [schedule()], both[:1])
    assert late.comparison.verified_only
    assert await subscribers(ledger) == ("sub:user/1/a", "sub:user/1/new")


async def test_the_last_subscription_of_a_service_goes_with_its_handler(
    ledger: SqliteLedger, clock: ManualClock
) -> None:
    """Else it stays a root of every run, nobody begins it, and ``forbid`` blocks for ever."""
    kept = schedule(concurrency_policy=ConcurrencyPolicy.FORBID)
    await Registrar(ledger).register("user", "1", [kept], [(EVENT, "sub:user/1/a")])
    await Registrar(ledger).register("billing", "1", [], [(EVENT, "sub:billing/1/b")])
    await Registrar(ledger).register("user", "1", [kept], [])
    assert await subscribers(ledger) == ("sub:billing/1/b",)


async def test_nothing_new_is_nothing_written(ledger: SqliteLedger) -> None:
    for _ in range(2):
        await Registrar(ledger).register("user", "1", [schedule()], [(EVENT, "sub:user/1/a")])
    changes = ledger.file.read(lambda c: c.total_changes)
    await Registrar(ledger).register("user", "1", [schedule()], [(EVENT, "sub:user/1/a")])
    assert ledger.file.read(lambda c: c.total_changes) == changes


@pytest.mark.parametrize("revisions", [(None,) * 5, (1, 2, 3, 4, 5)])
async def test_a_name_that_is_used_again_begins_anew(
    ledger: SqliteLedger, clock: ManualClock, revisions: tuple[int | None, ...]
) -> None:
    deploys = [
        [schedule("old")], [schedule("new", renamed_from=("old",))], [schedule("new")],
        [schedule("new"), schedule("old", cron="5 5 * * *")],
        [schedule("new", cron="1 * * * *"), schedule("old", cron="6 6 * * *")],
    ]  # fmt: skip
    for revision, declared in zip(revisions, deploys, strict=True):
        await Registrar(ledger, revision=revision).register("user", "1", declared)
    old, new = await ledger.load(["user/1/old", "user/1/new"])
    assert old is not None
    assert new is not None
    assert old.lineage.lineage != new.lineage.lineage
    assert (old.lineage.key, new.lineage.key) == ("user/1/old", "user/1/new")
    await clock.advance(hours=1)
    assert (await Gateway(ledger).trigger(Call("user/1/new"))).answer == "accepted"


async def test_two_schedules_cannot_go_on_from_one(ledger: SqliteLedger) -> None:
    await Registrar(ledger).register("user", "1", [schedule("old")])
    split = [schedule(name, renamed_from=("old",)) for name in ("eu", "us")]
    with pytest.raises(RegistrationError, match="got user/1/eu and user/1/us for the same"):
        await Registrar(ledger).register("user", "1", split)


async def test_a_version_whose_successor_was_removed_fires_again(ledger: SqliteLedger, clock: ManualClock) -> None:
    await Registrar(ledger).register("user", "1", [schedule()])
    await Registrar(ledger).register("user", "2", [schedule(version="2")])
    await Registrar(ledger).prune("user", "2")
    await Registrar(ledger).register("user", "1", [schedule()])
    await clock.advance(hours=1)
    assert (await Gateway(ledger).trigger(Call("user/1/nightly"))).answer == "accepted"


@pytest.mark.parametrize(
    ("newer", "older"),
    [("1.0.0", "1.0.0-rc1"), ("1.0.0-rc2", "1.0.0-rc1"), ("10", "9"), ("1.1-rc1", "1.0"), ("2²", "2")],
)
def test_versions_are_ordered_as_people_read_them(newer: str, older: str) -> None:
    assert newer_version(newer, older)
    assert not newer_version(older, newer)
