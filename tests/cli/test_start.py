"""``init``, ``doctor``, ``check --sarif`` and the completion of shells."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from purista.cli import doctor as doctoring

ENTRY = "import sys; from purista.cli.main import main; sys.exit(main())"


def test_a_new_project_passes_its_own_test(purista, tmp_path):
    result = purista("init", "fresh", "--name", "My Project")
    assert result.code == 0, result.err
    project = tmp_path / "fresh"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PURISTA_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, env=environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    told = (project / "README.md").read_text()
    assert told.index("purista worker") < told.index("purista run"), "a run wants its worker, and a registered schedule"
    done = subprocess.run(
        [sys.executable, "-m", "purista", "check", "--strict"], cwd=project, env=environment, text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "1 schedule: 0 errors, 0 warnings, 0 infos\n"


def test_init_writes_over_nothing(purista, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "README.md").write_text("mine")
    result = purista("init", "old")
    assert result.code == 73
    assert "README.md" in result.err
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["README.md"]


@pytest.mark.parametrize("name", ["", "2nd", "class", "json", "app", "…"])
def test_init_wants_the_name_of_a_module(purista, name):
    result = purista("init", "fresh", "--name", name)
    assert result.code == 64
    assert "write --name" in result.err


def test_init_takes_the_name_of_its_folder(purista, tmp_path):
    assert purista("init", "my-jobs", "--json").json["name"] == "my_jobs"
    assert (tmp_path / "my-jobs" / "my_jobs.py").is_file()


# doctor


def test_doctor_looks_at_everything(purista):
    result = purista("doctor", "--json")
    found = {check["check"]: check for check in result.json["checks"]}
    assert set(found) >= {
        "python",
        "sqlite",
        "platform",
        "tz database",
        "zone",
        "cron",
        "systemd",
        "ledger",
        "clock",
        "disk",
    }
    assert {check["state"] for check in found.values()} <= {"ok", "warning", "failed", "unknown", "none"}
    assert result.json["ok"] is (result.code == 0)
    assert found["ledger"]["state"] == "none"


def test_doctor_knows_a_ledger(purista, live):
    live(lambda *_: _nothing())
    found = {check["check"]: check for check in purista("doctor", "--json").json["checks"]}
    assert found["ledger"]["state"] == "ok"
    assert "environment default" in found["ledger"]["found"]


async def _nothing() -> None:
    return None


def test_doctor_fails_for_a_ledger_that_is_none_or_anothers(purista, live, home, monkeypatch):
    (home / "odd.db").write_text("no database")
    assert purista("doctor", "--ledger", "odd.db").code == 1
    live(lambda *_: _nothing())
    monkeypatch.setenv("PURISTA_ENVIRONMENT", "production")
    result = purista("doctor")
    assert result.code == 1
    assert "PURISTA_ENVIRONMENT is production" in result.out
    monkeypatch.delenv("PURISTA_ENVIRONMENT")
    connection = sqlite3.connect(home / "shop.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "upgrade purista" in purista("doctor").out


def test_doctor_asks_services_that_are_configured_and_prints_no_password(purista, monkeypatch):
    monkeypatch.setenv("PURISTA_BRIDGE", "amqp://user:secret@127.0.0.1:1/")
    result = purista("doctor")
    assert result.code == 1
    assert "amqp at 127.0.0.1:1" in result.out
    assert "secret" not in result.out


def test_doctor_says_unknown_when_nobody_knows_about_the_clock(monkeypatch):
    monkeypatch.setattr(doctoring, "_which", lambda _: None)
    (finding,) = doctoring._clock()
    assert finding.state == "unknown"


@pytest.mark.parametrize(
    ("line", "state", "said"),
    [
        ("A29FC87B,host,3,1767225600,0.000012,0,0,0,0,0,0,0,0,Normal", "ok", "0.0 ms off"),
        ("A29FC87B,host,3,1767225600,-4.2,0,0,0,0,0,0,0,0,Normal", "warning", "4200.0 ms off"),
        ("00000000,,0,0,0.0,0,0,0,0,0,0,0,0,Not synchronised", "warning", "no source"),
    ],
)
def test_doctor_reads_chrony(monkeypatch, line, state, said):
    monkeypatch.setattr(doctoring, "_which", lambda name: name if name == "chronyc" else None)
    monkeypatch.setattr(doctoring, "_run", lambda *_: line)
    (finding,) = doctoring._clock()
    assert finding.state == state
    assert said in finding.found


def test_doctor_warns_when_zone_data_differ(monkeypatch):
    monkeypatch.setattr(doctoring, "_package_version", lambda: "2026a")
    monkeypatch.setattr(doctoring, "_system_version", lambda _: "2025b")
    monkeypatch.setattr(doctoring.zoneinfo, "TZPATH", (str(Path(__file__).parent),))
    (finding,) = doctoring._zones()
    assert (finding.state, finding.found) == ("ok", "package tzdata 2026a")
    system = next((p for p in ("/usr/share/zoneinfo",) if Path(p, "UTC").is_file()), None)
    if system is not None:
        monkeypatch.setattr(doctoring.zoneinfo, "TZPATH", (system,))
        (finding,) = doctoring._zones()
        assert finding.state == "warning"


# SARIF

SARIF = {
    "type": "object", "required": ["version", "runs"], "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool", "results"], "properties": {
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name", "rules"], "properties": {"rules": {"type": "array", "items": {
                        "type": "object", "required": ["id", "shortDescription"],
                        "properties": {"id": {"pattern": "^P1[0-9][0-9]$"}, "name": {"pattern": "^[A-Za-z0-9]+$"}},
                    }}},
                }}},
                "results": {"type": "array", "items": {
                    "type": "object", "required": ["ruleId", "message", "level", "locations"], "properties": {
                        "level": {"enum": ["none", "note", "warning", "error"]},
                        "message": {"type": "object", "required": ["text"]},
                        "ruleIndex": {"type": "integer", "minimum": 0},
                        "locations": {"type": "array", "items": {"type": "object", "properties": {"physicalLocation": {
                            "type": "object", "required": ["artifactLocation", "region"], "properties": {
                                "artifactLocation": {"type": "object", "required": ["uri"], "properties": {
                                    "uri": {"type": "string", "pattern": "^[^\\\\ ]+$"}}},
                                "region": {"type": "object", "required": ["startLine"], "properties": {
                                    "startLine": {"type": "integer", "minimum": 1}}},
                            },
                        }}}},
                    },
                }},
            },
        }},
    },
}  # fmt: skip


def test_sarif_is_sarif_and_points_at_the_declaration(purista, home):
    result = purista("check", "--sarif")
    assert result.code == purista("check").code == 0
    document = result.json
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    lines = (home / "shopapp.py").read_text().splitlines()
    by_rule = {found["ruleId"]: found for found in run["results"]}
    found = by_rule["P103"]
    assert rules[found["ruleIndex"]]["id"] == "P103"
    assert found["level"] == "warning"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "shopapp.py", "uriBaseId": "%SRCROOT%"}
    assert "shop.schedule(" in lines[place["region"]["startLine"] - 1]
    assert found["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "shop/1/nightly"}]


def test_sarif_fails_as_check_does(purista):
    assert purista("check", "--sarif", "--strict").code == 1


# Completion


def _complete(home: Path, shell: str, **environment: str) -> str:
    own = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")}
    done = subprocess.run(
        [sys.executable, "-c", ENTRY], cwd=home, env=own | {"_PURISTA_COMPLETE": f"complete_{shell}"} | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(home, shell):
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'purista'; " + ENTRY, "--show-completion", shell], cwd=home,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"_PURISTA_COMPLETE=complete_{shell}" in done.stdout


def test_commands_are_completed(home):
    assert _complete(home, "bash", COMP_WORDS="purista imp", COMP_CWORD="1").split() == ["import"]
    assert "crontab" in _complete(home, "zsh", _TYPER_COMPLETE_ARGS="purista import c")
    fish = _complete(home, "fish", _TYPER_COMPLETE_ARGS="purista doc", _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert fish.split()[0] == "doctor"


def test_keys_are_completed_from_the_ledger(home, live):
    assert _complete(home, "bash", COMP_WORDS="purista next ", COMP_CWORD="2").split() == []
    live(lambda *_: _nothing())
    keys = {"PURISTA_LEDGER": "shop.db"}
    both = _complete(home, "bash", COMP_WORDS="purista next ", COMP_CWORD="2", **keys).split()
    assert both == ["shop/1/billing", "shop/1/nightly"]
    assert _complete(home, "bash", COMP_WORDS="purista run shop/1/n", COMP_CWORD="2", **keys).split() == [
        "shop/1/nightly"
    ]
    assert _complete(home, "bash", COMP_WORDS="purista history bil", COMP_CWORD="2", **keys).split() == ["billing"]


def test_a_ledger_that_is_none_completes_nothing(home, monkeypatch):
    from purista.cli.complete import schedule_keys

    (home / "purista.db").write_text("no database")
    monkeypatch.chdir(home)
    assert schedule_keys("") == []
