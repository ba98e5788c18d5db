"""Commands that look into the ledger: history, why and run; none of them needs the app."""

from __future__ import annotations

import asyncio

import pytest

from purista.cli.history import took
from purista.ledgers.base import Decision, OccurrenceRow, Query, RunState
from purista.ledgers.base import Run as LedgerRun
from purista.schedulers.base import Call

NIGHTLY, BILLING = "shop/1/nightly", "shop/1/billing"


@pytest.fixture
def called(live, home):
    """A ledger in which cron called for billing on April 1st and for nothing else; nobody works."""

    async def act(bridge, clock):
        await bridge.gateway.trigger(Call(BILLING, source="cron"))
        clock.jump("2026-04-01T00:00:03Z")
        await bridge.gateway.trigger(Call(BILLING, source="cron"))

    live(act)
    (home / "pyproject.toml").unlink()
    return home


@pytest.fixture
def worked(live, home):
    """A ledger in which billing ran to its end in April, and failed for good in a run somebody asked for."""

    async def act(bridge, clock):
        clock.jump("2026-04-01T00:00:03Z")
        await bridge.gateway.trigger(Call(BILLING, source="cron"))
        for _ in range(1000):
            page = await bridge.ledger.history(Query(key=BILLING))
            if page.rows[0].row.run is RunState.FINISHED:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("did not happen in time")

    live(act, consume=True)
    (home / "pyproject.toml").unlink()
    return home


def test_history_of_one(purista, called):
    result = purista("history", BILLING, "--ledger", "shop.db", now="2026-04-01T06:00:00Z")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "UTC                   LOCAL                           CLASS  DECISION   REASON  RUN   TOOK  ATTEMPTS\n"
        "2026-04-01 00:00:00Z  Wed 2026-04-01 02:00:00 +02:00         published  due     open\n"
    )


def test_history_of_all_names_the_schedule(purista, worked):
    out = purista("history", "--ledger", "shop.db").out.splitlines()
    assert out[0].startswith("SCHEDULE ")
    assert out[1].startswith("shop/1/billing  2026-04-01 00:00:00Z")
    assert "finished" in out[1]


def test_history_as_json(purista, worked):
    document = purista("history", "billing", "--ledger", "shop.db", "--json").json
    assert (document["key"], document["more"]) == (BILLING, False)
    (row,) = document["occurrences"]
    assert row["scheduledAt"] == "2026-04-01T00:00:00.000Z"
    assert (row["decision"], row["run"], row["source"], row["timezone"]) == (
        "published",
        "finished",
        "cron",
        "Europe/Berlin",
    )
    assert isinstance(row["durationMs"], int)
    (part,) = row["parts"]
    assert (part["address"], part["state"], part["outcome"]) == ("queue:billing.run", "ended", "finished")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--since", "2026-04-01"], 1),
        (["--since", "2026-04-01T00:00:01Z"], 0),
        (["--until", "2026-04-01"], 0),
        (["--until", "2026-04-01T02:00:01+02:00"], 1),
    ],
)
def test_history_between(purista, called, options, count):
    document = purista("history", BILLING, "--ledger", "shop.db", "--json", *options).json
    assert len(document["occurrences"]) == count


def test_history_says_when_there_is_more(purista, live, home):
    async def act(bridge, clock):
        for day in range(2, 6):
            clock.jump(f"2026-03-0{day}T01:30:02Z")
            await bridge.gateway.trigger(Call(NIGHTLY, source="cron"))

    live(act)
    result = purista("history", "nightly", "-n", "2", "--ledger", "shop.db")
    assert len(result.out.splitlines()) == 4
    assert "--until 2026-03-04T01:30:00.000Z" in result.out
    assert purista("history", "nightly", "-n", "2", "--ledger", "shop.db", "--json").json["more"] is True


def test_an_empty_history_is_no_error(purista, live):
    async def nothing(bridge, clock):
        return None

    live(nothing)
    result = purista("history", "nightly", "--ledger", "shop.db")
    assert (result.code, result.out) == (
        0,
        "nothing was decided for shop/1/nightly; `purista why KEY@TIME` says more\n",
    )


@pytest.mark.parametrize("command", [["history"], ["why", "a@2026-01-01"], ["run", "a"]])
def test_no_ledger_is_69(purista, home, command):
    result = purista(*command, "--ledger", "none.db")
    assert (result.code, result.out) == (69, "")
    assert "expected a ledger at none.db, found none" in result.err
    assert not (home / "none.db").exists()


def test_a_file_that_is_no_ledger_is_69(purista, home):
    (home / "text.db").write_text("no database at all, but long enough to be looked at" * 20)
    result = purista("history", "--ledger", "text.db")
    assert result.code == 69
    assert "Traceback" not in result.err


def test_where_the_ledger_is_looked_for(purista, live, home, monkeypatch):
    async def nothing(bridge, clock):
        return None

    live(nothing)
    assert purista("history").code == 0  # the configured app says shop.db
    assert purista("history", "--app", "shopapp:app").code == 0
    (home / "pyproject.toml").unlink()
    assert purista("history").code == 69
    monkeypatch.setenv("PURISTA_LEDGER", str(home / "shop.db"))
    assert purista("history").code == 0


WHYS = [
    ("billing@2026-04-01T02:00", "2026-04-01T00:01:00Z", "no_worker", "no worker has been seen for billing.run"),
    ("billing@2026-04-01T00:00:00Z", "2026-04-01T00:01:00Z", "no_worker", "3 s after it was due"),
    (
        "billing@2026-04-01T02:01",
        "2026-04-02T00:00:00Z",
        "not_an_occurrence",
        "is not an occurrence: At 02:00 on the 1st",
    ),
    ("billing@2026-02-01T02:00", "2026-04-02T00:00:00Z", "before_registration", "registered at 2026-03-01 12:00:00Z"),
    ("billing@2026-05-01T02:00", "2026-04-02T00:00:00Z", "ahead", "it lies ahead: due in 29 d"),
    ("nightly@2026-03-20T02:30", "2026-03-27T00:00:00Z", "undecided", "no call for this schedule was ever seen"),
    ("nightly@2026-03-20T02:30", "2026-03-20T01:30:05Z", "undecided", "nobody has called yet"),
    ("nightly@2026-03-20T02:30", "2026-04-03T00:00:00Z", "undecided", "other calls came since"),
    ("nightly@2026-03-29T02:30", "2026-03-30T00:00:00Z", "undecided", "02:30 does not exist on that day"),
    ("nightly@2026-10-25T02:30", "2026-03-30T00:00:00Z", "ahead", "02:30 comes twice on that day"),
    (
        "nightly@2026-10-25T02:30+01:00",
        "2026-03-30T00:00:00Z",
        "not_an_occurrence",
        "the nearest before: Sun 2026-10-25",
    ),
    ("billing@2026-05-01T02:00", "2026-05-20T00:00:00Z", "undecided", "the last call came at 2026-04-01 00:00:03Z"),
    ("billing@2026-05-01T02:00", "2026-05-20T00:00:00Z", "undecided", "look at the scheduler"),
    ("billing@2026-05-01T02:00", "2026-05-20T00:00:00Z", "undecided", "a call now would decide it: "),
]


@pytest.mark.parametrize(("question", "now", "verdict", "said"), WHYS)
def test_why(purista, called, question, now, verdict, said):
    plain = purista("why", question, "--ledger", "shop.db", now=now)
    assert (plain.code, plain.err) == (0, "")
    assert said in plain.out
    document = purista("why", question, "--ledger", "shop.db", "--json", now=now).json
    assert document["verdict"] == verdict
    assert document["sentence"] in plain.out
    assert set(document) == {
        "key", "scheduledAt", "timezone", "now", "verdict", "sentence", "facts", "advice", "occurrences", "workers",
        "recentCalls",
    }  # fmt: skip


def test_why_nobody_works_on_it_as_people_read_it(purista, called):
    out = purista("why", "billing@2026-04-01T02:00", "--ledger", "shop.db", now="2026-04-01T00:01:00Z").out
    assert out == (
        "shop/1/billing at Wed 2026-04-01 02:00:00 +02:00 (2026-04-01 00:00:00Z)\n"
        "it was published, but no worker has been seen for billing.run\n"
        "  - decided at 2026-04-01 00:00:03Z on a call from cron, 3 s after it was due\n"
        "  - billing.run: pending\n"
        "  - no worker has been seen for billing.run\n"
        "→ start one: purista worker\n"
    )


def test_why_it_ran(purista, worked):
    result = purista("why", "billing@2026-04-01T02:00", "--ledger", "shop.db", now="2026-04-01T06:00:00Z")
    lines = result.out.splitlines()
    assert lines[1] == "it ran and finished"
    assert any(line.startswith("  - billing.run: finished at 2026-04-01 00:00:") for line in lines)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("nightly", "KEY@TIME"), ("nightly@", "KEY@TIME"), ("@2026-01-01", "KEY@TIME"),
        ("nigtly@2026-01-01", "write shop/1/nightly"), ("nightly@soon", "expected a time"),
        ("nightly@1900-01-01", "expected a time from 1970"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_read(purista, called, question, said):
    result = purista("why", question, "--ledger", "shop.db")
    assert (result.code, result.out) == (64, "")
    assert said in result.err


def test_run_now_and_again(purista, called):
    first = purista("run", "nightly", "--request", "r-1", "--ledger", "shop.db", now="2026-04-02T12:00:00Z")
    assert first.code == 0
    assert first.out == (
        "shop/1/nightly: published (run now)\n"
        "see it: purista why shop/1/nightly@2026-04-02T12:00:00.000Z\n"
        "the same again is a duplicate: --request r-1\n"
    )
    again = purista("run", "nightly", "--request", "r-1", "--ledger", "shop.db", "--json", now="2026-04-02T12:00:01Z")
    assert (again.code, again.json["answer"], again.json["occurrence"]) == (0, "duplicate", None)
    why = purista("why", "nightly@2026-04-02T12:00:00Z", "--ledger", "shop.db", now="2026-04-02T12:00:02Z")
    assert "as a manual one, request r-1" in why.out
    history = purista("history", "nightly", "--ledger", "shop.db", "--json").json
    assert [row["class"] for row in history["occurrences"]].count("manual") == 1


def test_run_obeys_overlap_unless_forced(purista, called):
    ledger = ["--ledger", "shop.db"]
    refused = purista("run", "billing", *ledger, now="2026-04-01T00:02:00Z")
    assert refused.code == 77
    assert "skipped_overlap (forbid: a run is open (" in refused.out
    assert "--force" in refused.out
    forced = purista("run", "billing", "--force", "--json", *ledger, now="2026-04-01T00:02:01Z")
    assert (forced.code, forced.json["occurrence"]["decision"]) == (0, "published")
    assert forced.json["request"]


def test_a_request_id_is_made_up_and_shown(purista, called):
    out = purista("run", "nightly", "--ledger", "shop.db", now="2026-04-02T12:00:00Z").out
    assert len(out.splitlines()[-1].rpartition(" ")[2]) >= 16


def test_how_long_a_run_took():
    row = OccurrenceRow(0, "id", NIGHTLY, Decision.PUBLISHED, "due", "", 1, 0, "cron")
    assert took(LedgerRun(row), 1000) == ""
