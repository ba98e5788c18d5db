"""Nothing can be injected: every name and argument is refused, or reaches the command byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from purista.errors import DeclarationError
from purista.recurrence import Cron
from purista.schedulers.base import Owner, Severity
from purista.schedulers.cron.dialect import CronDialect, file_name
from purista.schedulers.cron.place import Place
from purista.schedulers.cron.text import parse, quote
from tests.schedulers.test_cover import NOW, OWNER, schedule

NASTY = [
    "%", "100%", r"\%", r"a\b", "a b", "a'b", 'a"b', "'; touch /tmp/x; '", "$(touch /tmp/x)", "`id`", "$HOME", "a;b", "a&&b",
    "a|b", "a>b", "#x", "!x", "*", "?", "[a]", "~", "--sweep", "-x", "{a,b}", "ünïcödé", "日本", "a\\", "''", "%%%", "=",
]  # fmt: skip
REFUSED = ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "\n* * * * * root id"]
DUMP = "import json, sys; print(json.dumps(sys.argv[1:]))"


def as_cron_runs_it(command: str) -> str:
    r"""cron turns ``\%`` into ``%`` and ends the command at a bare ``%``."""
    assert "%" not in command.replace(r"\%", "")
    return command.replace(r"\%", "%")


@pytest.mark.parametrize("text", NASTY)
def test_names_reach_the_command_byte_for_byte(text: str, tmp_path: Path) -> None:
    place = Place("UTC", "root", (sys.executable, "-c", DUMP, text), f"/var/{text}/p.db", NOW, single_host=True)
    owner = Owner(text, text, "0123456789abcdef")
    dialect = CronDialect(place)
    compiled = dialect.compile(owner, [schedule(Cron("0 5 * * *"), "UTC", text)])
    ((name, file),) = dialect.render(owner, compiled).items()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    job = parse(file).jobs[0]
    assert job.fields == "0 5 * * *"
    found = subprocess.run(
        ["/bin/sh", "-c", as_cron_runs_it(job.command)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    expected = [text, "trigger", "--ledger", f"/var/{text}/p.db", "--scheduler", "cron", "--", f"user/1/{text}"]
    assert json.loads(found.stdout) == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_quoting_makes_safe_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="control characters"):
        quote(text)
    for place in (
        Place("UTC", "root", ("purista",), f"/var/{text}", NOW, single_host=True),
        Place("UTC", "root", ("purista", text), "/var/p.db", NOW, single_host=True),
        Place("UTC", text, ("purista",), "/var/p.db", NOW, single_host=True),
    ):
        compiled = CronDialect(place).compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])
        assert compiled.entries == ()
        assert [f.severity for f in compiled.findings] == [Severity.REFUSED]
    compiled = CronDialect(Place("UTC", "root", ("purista",), "/p.db", NOW, single_host=True)).compile(
        OWNER, [schedule(Cron("0 5 * * *"), "UTC", text), schedule(Cron("0 6 * * *"), "UTC", "good")]
    )
    assert not any(text in entry.body for entry in compiled.entries)
    assert [f.severity for f in compiled.findings if f.key.endswith(text) or not f.key] == [Severity.REFUSED]


@pytest.mark.parametrize("user", ["", "root x", "root;", "-root", "a" * 40, "r%", "*"])
def test_the_user_column_takes_user_names_only(user: str) -> None:
    place = Place("UTC", user, ("purista",), "/p.db", NOW, single_host=True)
    compiled = CronDialect(place).compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])
    assert compiled.entries == ()


def test_owners_that_look_alike_have_files_of_their_own() -> None:
    names = {file_name(Owner(service, "prod", "x")) for service in ("a b", "a-b", "a.b", "a/b", "A-b")}
    assert len(names) == 5


def test_many_keys_go_over_several_lines_and_one_too_long_is_refused() -> None:
    place = Place("UTC", "root", ("purista",), "/p.db", NOW, single_host=True)
    many = [schedule(Cron("0 5 * * *"), "UTC", f"schedule-number-{n:04d}-ü") for n in range(200)]
    compiled = CronDialect(place).compile(OWNER, [*many, schedule(Cron("0 5 * * *"), "UTC", "x" * 1_000)])
    lines = [e.body.splitlines()[1] for e in compiled.entries]
    assert all(len(line.split(" ", 6)[6].encode()) <= 998 for line in lines)
    assert sum(len(e.keys) for e in compiled.entries) == 200
    assert [f.code for f in compiled.findings] == ["C108"]
