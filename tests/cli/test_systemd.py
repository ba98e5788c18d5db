"""`export systemd`, `apply systemd` and what plans and drift say of it: into a folder of the test, never the machine's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.schedulers.systemd.analyze import arguments, verify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux only")
APPLY = ("apply", "systemd", "--directory", "units")
OWN = (
    "from purista import SystemdScheduler\n"
    'own = SystemdScheduler("units", user="root", command=["/usr/bin/env", "purista"], single_host=True)\n'
    'app = App(services=[shop], ledger="shop.db", scheduler=own)'
)


@pytest.fixture
def folder(home):
    folder = home / "units"
    folder.mkdir()
    return folder


def calls(text: str) -> list[str]:
    """Calendar lines and keys."""
    found = [line.partition("=")[2] for line in text.splitlines() if line.startswith(("OnCalendar=", "Keys="))]
    return [line for line in found if line != "[]" and not line.startswith("*-*-* *")]


def own(home: Path) -> None:
    text = (home / "shopapp.py").read_text()
    (home / "shopapp.py").write_text(text.replace('app = App(services=[shop], ledger="shop.db")', OWN))


def test_export_prints_the_units_and_findings_apart(purista, home):
    result = purista("export", "systemd")
    assert result.code == 0
    assert calls(result.out) == [
        '["shop/1/billing"]', "*-*-01 02:00:00 Europe/Berlin", '["shop/1/billing"]', '["shop/1/nightly"]',
        "*-*-* 02:30:00 Europe/Berlin", "Sun *-03-25..31 01:00:00 UTC", "Sun *-10-25..31 00:30:00 UTC",
        '["shop/1/nightly"]',
    ]  # fmt: skip
    assert f"--ledger {home / 'shop.db'} --scheduler systemd -- shop/1/nightly\n" in result.out
    assert "purista: warning S110: " in result.err
    assert "info S106 shop/1/nightly: " in result.err
    assert "there is no ledger at" in result.err
    assert not (home / "shop.db").exists()


def test_units_of_a_user_name_no_user(purista):
    assert "\nUser=" in purista("export", "systemd").out
    assert "\nUser=" not in purista("export", "systemd", "--user").out


def test_export_into_a_folder(purista, home):
    result = purista("export", "systemd", "-o", "out", "--json")
    assert result.code == 0
    assert set(result.json) == {"directory", "files", "findings"}
    written = {path.name: path.read_text() for path in (home / "out").iterdir()}
    assert written == {file["name"]: file["text"] for file in result.json["files"]}
    assert len(written) == 8


def test_a_dry_run_writes_nothing_at_all(purista, home, folder):
    result = purista(*APPLY, "--dry-run")
    assert result.code == 0
    assert result.out == (
        "ACT     SCHEDULE        WHY\n"
        "create  shop/1/billing  new\n"
        "create  shop/1/nightly  new\n"
        "shop: systemd entries would be 4 created, 0 updated, 0 deleted, 0 unchanged\n"
        "nothing was written (--dry-run)\n"
    )
    assert "warning S206: " in result.err
    assert list(folder.iterdir()) == []


def test_apply_registers_and_writes_and_the_second_time_changes_nothing(purista, home, folder):
    first = purista(*APPLY)
    assert first.code == 0
    assert "shop/1: systemd entries 4 created, 0 updated, 0 deleted, 0 unchanged" in first.out
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = purista(*APPLY, "--json").json
    (service,) = again["services"]
    assert service["entries"] == {"created": 0, "updated": 0, "deleted": 0, "unchanged": 4}
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_machine_without_a_running_systemd_is_refused(purista, home):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here: its own folder is left alone")
    result = purista("apply", "systemd", "--dry-run")
    assert result.code == 1
    assert "refused S203: systemd is not running here (/run/systemd/system is missing)" in result.err
    result = purista("apply", "systemd")
    assert result.code != 0
    assert "S203" in result.err


def test_the_apps_own_systemd_is_taken_and_planned(purista, home, folder):
    own(home)
    assert "shop/1: systemd entries 4 created" in purista("apply", "systemd").out
    assert purista("drift").out == "no drift: 4 entries are as they shall be\n"
    assert purista("plan").out.endswith("nothing to do: 2 schedules are as they shall be\n")
    (path,) = folder.glob("*-02-30-*.timer")
    assert "User=root\n" in path.with_suffix(".service").read_text()
    path.write_text(path.read_text().replace("02:30", "05:30"))
    drifted = purista("drift")
    assert drifted.code == 1
    assert f"shop     {path.stem}  differs" in drifted.out
    assert f"{path.stem}  differs" in purista("plan").out
    assert "0 created, 1 updated" in purista("apply", "systemd").out
    assert purista("drift").code == 0


def test_a_scheduler_that_the_app_does_not_have_is_planned_by_name(purista, home):
    result = purista("plan", "--scheduler", "systemd")
    assert result.code in {0, 1}
    assert "-sweep " in result.out
    assert result.out.count("is missing") == 4
    wrong = purista("plan", "--scheduler", "launchd")
    assert wrong.code == 64
    assert "cron, systemd" in wrong.err


def test_every_unit_of_the_command_line_is_one_that_systemd_takes(purista, home, tmp_path):
    own(home)
    assert purista("apply", "systemd", "--directory", str(tmp_path)).code == 0
    files = {path.name: path.read_text() for path in tmp_path.glob("purista-*")}
    assert len(files) == 8
    said, _ = verify(files, tmp_path)
    assert said == ""


def test_what_systemd_would_start_decides(purista, home, folder):
    """The command lines as systemd reads them, started from /, as it does."""
    text = (home / "shopapp.py").read_text()
    there = OWN.replace('["/usr/bin/env", "purista"]', '["/usr/bin/env", "python3", "-m", "purista"]')
    there = there.replace('"/usr/bin/env", "python3"', f'"{sys.executable}"')
    (home / "shopapp.py").write_text(text.replace('app = App(services=[shop], ledger="shop.db")', there))
    assert purista("apply", "systemd", now="2024-01-01T00:00:00Z").code == 0
    said, read = verify({path.name: path.read_text() for path in folder.glob("purista-*")}, folder)
    assert said == ""
    answers = {}
    for name, unit in read.items():
        if name.endswith(".service"):
            words = [word.replace("$$", "$") for word in arguments(unit["Command Line"][0])]
            done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
            answers[name.rpartition("-")[0].rpartition("-")[2] if " -- " in " ".join(words) else words[-1]] = done
    assert {done.returncode for done in answers.values()} == {0}, answers
    assert {"--sweep", "--recover"} <= answers.keys()
    called = [done.stdout for key, done in answers.items() if not key.startswith("--")]
    assert all("shop/1/" in out and ": accepted (" in out for out in called), called
