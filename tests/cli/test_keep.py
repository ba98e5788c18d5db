"""Dead letters, retention, copies of the ledger, monitors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from purista.schedulers.base import Call

BILLING = "shop/1/billing"


@pytest.fixture
def failed(live: Callable[..., None], home: Path) -> None:
    """A run whose job failed as often as it may."""

    async def act(bridge: Any, clock: Any) -> None:
        clock.jump(clock.now() + 31 * 86_400_000)
        await bridge.gateway.trigger(Call(BILLING))

        def bury(connection: Any) -> None:
            connection.execute(
                "UPDATE mail SET state = 'dead', reason = 'no money', done_at = ?, attempts = 10", (clock.now(),)
            )

        await bridge.file.write(bury)

    live(act)


def test_dead_letters_are_listed_shown_and_brought_back(purista, failed):
    listed = purista("dead", "list")
    assert listed.code == 0
    assert "queue:billing.run" in listed.out
    assert "no money" in listed.out
    (letter,) = purista("dead", "list", "queue:billing.run", "--json").json["dead"]
    shown = purista("dead", "show", letter["id"][:8], "--json").json
    assert json.loads(shown["message"])["queueName"] == "billing.run"
    assert purista("dead", "list", "queue:other").out == "no dead letters\n"
    assert purista("dead", "requeue", letter["id"][:8]).out == "1 brought back\n"
    assert purista("dead", "requeue", "--all").out == "0 brought back\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("dead", "requeue"), "got neither"),
        (("dead", "show", "nothing"), "which is none"),
        (("ledger", "purge"), "--payloads"),
    ],
)
def test_what_is_missing_is_said(purista, failed, arguments, words):
    result = purista(*arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err


def test_payloads_go_before_records(purista, failed):
    asked = ("history", "billing", "--json")
    later = "2026-08-01T00:00:00Z"
    live_run = purista("ledger", "purge", "--payloads", "30", now=later)
    assert live_run.out == "forgot 0 payloads and 0 records\n", "an open run keeps everything"
    wrong = purista("ledger", "purge", "--payloads", "60", "--records", "30")
    assert wrong.code == 64
    assert len(purista(*asked).json["occurrences"]) == 1


def test_old_records_are_forgotten(purista, live):
    async def act(bridge: Any, clock: Any) -> None:
        for _ in range(5):
            clock.jump(clock.now() + 86_400_000)
            await bridge.gateway.trigger(Call("shop/1/nightly"))

    live(act)
    assert purista("ledger", "purge", "--records", "0", "--json", now="2026-03-04T12:00:00Z").json == {
        "payloads": 0, "records": 2,
    }  # fmt: skip
    assert len(purista("history", "nightly", "--json").json["occurrences"]) == 3


def test_a_copy_comes_back_with_another_epoch(purista, live, home):
    """Trap: a restored store runs again what ran in the life it lost, or forgets that anything is missing."""

    async def call(bridge: Any, clock: Any) -> None:
        clock.jump(clock.now() + 86_400_000)
        await bridge.gateway.trigger(Call("shop/1/nightly"))

    live(call)
    copied = purista("ledger", "backup", "copy.db")
    assert copied.code == 0, copied.err
    assert purista("ledger", "backup", "copy.db").code == 69, "never over another file"
    live(call, start="2026-03-02T12:00:00Z")
    live(call, start="2026-03-03T12:00:00Z")
    assert len(purista("history", "nightly", "--json").json["occurrences"]) == 3
    back = purista("ledger", "restore", "copy.db", now="2026-03-05T12:00:00Z")
    assert back.code == 0, back.err
    assert "recover --since" in back.out
    assert any(".before-" in path.name for path in home.iterdir())
    assert len(purista("history", "nightly", "--json").json["occurrences"]) == 1
    asked = purista("recover", "--json", now="2026-03-05T12:10:00Z")
    assert asked.code == 1
    assert "restored" in asked.json["waiting"][0]["asks"]
    done = purista("recover", "--since", "2026-03-05T00:00Z", "--json", now="2026-03-05T12:10:00Z")
    assert (done.code, done.json["decided"]) == (0, 3)
    decisions = [o["decision"] for o in purista("history", "nightly", "--json").json["occurrences"]]
    assert decisions == ["late", "missed", "missed", "late"]


def test_only_a_ledger_is_put_in_the_place_of_a_ledger(purista, failed, home):
    (home / "text.db").write_text("not a database at all")
    before = (home / "shop.db").read_bytes()
    for copy in ("text.db", "missing.db"):
        assert purista("ledger", "restore", copy).code == 69
        assert (home / "shop.db").read_bytes() == before
    assert not list(home.glob("*.part"))


def test_prometheus_rules_are_of_one_environment(purista, failed):
    """Trap: staging heartbeats mask production (web3.storage#1901)."""
    (group,) = json.loads(purista("monitors", "prometheus").out)["groups"]
    assert group["name"] == "purista default"
    assert group["rules"][0]["expr"] == 'purista_overdue_seconds{environment="default"} > 300'
    watched = [rule["labels"]["schedule"] for rule in group["rules"][1:]]
    assert watched == ["shop/1/billing", "shop/1/nightly"]


def test_healthchecks_have_the_rule_and_its_zone(purista, failed):
    checks = json.loads(purista("monitors", "healthchecks").out)["checks"]
    assert [(c["slug"], c["schedule"], c["tz"]) for c in checks] == [
        ("default-shop-1-billing", "0 2 1 * *", "Europe/Berlin"),
        ("default-shop-1-nightly", "30 2 * * *", "Europe/Berlin"),
    ]  # fmt: skip
    assert all(c["grace"] >= 60 for c in checks)
    purista("pause", "nightly", "--reason", "x")
    assert len(json.loads(purista("monitors", "healthchecks").out)["checks"]) == 1
    assert purista("monitors", "pager").code == 64
