"""The command as other programs see it: exit codes, pipes, versions, help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from purista import __version__
from purista.cli.commands import run
from purista.cli.main import main
from purista.ledgers.base import Decision


def purista(home, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "purista", *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **options,
    )


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"purista {__version__}\n"


def test_help_names_every_command_and_has_no_boxes_in_a_pipe(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in (
        "check",
        "next",
        "explain",
        "manifest",
        "export",
        "apply",
        "trigger",
        "worker",
        "dev",
        "run",
        "history",
        "why",
    ):
        assert f"\n  {name} " in out
    assert "─" not in out
    assert "\x1b" not in out


@pytest.mark.parametrize("command", ["check", "next", "explain", "manifest", "run", "history", "why", "worker", "dev"])
def test_every_command_takes_json_and_help(capsys, command):
    assert run([command, "-h"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["export", "cron"], ["apply", "cron"]])
def test_so_do_those_of_schedulers(capsys, command):
    assert run([*command, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


def test_trigger_is_forwarded(home, capsys):
    assert main(["trigger", "a/1/b", "--ledger", "none.db"]) == 69
    assert run(["trigger", "a/1/b", "--ledger", "none.db"]) == 69
    assert capsys.readouterr().err.count("expected a ledger at none.db") == 2


def test_exit_codes_reach_the_shell(home):
    assert purista(home, "check", "--strict").returncode == 1
    assert purista(home, "next", "zzz").returncode == 64
    missing = purista(home, "history", "--ledger", "none.db")
    assert (missing.returncode, missing.stdout) == (69, "")
    assert missing.stderr.startswith("purista: expected a ledger at none.db")
    (home / "pyproject.toml").unlink()
    assert purista(home, "check").returncode == 78


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_has_enough_is_no_error_to_look_at(home):
    script = f"set -o pipefail; {sys.executable} -m purista next nightly -n 10000 | head -n 1"
    found = subprocess.run(["bash", "-c", script], cwd=home, capture_output=True, text=True, timeout=30, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (141, "shop/1/nightly (Europe/Berlin)\n", "")


def test_a_terminal_that_cannot_show_a_sign_is_no_reason_to_fail(home):
    text = (home / "shopapp.py").read_text()
    (home / "shopapp.py").write_text(text.replace("Tidies up", "Räumt auf 請求"))
    found = purista(home, "explain", "nightly", env={"PYTHONIOENCODING": "ascii", "PATH": ""})
    assert (found.returncode, found.stderr) == (0, "")
    assert "R\\xe4umt auf \\u8acb\\u6c42" in found.stdout


def test_mistakes_of_ours_are_70_and_shown_whole(purista_home, monkeypatch, capsys):
    monkeypatch.setattr("purista.cli.find.Session.load", lambda *_: 1 / 0)
    assert run(["check"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.fixture
def purista_home(home):
    return home


def test_the_documentation_knows_every_code_and_verdict():
    import re

    from purista.cli import exits, verdicts

    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == codes
    said = set(re.findall(r'Why\(\s*"(\w+)"', Path(verdicts.__file__).read_text()))
    said |= {verdict for verdict, _ in verdicts._RUNS.values()} | {str(d) for d in Decision} | {"published"}
    listed = set(re.findall(r"`(\w+)`", text[text.index("| verdict |") : text.index("A wall time that")]))
    assert listed == said
