"""Calls that come while others are decided share the next batch; two batches are in flight, and none in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from purista import Interval, ServiceBuilder
from purista.errors import LedgerError
from purista.gateway.batches import BATCH_LIMIT, IN_FLIGHT, Batches
from purista.gateway.decide import Answer
from purista.gateway.gateway import Gateway
from purista.ledgers.base import Change, Counted, LedgerView, Registration, RunRef
from purista.ledgers.sqlite import SqliteLedger
from purista.registration.registrar import Registrar
from purista.schedulers.base import Call
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock

HOUR = 3_600_000


@dataclass(eq=False)
class Asked:
    """A call that notes why it failed."""

    number: int
    errors: list[BaseException] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)


class Table:
    """Decides batches when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gates: list[asyncio.Future[list[Asked]]] = []

    async def decide(self, batch: list[Asked]) -> list[Asked]:
        self.batches.append([asked.number for asked in batch])
        gate: asyncio.Future[list[Asked]] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        return await gate

    def open(self, number: int, again: Sequence[Asked] = ()) -> None:
        self.gates[number].set_result(list(again))


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def seated(count: int) -> AsyncIterator[tuple[Table, Batches[Asked], list[Asked]]]:
    """A table with the first call being decided and the others there."""
    table = Table()
    batches: Batches[Asked] = Batches(table.decide)
    calls = [Asked(number) for number in range(count)]
    tasks = [asyncio.create_task(batches.add([asked])) for asked in calls]
    await turns()
    yield table, batches, calls
    for gate in table.gates:
        if not gate.done():
            gate.set_result([])
    await asyncio.gather(*tasks)
    await turns()


async def test_what_comes_meanwhile_is_one_batch_and_at_most_two_are_in_flight() -> None:
    async with seated(5) as (table, batches, _):
        assert table.batches == [[0], [1, 2, 3, 4]]
        later = [Asked(number) for number in (5, 6)]
        for asked in later:
            await batches.add([asked])
        await turns()
        assert len(table.batches) == IN_FLIGHT
        table.open(0)
        await turns()
        assert table.batches[2:] == [[5, 6]]


async def test_a_batch_has_a_limit() -> None:
    async with seated(BATCH_LIMIT + 3) as (table, _, _):
        table.open(0)
        await turns()
        assert [len(batch) for batch in table.batches] == [1, BATCH_LIMIT, 2]


async def test_what_stands_in_the_way_of_a_batch_in_flight_waits_for_it_and_spins_not() -> None:
    async with seated(3) as (table, _, calls):
        table.open(1, again=calls[1:])
        await turns()
        assert len(table.batches) == 2, "nothing has changed yet: deciding again would find the same"
        table.open(0)
        await turns()
        assert table.batches[2:] == [[1, 2]]


async def test_what_somebody_else_overtook_is_decided_again() -> None:
    async with seated(1) as (table, _, calls):
        table.open(0, again=calls)
        await turns()
        assert table.batches == [[0], [0]]


async def test_an_error_reaches_its_own_batch_only_and_the_others_go_on() -> None:
    async with seated(3) as (table, batches, calls):
        table.gates[0].set_exception(LedgerError("away"))
        await turns()
        assert [len(asked.errors) for asked in calls] == [1, 0, 0]
        last = Asked(3)
        await batches.add([last])
        await turns()
        assert table.batches[2:] == [[3]]
        table.open(2)
        await turns()
        assert not last.errors


async def test_a_caller_who_gives_up_holds_nobody_up() -> None:
    table = Table()
    batches: Batches[Asked] = Batches(table.decide)
    first = asyncio.create_task(batches.add([Asked(0)]))
    await turns()
    await batches.add([Asked(1)])
    await turns()
    await batches.add([Asked(2)])  # waits: two are in flight
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await turns()
    assert table.batches == [[0], [1], [2]]
    table.open(1)
    table.open(2)
    await turns()


class Slow(SqliteLedger):
    """Commits when it is told to, and notes what it was asked for."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(SqliteFile(":memory:"), clock=clock)
        self.gate = asyncio.Event()
        self.gate.set()
        self.commits: list[list[str]] = []
        self.loads: list[list[str]] = []

    async def load(self, keys: Sequence[str], runs: Sequence[RunRef] = ()) -> list[LedgerView | None]:
        self.loads.append(list(keys))
        return await super().load(keys, runs)

    async def commit(
        self, changes: Sequence[Change], counted: Sequence[Counted] = (), registration: Registration | None = None,
        *, durable: bool = True,
    ) -> list[bool]:  # fmt: skip
        self.commits.append([change.key for change in changes])
        await self.gate.wait()
        return await super().commit(changes, counted, registration, durable=durable)


async def test_other_schedules_are_decided_while_a_commit_is_on_its_way_and_the_same_one_waits() -> None:
    clock = ManualClock("2026-01-01T00:00:00Z")
    service = ServiceBuilder("s", "1", "a service")
    for name in ("a", "b"):
        service.schedule(
            name, Interval(3600), enqueue="work", payload={}, missed_run_policy="skip", concurrency_policy="allow"
        )
    async with Slow(clock) as ledger:
        await Registrar(ledger).register("s", "1", service.schedules)
        gateway = Gateway(ledger)
        clock.jump(clock.now() + HOUR)
        ledger.commits.clear()
        ledger.loads.clear()
        ledger.gate.clear()
        calls = [asyncio.create_task(gateway.trigger(Call(f"s/1/{name}"))) for name in "aab"]
        await turns()
        assert ledger.commits == [["s/1/a"], ["s/1/b"]]
        loads = len(ledger.loads)
        await turns()
        assert len(ledger.loads) == loads, "the second call for a waits; it does not ask again and again"
        ledger.gate.set()
        replies = [await call for call in calls]
        assert [reply.answer for reply in replies] == ["accepted", "duplicate", "accepted"]


async def test_a_ledger_that_does_not_answer_is_no_refusal() -> None:
    """Also when it fails in the middle of a decision: the call will be right when it is there again."""
    clock = ManualClock("2026-01-01T00:00:00Z")
    service = ServiceBuilder("s", "1", "a service")
    service.schedule(
        "a", Interval(3600), enqueue="work", payload={"k": "{scheduled_at}"}, idempotency_key="payload.k",
        missed_run_policy="skip", concurrency_policy="allow",
    )  # fmt: skip
    async with SqliteLedger(SqliteFile(":memory:"), clock=clock) as ledger:
        await Registrar(ledger).register("s", "1", service.schedules)
        clock.jump(clock.now() + HOUR + 1_000)
        real = ledger.history

        async def broken(query: object) -> object:
            raise LedgerError("away")

        ledger.history = broken  # type: ignore[method-assign]
        with pytest.raises(LedgerError, match="away"):
            await Gateway(ledger).trigger(Call("s/1/a"))
        ledger.history = real  # type: ignore[method-assign]
        assert (await Gateway(ledger).trigger(Call("s/1/a"))).answer is Answer.ACCEPTED


async def test_keys_that_nobody_knows_read_the_registry_once() -> None:
    reads = 0
    async with SqliteLedger(SqliteFile(":memory:"), clock=ManualClock()) as ledger:
        real = ledger.registered

        async def registered() -> object:
            nonlocal reads
            reads += 1
            return await real()

        ledger.registered = registered  # type: ignore[method-assign,assignment]
        await Gateway(ledger).trigger_all([Call(f"nobody/1/s{number}") for number in range(20)])
    assert reads == 1
