"""Why, for every decision and every end of a run; made by the real gateway wherever it can be."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from purista.gateway.compose import change_of
from purista.ledgers.base import Pause, Query, RunState
from purista.permits import Begin, End, Granted
from purista.schedulers.base import Call

NIGHTLY, BILLING = "shop/1/nightly", "shop/1/billing"


async def call(bridge, clock, key, at):
    clock.jump(at)
    await bridge.gateway.trigger(Call(key, source="cron"))


async def run_of(bridge, key):
    return (await bridge.ledger.history(Query(key=key))).rows[0]


async def begin(bridge, key):
    """Begins the newest run's only part, as a worker does."""
    from purista.ledgers.base import RunRef

    run = await run_of(bridge, key)
    ref = RunRef(run.row.occurrence_id, run.row.scheduled_at)
    (part,) = run.parts
    granted = await bridge.gateway.begin(key, Begin(ref, part.part, part.address, "worker-7"))
    assert isinstance(granted, Granted)
    return ref, part, granted.fence


async def end(bridge, key, state, detail):
    ref, part, fence = await begin(bridge, key)
    assert await bridge.gateway.end(key, End(ref, part.part, part.address, fence, state, detail))


def why(purista, question, now):
    document = purista("why", question, "--ledger", "shop.db", "--json", now=now).json
    return document["verdict"], document["sentence"], "\n".join(document["facts"]), document


async def late(bridge, clock):
    await call(bridge, clock, NIGHTLY, "2026-03-02T06:00:00Z")


async def coalesced(bridge, clock):
    await call(bridge, clock, BILLING, "2026-05-01T00:00:01Z")


async def overlap(bridge, clock):
    await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
    await call(bridge, clock, BILLING, "2026-05-01T00:00:01Z")


async def paused(bridge, clock):
    view = (await bridge.ledger.load([NIGHTLY]))[0]
    change = replace(change_of(view, [], now=clock.now()), pause=Pause("anna", "inventory", clock.now()))
    assert await bridge.ledger.commit([change]) == [True]
    await call(bridge, clock, NIGHTLY, "2026-03-02T01:30:01Z")


async def paused_and_ahead(bridge, clock):
    await paused(bridge, clock)


async def failed(bridge, clock):
    await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
    await end(bridge, BILLING, RunState.FAILED, "RuntimeError: [red]no money\n")


async def running(bridge, clock):
    await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
    await begin(bridge, BILLING)


async def tried_again(bridge, clock):
    await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
    await end(bridge, BILLING, None, "RuntimeError: no money")


async def removed(bridge, clock):
    clock.jump("2026-03-10T00:00:00Z")
    await bridge.registrar().register("shop", "1", [])


CASES = [
    (late, "nightly@2026-03-02T02:30", "2026-03-03T00:00:00Z", "late",
     "it was worth starting until 2026-03-02 02:30:00Z"),
    (coalesced, "billing@2026-04-01T02:00", "2026-05-02T00:00:00Z", "coalesced",
     "related to the one of Fri 2026-05-01 02:00:00"),
    (overlap, "billing@2026-05-01T02:00", "2026-05-02T00:00:00Z", "skipped_overlap",
     "related to the one of Wed 2026-04-01"),
    (paused, "nightly@2026-03-02T02:30", "2026-03-03T00:00:00Z", "paused",
     "decided at 2026-03-02 01:30:01Z"),
    (paused_and_ahead, "nightly@2026-03-05T02:30", "2026-03-03T00:00:00Z", "ahead",
     "paused by anna since 2026-03-01 12:00:00Z"),
    (failed, "billing@2026-04-01T02:00", "2026-04-02T00:00:00Z", "failed",
     "by worker-7: RuntimeError: [red]no money\n"),
    (running, "billing@2026-04-01T02:00", "2026-04-01T00:00:05Z", "running",
     "billing.run: worker-7 is at it since 2026-04-01 00:00:01Z"),
    (tried_again, "billing@2026-04-01T02:00", "2026-04-01T00:00:05Z", "retrying",
     "pending: RuntimeError: no money"),
    (removed, "nightly@2026-03-20T02:30", "2026-03-27T00:00:00Z", "removed",
     ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "question", "now", "verdict", "fact"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_every_decision_and_end_has_its_answer(purista, live, act, question, now, verdict, fact):
    live(act)
    found, sentence, facts, _ = why(purista, question, now)
    assert found == verdict
    assert fact in facts
    assert sentence


def test_texts_of_handlers_stay_on_their_line(purista, live):
    live(failed)
    out = purista("why", "billing@2026-04-01T02:00", "--ledger", "shop.db", now="2026-04-02T00:00:00Z").out
    assert "RuntimeError: [red]no money\\n" in out


def test_one_record_for_a_long_stretch(purista, live):
    async def stretch(bridge, clock):
        await call(bridge, clock, NIGHTLY, "2026-12-01T12:00:00Z")

    live(stretch)
    verdict, _, facts, document = why(purista, "nightly@2026-06-15T02:30", "2026-12-02T00:00:00Z")
    assert verdict == "late"
    assert "one record for 275 from 2026-03-02 01:30:00Z" in facts
    assert why(purista, "nightly@2026-06-15T02:31", "2026-12-02T00:00:00Z")[0] == "not_an_occurrence"
    history = purista("history", "nightly", "--ledger", "shop.db").out
    assert "(275×)" in history
    assert document["occurrences"][0]["count"] == 275


def test_a_purged_record_is_not_called_undecided(purista, live):
    async def purged(bridge, clock):
        await late(bridge, clock)
        clock.jump("2026-06-01T00:00:00Z")
        assert await bridge.ledger.purge(clock.now(), 100) == 1

    live(purged)
    assert why(purista, "nightly@2026-03-02T02:30", "2026-06-01T00:00:00Z")[0] == "no_record"


def test_workers_that_are_gone_are_named(purista, live):
    async def seen(bridge, clock):
        await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
        await bridge.file.write(
            lambda c: c.execute("INSERT INTO workers VALUES ('queue:billing.run', 'host:1', ?)", (clock.now(),))
        )

    live(seen)
    now, facts = "2026-04-01T00:00:11Z", "worker host:1 of billing.run was seen 10 s ago"
    assert why(purista, "billing@2026-04-01T02:00", now)[0] == "waiting"
    assert facts in why(purista, "billing@2026-04-01T02:00", now)[2]
    verdict, sentence, _, document = why(purista, "billing@2026-04-01T02:00", "2026-04-01T00:05:01Z")
    assert verdict == "no_worker"
    assert "no worker is there for billing.run; the last, host:1, was seen 5 min ago" in sentence
    assert document["advice"] == "start one: purista worker"
    assert document["workers"] == [
        {"address": "queue:billing.run", "seen": [{"worker": "host:1", "seenAt": "2026-04-01T00:00:01.000Z"}]}
    ]


def test_what_was_begun_and_failed_has_a_worker(purista, live):
    """An outpost asks a broker for messages: it is seen by what it begins."""

    async def often(bridge, clock):
        await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
        for _ in range(8):
            await end(bridge, BILLING, None, "RuntimeError: no money")

    live(often)
    verdict, sentence, facts, document = why(purista, "billing@2026-04-01T02:00", "2026-04-01T00:05:00Z")
    assert verdict == "retrying"
    assert sentence == "it was begun 8 times and failed each time: RuntimeError: no money; it will be tried again"
    assert "billing.run: last begun by worker-7" in facts
    assert "no worker" not in facts
    assert document["advice"] is None


def test_who_worked_the_last_one_was_seen(purista, live):
    async def worked(bridge, clock):
        await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
        await end(bridge, BILLING, RunState.FINISHED, None)
        await call(bridge, clock, BILLING, "2026-05-01T00:00:01Z")

    live(worked)
    verdict, sentence, _, _ = why(purista, "billing@2026-05-01T02:00", "2026-05-01T00:00:05Z")
    assert verdict == "no_worker"
    assert "no worker is there for billing.run; the last, worker-7, was seen 30 d" in sentence


def test_a_dead_letter_and_a_letter_that_waits(purista, live):
    async def letters(bridge, clock):
        await call(bridge, clock, BILLING, "2026-04-01T00:00:01Z")
        later = clock.now() + 60_000
        await bridge.file.write(
            lambda c: c.execute("UPDATE mail SET attempts = 3, visible_at = ?, reason = 'no money'", (later,))
        )

    live(letters)
    facts = why(purista, "billing@2026-04-01T02:00", "2026-04-01T00:00:02Z")[2]
    assert "billing.run: attempt 3 of 10 (no money); seen again in 59 s" in facts

    async def dead(bridge, clock):
        await bridge.file.write(lambda c: c.execute("UPDATE mail SET state = 'dead'"))

    live(dead)
    facts = why(purista, "billing@2026-04-01T02:00", "2026-04-01T00:00:02Z")[2]
    assert "billing.run: a dead letter after 3 attempts: no money" in facts


def test_calls_that_decided_nothing_are_shown(purista, live):
    async def calls(bridge, clock):
        for _ in range(3):
            await call(bridge, clock, NIGHTLY, "2026-03-01T13:00:00Z")
        await asyncio.sleep(0)

    live(calls)
    verdict, _, facts, document = why(purista, "nightly@2026-03-02T02:30", "2026-03-02T09:00:00Z")
    assert verdict == "undecided"
    assert "the last call came at 2026-03-01 13:00:00Z (20 h ago), answered not_due: nothing is due" in facts
    assert len(document["recentCalls"]) == 3
