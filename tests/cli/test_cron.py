"""`export cron` and `apply cron`: into a folder of the test, never the machine's."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cron is Linux only")


@pytest.fixture
def folder(home):
    folder = home / "cron.d"
    folder.mkdir()
    return folder


APPLY = ("apply", "cron", "--directory", "cron.d", "--host-zone", "Europe/Berlin")


def lines(text: str) -> list[str]:
    """Fields and keys of the lines that call."""
    found = [line for line in text.splitlines() if line and line[0] in "0123456789*"]
    return [
        f"{' '.join(line.split()[:5])} {line.rpartition(' -- ')[2] if ' -- ' in line else 'sweep'}" for line in found
    ]


def test_export_prints_the_file_and_findings_apart(purista, home):
    result = purista("export", "cron", "--host-zone", "Europe/Berlin")
    assert result.code == 0
    assert [line for line in lines(result.out) if "sweep" not in line] == [
        "0 2 1 * * shop/1/billing",
        "30 2 * * * shop/1/nightly",
    ]
    assert f"--ledger {home / 'shop.db'} " in result.out
    assert "purista: warning C110: " in result.err
    assert "there is no ledger at" in result.err
    assert not (home / "shop.db").exists()


def test_another_host_zone_makes_other_lines(purista):
    berlin, utc = (purista("export", "cron", "--host-zone", zone) for zone in ("Europe/Berlin", "UTC"))
    assert lines(berlin.out) != lines(utc.out)
    assert "info C106 shop/1/nightly: " in utc.err
    wrong = purista("export", "cron", "--host-zone", "Europe/Belin")
    assert (wrong.code, wrong.out) == (64, "")
    assert "Europe/Berlin" in wrong.err


def test_export_into_a_folder(purista, home):
    result = purista("export", "cron", "-o", "out/cron.d", "--host-zone", "UTC")
    (path,) = (home / "out" / "cron.d").iterdir()
    assert result.out == f"{path.name} written to out/cron.d\n"
    assert path.read_text() == purista("export", "cron", "--host-zone", "UTC").out
    (home / "file").touch()
    blocked = purista("export", "cron", "-o", "file/cron.d")
    assert (blocked.code, blocked.out) == (73, "")


def test_export_as_json(purista):
    document = purista("export", "cron", "--json", "--host-zone", "UTC").json
    assert set(document) == {"directory", "files", "findings"}
    assert [set(file) for file in document["files"]] == [{"name", "text"}]
    assert all(set(finding) == {"code", "severity", "key", "message"} for finding in document["findings"])


def test_what_cron_cannot_carry_is_no_success(purista, home):
    text = (home / "shopapp.py").read_text()
    tick = 'shop.schedule("tick", Interval(timedelta(seconds=2)), enqueue="billing.run", payload={})\napp = App('
    (home / "shopapp.py").write_text(text.replace("app = App(", tick))
    result = purista("export", "cron", "--host-zone", "UTC")
    assert result.code == 1
    assert "refused C103 shop/1/tick: " in result.err


def test_a_dry_run_writes_nothing_at_all(purista, home, folder):
    result = purista(*APPLY, "--dry-run")
    assert result.code == 0
    assert result.out == (
        "ACT     SCHEDULE        WHY\n"
        "create  shop/1/billing  new\n"
        "create  shop/1/nightly  new\n"
        "shop: cron entries would be 4 created, 0 updated, 0 deleted, 0 unchanged\n"
        "nothing was written (--dry-run)\n"
    )
    assert list(folder.iterdir()) == []
    assert not (home / "shop.db").exists()


def test_apply_registers_and_writes_and_the_second_time_changes_nothing(purista, home, folder, capsys):
    first = purista(*APPLY)
    assert first.code == 0
    assert "shop/1: cron entries 4 created, 0 updated, 0 deleted, 0 unchanged" in first.out
    (path,) = folder.iterdir()
    text = path.read_text()
    again = purista(*APPLY, "--json").json
    assert again["dryRun"] is False
    (service,) = again["services"]
    assert service["entries"] == {"created": 0, "updated": 0, "deleted": 0, "unchanged": 4}
    assert [s["act"] for s in service["schedules"]] == ["unchanged", "unchanged"]
    assert path.read_text() == text
    assert purista("history", "nightly", "--ledger", "shop.db").code == 0  # registered, without anything decided


def test_a_change_is_shown_before_it_is_made(purista, home, folder, monkeypatch):
    assert purista(*APPLY, "--ledger", "other.db").code == 0
    text = (home / "shopapp.py").read_text().replace("30 2 * * *", "45 5 * * *")
    (home / "shopapp.py").write_text(
        text[: text.index('shop.schedule(\n    "billing"')] + text[text.index('shop.schedule(\n    "nightly"') :]
    )
    monkeypatch.delitem(sys.modules, "shopapp")
    options = [*APPLY[2:], "--ledger", "other.db"]
    dry = purista("apply", "cron", "--dry-run", *options)
    assert dry.out.splitlines()[1:3] == [
        "change  shop/1/nightly  other contract",
        "remove  shop/1/billing  no longer declared",
    ]
    real = purista("apply", "cron", *options)
    assert real.out.splitlines()[1:3] == dry.out.splitlines()[1:3]
    assert dry.out.splitlines()[3].split("would be ")[1] == real.out.splitlines()[3].split("entries ")[1]


def test_a_folder_that_is_not_there(purista, home):
    """Nothing is registered then: not even the ledger's file is made."""
    for scheduler in ("cron", "systemd"):
        for more in ([], ["--dry-run"]):
            result = purista("apply", scheduler, "--directory", "nowhere", *more)
            assert (result.code, result.out) == (73, "")
            assert "expected a folder nowhere, found none; make it: mkdir nowhere" in result.err
    assert not (home / "shop.db").exists()


BROKERED = """
from purista import AmqpBridge, CronScheduler
bridge = AmqpBridge("amqp://guest@127.0.0.1:1/x", ledger="kept.db", registration="off"{scheduler})
app = App(services=[shop], bridge=bridge)
"""


def brokered(home, scheduler):
    text = (home / "shopapp.py").read_text()
    given = scheduler and f", scheduler={scheduler}"
    mine = BROKERED.replace("{scheduler}", given)
    (home / "shopapp.py").write_text(text.replace('app = App(services=[shop], ledger="shop.db")', mine))


def test_over_a_broker_lines_call_the_gateway_of_the_apps_own_cron(purista, home, folder):
    """No broker is asked, and export asks no ledger either."""
    brokered(home, 'CronScheduler("cron.d", gateway="https://gw.example", secret="file:/s", host_zone="Europe/Berlin")')
    result = purista("export", "cron")
    assert result.code == 0, result.err
    assert "trigger --gateway https://gw.example --secret file:/s --scheduler cron -- shop/1/billing" in result.out
    assert "--ledger" not in result.out
    assert not (home / "kept.db").exists()
    result = purista("apply", "cron")
    assert result.code == 0, result.err
    assert "create  shop/1/billing  new" in result.out
    (file,) = folder.glob("purista-*")
    assert "--gateway https://gw.example" in file.read_text()
    (home / "elsewhere").mkdir()
    assert purista("apply", "cron", "--directory", "elsewhere", "--host-zone", "UTC").code == 0
    assert list((home / "elsewhere").glob("purista-*"))
    assert "purista plan" in purista("apply", "cron", "--dry-run").err


@pytest.mark.parametrize(
    ("scheduler", "code", "why"),
    [
        ("", 78, "got one over a broker with no scheduler; write scheduler=CronScheduler(gateway="),
        ("CronScheduler()", 73, "expected CronScheduler(gateway='https://…'"),
    ],
)
def test_over_a_broker_a_cron_without_a_gateway_says_what_to_write(purista, home, scheduler, code, why):
    brokered(home, scheduler)
    for command in ("export", "apply"):
        result = purista(command, "cron")
        assert (result.code, result.out) == (code, "")
        assert why in result.err
    assert not (home / "kept.db").exists()


def test_drift_over_a_broker_without_a_scheduler_has_nothing_to_compare(purista, home):
    brokered(home, "")
    result = purista("drift")
    assert (result.code, result.out) == (78, "")
    assert "nothing to compare: this app's bridge has no scheduler" in result.err


def test_a_volatile_app_cannot_be_called_by_cron(purista, home):
    text = (home / "shopapp.py").read_text()
    volatile = "from purista import DefaultEventBridge\napp = App(services=[shop], bridge=DefaultEventBridge())"
    (home / "shopapp.py").write_text(text.replace('app = App(services=[shop], ledger="shop.db")', volatile))
    result = purista("export", "cron")
    assert (result.code, result.out) == (78, "")
    assert "--ledger purista.db" in result.err
    assert purista("export", "cron", "--ledger", "given.db", "--host-zone", "UTC").code == 0


def test_the_apps_own_cron_is_taken(purista, home, folder):
    text = (home / "shopapp.py").read_text()
    own = (
        "from purista import CronScheduler\n"
        'cron = CronScheduler("cron.d", user="deploy", single_host=True, host_zone="UTC")\n'
        'app = App(services=[shop], ledger="shop.db", scheduler=cron)'
    )
    (home / "shopapp.py").write_text(text.replace('app = App(services=[shop], ledger="shop.db")', own))
    result = purista("apply", "cron")
    assert result.code == 0
    assert "C110" not in result.err
    (path,) = folder.iterdir()
    assert " deploy " in path.read_text()
