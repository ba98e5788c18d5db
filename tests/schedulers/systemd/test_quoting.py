"""Nothing can be injected: every name and argument is refused, or systemd reads it byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from purista.errors import DeclarationError
from purista.recurrence import Cron
from purista.schedulers.base import Owner, Severity
from purista.schedulers.systemd.dialect import SystemdDialect, owner_prefix
from purista.schedulers.systemd.text import TITLE, executable, quote, read_mark, split
from tests.schedulers.systemd.analyze import arguments, verify
from tests.schedulers.systemd.world import OWNER, dialect, place
from tests.schedulers.test_cover import schedule
from tests.schedulers.test_quoting import NASTY as OF_THE_SHELL
from tests.schedulers.test_quoting import REFUSED

NASTY = [
    *OF_THE_SHELL, "%h", "%n", "%i", "%%", "100%%", "$$", "${HOME}", "$HOME/x", ";", "a ; b", r"\;", r"\x41", r"\n", r"\\",
    '"', "'", "a\\", 'a"', "[Service]", "[X-Purista]", "ExecStart=/bin/id", "a;ExecStart=/bin/id", "@x", ":x", "+x", "!x", "-",
    "=", " ", " lead", "trail ", "a  b", "\u00a0", "😀", "é", "%{", "$(", "Digest=x", TITLE.strip(),
]  # fmt: skip
PROGRAM = "/usr/bin/env"


def as_it_is_started(words: list[str]) -> list[str]:
    """systemd puts variables in when it starts a command; ``$$`` is a dollar sign, and there must be no other."""
    assert not any("$" in word.replace("$$", "") for word in words)
    return [word.replace("$$", "$") for word in words]


@pytest.mark.parametrize("text", NASTY)
def test_names_reach_the_command_byte_for_byte(text: str, tmp_path: Path) -> None:
    owner = Owner(text, text, "0123456789abcdef")
    there = SystemdDialect(place(command=(PROGRAM, text), ledger=f"/var/{text}/p.db"))
    files = dict(there.render(owner, there.compile(owner, [schedule(Cron("0 5 * * *"), "UTC", text)])))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+\.(service|timer)", name) and len(name) <= 255 for name in files)
    said, read = verify(files, tmp_path)
    assert said == ""
    expected = [PROGRAM, text, "trigger", "--ledger", f"/var/{text}/p.db", "--scheduler", "systemd"]
    (first, _, _) = [name for name in files if name.endswith(".service")]
    for name, body in files.items():
        mark = read_mark(body)
        assert mark is not None
        assert (mark.service, mark.environment) == (text, text)
        if name.endswith(".service"):
            (command,) = read[name]["Command Line"]
            found = as_it_is_started(arguments(command))
            assert found[:7] == expected
            assert found[7:] == ["--", f"user/1/{text}"] if name == first else len(found) == 8
            assert read[name].get("User") == ["root"]


def test_paths_to_wait_for_are_read_as_they_are(tmp_path: Path) -> None:
    ledger = '/var/a b%/$HOME/it\'s "q"/b\\c'
    there = SystemdDialect(place(ledger=f"{ledger}/p.db"))
    files = dict(there.render(OWNER, there.compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])))
    said, read = verify(files, tmp_path)
    assert said == ""
    assert {read[name]["RequiresMountsFor"][0] for name in files if name.endswith(".service")} == {
        f"{ledger} (origin-file)"
    }


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_quoting_makes_safe_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="control characters"):
        quote(text)
    for options in ({"ledger": f"/var/{text}"}, {"command": ("purista", text)}, {"command": (text,)}, {"user": text}):
        compiled = dialect(**options).compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])
        assert compiled.entries == ()
        assert [(f.code, f.severity) for f in compiled.findings] == [("S109", Severity.REFUSED)]
    both = [schedule(Cron("0 5 * * *"), "UTC", text), schedule(Cron("0 6 * * *"), "UTC", "good")]
    compiled = dialect().compile(OWNER, both)
    assert not any(text in entry.body for entry in compiled.entries)
    assert [(f.code, f.key) for f in compiled.findings] == [("S108", f"user/1/{text}")]
    owner = Owner(text, text, text)
    names = dialect().render(owner, dialect().compile(owner, [both[1]]))
    assert len(names) == 6
    assert all(text not in name and text not in body for name, body in names.items())


@pytest.mark.parametrize(
    "path", ["bin/purista", "./x", '/usr/b"in', "/it's", "/a\\b", "/$HOME/x", "@/bin/x", "-/bin/x", "", " "]
)
def test_programs_that_systemd_does_not_take_are_refused(path: str) -> None:
    compiled = dialect(command=(path, "x")).compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])
    assert compiled.entries == ()
    assert [f.code for f in compiled.findings] == ["S109"]


@pytest.mark.parametrize("user", ["", "root x", "-root", "a" * 40, "r%", "*", "a\nExecStart=/bin/id"])
def test_the_user_is_a_user_name(user: str) -> None:
    compiled = dialect(user=user).compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")])
    assert compiled.entries == ()


def test_a_program_in_a_folder_with_a_blank_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a b%" / "purista"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    there = dialect(command=(str(program),))
    said, read = verify(dict(there.render(OWNER, there.compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC")]))), tmp_path)
    assert said == ""
    assert {arguments(one["Command Line"][0])[0] for one in read.values() if "Command Line" in one} == {str(program)}


def test_owners_that_look_alike_have_names_of_their_own() -> None:
    names = {owner_prefix(Owner(service, "prod", "x")) for service in ("a b", "a-b", "a.b", "a/b", "A-b", "ж", "日")}
    assert len(names) == 7


def test_many_keys_go_over_several_units_and_one_too_long_is_refused() -> None:
    many = [schedule(Cron("0 5 * * *"), "UTC", f"schedule-number-{n:04d}-ü") for n in range(2_000)]
    compiled = dialect().compile(OWNER, [*many, schedule(Cron("0 5 * * *"), "UTC", "x" * 40_000)])
    assert sum(len(entry.keys) for entry in compiled.entries) == 2_000
    assert len(compiled.entries) == 5
    for entry in compiled.entries:
        service, _ = split(entry.body)
        (command,) = (line for line in service.splitlines() if line.startswith("ExecStart="))
        assert len(command.encode()) <= 32_768 + len("ExecStart=")
    assert [f.code for f in compiled.findings] == ["S108"]


@pytest.mark.parametrize(
    "path", ["-purista", "+purista", "@purista", ":purista", "!purista", "bin/purista", 'pur"ista', ""]
)
def test_a_program_is_no_prefix_of_systemds(path: str) -> None:
    """A leading ``+`` would run it with full privileges, a leading ``-`` hide its failures."""
    with pytest.raises(DeclarationError, match="expected the absolute path of a program"):
        executable(path)
