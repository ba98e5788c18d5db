"""plan, drift, diff, status, pause, resume, recover, overdue, backfill: as a person uses them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from purista.schedulers.base import Call

NIGHTLY = "shop/1/nightly"
linux = pytest.mark.skipif(sys.platform != "linux", reason="cron is Linux only")


@pytest.fixture
def edit(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A deploy: the app's file changes."""

    def edit(before: str, after: str) -> None:
        path = home / "shopapp.py"
        text = path.read_text("utf-8")
        assert before in text
        path.write_text(text.replace(before, after), "utf-8")
        monkeypatch.delitem(sys.modules, "shopapp", raising=False)

    return edit


@pytest.fixture
def registered(live: Callable[..., None]) -> None:
    async def nothing(*_: object) -> None:
        return None

    live(nothing)


@pytest.fixture
def with_cron(edit: Any, home: Path) -> None:
    (home / "cron.d").mkdir()
    edit("from purista import App", "from purista import CronScheduler, App")
    edit('ledger="shop.db"', 'ledger="shop.db", scheduler=CronScheduler("cron.d", host_zone="Europe/Berlin")')


def test_a_plan_without_a_ledger_creates_all_and_writes_nothing(purista, home):
    result = purista("plan", "--json")
    assert result.code == 0, result.err
    (service,) = result.json["services"]
    assert [(s["act"], s["key"]) for s in service["schedules"]] == [
        ("create", "shop/1/billing"), ("create", NIGHTLY),
    ]  # fmt: skip
    assert service["entries"] is None
    assert not (home / "shop.db").exists()
    assert purista("plan", "--exit-code").code == 1


def test_a_plan_of_what_is_there_is_empty(purista, registered):
    result = purista("plan", "--exit-code")
    assert (result.code, result.out) == (0, "nothing to do: 2 schedules are as they shall be\n")


def test_a_plan_names_the_instants_that_an_edit_moves(purista, registered, edit):
    """Trap: no preview before deploy (sst#5119, chalice#1076)."""
    edit("30 2 * * *", "30 23 * * *")
    result = purista("plan")
    assert result.code == 0
    assert "change  shop/1/nightly  other contract" in result.out
    assert "shop/1/nightly: 1 appear, 29 move in the next 30 days" in result.out
    assert "fires again today: it was due at 02:30 CET and is due at 23:30 CET" in result.out
    moves = purista("plan", "--json").json["services"][0]["schedules"][1]["moves"]
    assert moves["moving"][0] == {"from": "2026-03-28T01:30:00.000Z", "to": "2026-03-28T22:30:00.000Z"}


def test_a_plan_says_when_an_edit_touches_no_instant(purista, registered, edit):
    edit('missed_run_policy="skip"', 'missed_run_policy="runOnce"')
    document = purista("plan", "--json").json["services"][0]["schedules"][1]
    assert (document["act"], "moves" in document) == ("change", False)


def test_a_plan_shows_what_goes(purista, registered, edit):
    edit('shop.schedule(\n    "nightly"', 'dict(\n    name="nightly", cron=1, **{}) if True else print(\n    "nightly"')
    result = purista("plan")
    assert "remove  shop/1/nightly  no longer declared" in result.out


@linux
def test_drift_both_ways(purista, home, with_cron):
    assert "is missing" in purista("plan").out
    assert purista("apply", "cron", "--directory", "cron.d").code == 0
    clean = purista("drift")
    assert clean.code == 0, clean.out
    assert clean.out.startswith("no drift: ")
    (path,) = (home / "cron.d").iterdir()
    path.write_text(path.read_text().replace("\n30 2 * * *", "\n31 2 * * *"))
    found = purista("drift")
    assert found.code == 1
    assert "differs" in found.out
    path.unlink()
    assert set(purista("drift", "--json").json["services"]["shop"]["missing"]) >= {"sweep"}


def test_drift_needs_a_scheduler(purista, registered):
    result = purista("drift")
    assert (result.code, result.out) == (73, "")
    assert "expected a scheduler" in result.err
    assert purista("plan", "--scheduler", "crom").code == 64


def test_diff_by_meaning(purista, home, edit):
    assert purista("manifest", "-o", "old.json").code == 0
    edit("30 2 * * *", "  30  2 * * *".strip().replace("  ", " "))
    edit('"nightly"', '"tidy", renamed_from=["nightly"]') if False else edit("Tidies up", "Tidies")
    purista("manifest", "-o", "same.json")
    assert purista("diff", "old.json", "same.json").out == "the same contracts\n"
    edit("0 2 1 * *", "0 3 1 * *")
    purista("manifest", "-o", "new.json")
    result = purista("diff", "old.json", "new.json")
    assert result.code == 1
    assert "change  shop/1/billing  expression" in result.out
    assert "1 move in the next 30 days" in result.out
    assert purista("diff", "old.json", "missing.json").code == 78


def test_status_of_every_schedule(purista, live):
    async def call(bridge, clock):
        clock.jump(clock.now() + 86_400_000)
        await bridge.gateway.trigger(Call(NIGHTLY))

    live(call, start="2026-03-26T12:00:00Z")
    result = purista("status", "--json")
    billing, nightly = result.json["schedules"]
    assert billing["last"] is None
    assert billing["next"] == "2026-04-01T00:00:00.000Z"
    assert nightly["last"]["scheduledAt"] == "2026-03-27T01:30:00.000Z"
    assert (nightly["behindMs"], nightly["paused"]) == (0, None)
    text = purista("status", now="2026-03-28T12:00:00Z").out
    assert "shop/1/nightly  1 d 10 h ago  late" in text
    assert "10 h 30 min" in text, "how far behind"


def test_a_pause_is_shown_and_survives_a_deploy(purista, registered, live):
    """Trap: pause is lost on redeploy (prefect#19302)."""
    paused = purista("pause", "nightly", "--reason", "database moves", "--by", "ann")
    assert paused.code == 0
    assert "paused by ann until it is resumed: database moves" in paused.out

    async def nothing(*_: object) -> None:
        return None

    live(nothing, start="2026-03-27T13:00:00Z")
    assert "by ann: database moves" in purista("status").out
    resumed = purista("resume", "nightly", "--by", "bob", "--json")
    assert resumed.json["wasPaused"] is True
    assert purista("resume", "nightly").out == "shop/1/nightly: it was not paused\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pause", "nightly", "--reason", " "), "expected a reason"),
        (("pause", "nightly", "--reason", "x", "--until", "2020-01-01T00:00Z"), "expected a time to come"),
        (("pause", "nigtly", "--reason", "x"), "write shop/1/nightly"),
        (("resume", "nightly", "--catch-up", "some"), "expected none, once or all"),
        (("backfill", "nightly", "--from", "2030-01-01"), "expected --from before --to"),
        (("backfill", "nightly", "--from", "soon"), "--from"),
    ],
)
def test_what_cannot_be_asked_is_explained(purista, registered, arguments, words):
    result = purista(*arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err


def test_recover_decides_and_asks(purista, registered):
    asked = purista("recover", now="2026-03-27T12:00:00Z")
    assert asked.code == 1
    assert "asks for consent" in asked.out.lower()
    done = purista("recover", "--consent", now="2026-03-27T12:00:00Z")
    assert done.code == 0
    assert done.out.startswith("26 decided, 0 of them published")
    assert purista("recover", now="2026-03-27T12:00:00Z").out.startswith("0 decided")


def test_overdue_is_an_alarm(purista, registered):
    """Trap: it did not run leaves no trace (temporal#8087, oboapp#447)."""
    assert purista("overdue", now="2026-03-01T13:00:00Z").code == 0
    late = purista("overdue", now="2026-03-02T12:00:00Z")
    assert late.code == 1
    assert "shop/1/nightly  2026-03-02 01:30:00Z" in late.out
    assert purista("overdue", "--grace", "86400", now="2026-03-02T12:00:00Z").code == 0
    text = purista("overdue", "--metrics", now="2026-03-02T12:00:00Z").out
    assert 'purista_overdue_seconds{schedule="shop/1/nightly",environment="default"} 37800' in text
    assert 'schedule="shop/1/billing",environment="default"} 0' in text


def test_backfill_shows_then_fills_then_has_nothing_to_do(purista, registered):
    asked = ("backfill", "nightly", "--from", "2026-03-02T00:00Z", "--to", "2026-03-12T00:00Z", "--max", "6")
    dry = purista(*asked, "--dry-run")
    assert dry.code == 0
    assert "10 slots: 10 empty" in dry.out
    assert "4 are left" in dry.out
    first = purista(*asked, "--json")
    assert (first.json["published"], first.json["left"]) == (6, 4)
    assert purista(*asked, "--json").json["published"] == 4
    assert "nothing to fill" in purista(*asked).out
    classes = {o["class"] for o in purista("history", "nightly", "-n", "100", "--json").json["occurrences"]}
    assert classes == {"replay", "scheduled"}


def test_a_service_that_nobody_declares_is_pruned_by_name_and_its_entries_go(purista, with_cron, edit, home):
    """serverless#3102 and its kin: a service that was renamed as a whole leaves its schedules firing."""
    assert purista("apply", "cron").code == 0
    (shop,) = [path.name for path in (home / "cron.d").iterdir()]
    edit('ServiceBuilder("shop"', 'ServiceBuilder("store"')
    assert purista("apply", "cron").code == 0
    listed = purista("prune", "--json")
    assert listed.code == 0
    assert listed.json == {
        "undeclared": [{"service": "shop", "version": "1", "schedules": ["shop/1/billing", NIGHTLY]}]
    }
    assert len(list((home / "cron.d").iterdir())) == 2  # nothing goes unless it is named
    pruned = purista("prune", "shop/1")
    assert pruned.code == 0, pruned.err
    assert "remove" in pruned.out
    assert [path.name for path in (home / "cron.d").iterdir() if path.name == shop] == []
    assert purista("prune").out == "nothing to prune: this app declares every service version of the ledger\n"
    edit('ServiceBuilder("store"', 'ServiceBuilder("shop"')  # an old replica restarts: it brings nothing back
    assert "replaced once" in purista("plan").out
    assert purista("prune", "store/2").code == 1
    assert "declares" in purista("prune", "shop/1").err or "registered" in purista("prune", "shop/1").err


def test_a_pruned_slice_with_a_revision_stays_pruned_for_old_replicas(purista, registered, edit, monkeypatch):
    monkeypatch.setenv("PURISTA_REVISION", "7")
    assert purista("apply", "cron", "--directory", ".").code == 0
    edit('ServiceBuilder("shop"', 'ServiceBuilder("store"')
    assert purista("prune", "shop/1").code == 0
    edit('ServiceBuilder("store"', 'ServiceBuilder("shop"')
    assert "revision 7 is registered with other contracts" in purista("plan").out
