"""What people, crashes and other processes do to the owner's file, and what it must not lead to."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from purista.errors import RegistrationError, RegistrationMismatch
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Compiled, Owner, Severity
from purista.schedulers.cron import control as module
from purista.schedulers.cron.control import CronControl
from purista.schedulers.cron.dialect import CronDialect, file_name
from purista.schedulers.cron.text import parse
from tests.schedulers.test_control import DIALECT, compiled
from tests.schedulers.test_cover import OWNER, place, schedule

ROOT = Path(__file__).parents[2]
NAME = file_name(OWNER)
WANTED = {e.name: e.digest for e in compiled("0 5 * * *").entries}


@pytest.fixture
async def control(tmp_path: Path) -> CronControl:
    """A folder in which our file is live."""
    made = CronControl(tmp_path, DIALECT)
    await made.apply(OWNER, compiled("0 5 * * *"))
    return made


async def live(control: CronControl) -> dict[str, str | None]:
    return {entry.name: entry.digest for entry in await control.list(OWNER)}


# Edited by hand


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n", b"\r\n"),
        (b"0 5 * * * root", b"0 5 * * * root;x"),
        (b"0 5 * * * root", b"0 5 * * * \xff\xfe"),
        (b"0 5 * * * root", b"0 5 * * * root \x00"),
        (b'"keys":["user/1/s0"],', b""),
        (b'"keys":["user/1/s0"]', b'"keys":7'),
        (b'"name":"0 5 * * *"', b'"name":null'),
        (b'"format":1', b'"format":2'),
        (b"SHELL=/bin/sh", b"SHELL=/bin/fish"),
        (b"# Written", b"\xef\xbb\xbf# Written"),
        (b'"keys":["user/1/s0"]', b'"keys":' + b"[" * 2000 + b"]" * 2000),
    ],
    ids=lambda value: repr(value[:24]),
)
async def test_any_edit_is_drift_and_is_written_over(control: CronControl, old: bytes, new: bytes) -> None:
    file = control.directory / NAME
    good = file.read_bytes()
    assert old in good
    file.write_bytes(good.replace(old, new))
    assert await live(control) != WANTED
    assert (await control.apply(OWNER, compiled("0 5 * * *"))).written == 1
    assert file.read_bytes() == good
    assert await live(control) == WANTED


async def test_a_line_that_stands_twice_is_not_taken_for_one(control: CronControl) -> None:
    file = control.directory / NAME
    good = file.read_text()
    file.write_text(good + "\n".join(good.splitlines()[5:7]) + "\n")
    assert await live(control) != WANTED


async def test_a_file_deleted_after_it_was_listed_is_written_again(control: CronControl) -> None:
    assert await live(control) == WANTED
    (control.directory / NAME).unlink()
    assert (await control.apply(OWNER, compiled("0 5 * * *"))).created == 3
    assert await live(control) == WANTED


# What cron does not read


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
async def test_a_file_that_others_may_write_is_drift(control: CronControl, mode: int) -> None:
    """cron says INSECURE MODE in a log nobody reads, and runs nothing. We say it too."""
    file = control.directory / NAME
    file.chmod(mode)
    assert [(f.code, f"mode {mode:o}" in f.message) for f in await control.preflight()] == [("C207", True)]
    assert set((await live(control)).values()) == {None}
    assert (await control.apply(OWNER, compiled("0 5 * * *"))).written == 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert await live(control) == WANTED


async def test_a_file_with_two_names_is_drift(control: CronControl, tmp_path: Path) -> None:
    (tmp_path / "copy.bak").hardlink_to(control.directory / NAME)
    assert set((await live(control)).values()) == {None}
    assert (await control.apply(OWNER, compiled("0 5 * * *"))).written == 1
    assert await live(control) == WANTED
    assert (tmp_path / "copy.bak").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_file_that_belongs_to_somebody_else_is_drift(control: CronControl) -> None:
    os.chown(control.directory / NAME, 12345, -1)
    assert set((await live(control)).values()) == {None}
    assert (await control.apply(OWNER, compiled("0 5 * * *"))).written == 1
    assert (control.directory / NAME).stat().st_uid == 0


@pytest.mark.parametrize("severity", [Severity.REFUSED, Severity.WARNING])
async def test_a_user_that_the_machine_does_not_have_is_said(
    tmp_path: Path, severity: Severity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cron ignores the whole file for one bad user name. A folder of another machine may have other users."""
    if severity is Severity.REFUSED:
        monkeypatch.setattr(module, "HERE", tmp_path.resolve())
    dialect = CronDialect(replace(place(), user="nobody-of-this-name"))
    (finding,) = await CronControl(tmp_path, dialect).preflight()
    assert (finding.code, finding.severity) == ("C205", severity)
    assert "nobody-of-this-name" in finding.message


async def test_two_writes_within_a_second_differ_in_their_time(control: CronControl) -> None:
    """cron compares whole seconds: it would keep what it read between the two for ever."""
    times = [(control.directory / NAME).stat().st_mtime_ns // 10**9]
    for hour in range(3):
        await control.apply(OWNER, compiled(f"0 {hour} * * *"))
        times.append((control.directory / NAME).stat().st_mtime_ns // 10**9)
    assert len(set(times)) == 4


# Not ours


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"# purista {}\n", b"# purista [1]\n", b"# purista {\n"])
async def test_what_does_not_carry_our_mark_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    control = CronControl(tmp_path, DIALECT)
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await control.list(OWNER)
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await control.apply(OWNER, compiled("0 5 * * *"))
    assert (tmp_path / NAME).read_bytes() == content


async def test_a_folder_a_pipe_and_a_dangling_link_are_left_alone(tmp_path: Path) -> None:
    control, there = CronControl(tmp_path, DIALECT), tmp_path / NAME
    for make in (there.mkdir, lambda: os.mkfifo(there), lambda: there.symlink_to("nowhere")):
        make()
        with pytest.raises(RegistrationError, match="something else"):
            await control.apply(OWNER, compiled("0 5 * * *"))
        there.rmdir() if there.is_dir() else there.unlink()


async def test_an_owner_whose_name_has_the_same_letters_has_another_file(tmp_path: Path) -> None:
    control = CronControl(tmp_path, DIALECT)
    owners = [Owner(service, "prod", "x") for service in ("a b", "a.b", "a/b", "ä", "ö", "", "../../etc", "a" * 300)]
    for owner in owners:
        await control.apply(owner, DIALECT.compile(owner, [schedule(Cron("0 5 * * *"), "UTC")]))
    assert len(list(tmp_path.iterdir())) == len(owners)
    for owner in owners:
        assert len(await control.list(owner)) == 3
        assert len(file_name(owner)) < 100


async def test_a_file_name_that_two_owners_shared_would_be_refused(
    control: CronControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "file_name", lambda _: NAME)
    other = Owner("other", OWNER.environment, OWNER.ledger_id)
    with pytest.raises(RegistrationError, match="does not carry our mark for other"):
        await control.apply(other, compiled("0 6 * * *"))
    assert await live(control) == WANTED


# Rights, folders, locks


async def test_a_folder_that_went_away_says_what_to_do(tmp_path: Path) -> None:
    control = CronControl(tmp_path / "none", DIALECT)
    assert await control.list(OWNER) == []
    with pytest.raises(RegistrationError, match="make it: mkdir"):
        await control.apply(OWNER, compiled("0 5 * * *"))


AS_NOBODY = """
import asyncio, concurrent.futures.thread, fcntl, os, pwd, sys
from purista.errors import RegistrationError
from purista.schedulers.cron.control import CronControl
from tests.schedulers.test_control import DIALECT, OWNER, compiled
compiled("0 5 * * *")  # what is imported on the way is not everybody's to read
os.setgid(65534); os.setuid(65534)
control = CronControl(sys.argv[1], DIALECT)
async def main():
    print([f.code for f in await control.preflight()])
    print(len(await control.list(OWNER)))
    print((await control.apply(OWNER, compiled("0 5 * * *"))).unchanged)
    try:
        await control.apply(OWNER, compiled("0 6 * * *"))
    except RegistrationError as error:
        print(error)
asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of root's that everybody may look into; pytest's own are root's alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_somebody_without_rights_may_look_and_is_told_who_may_write(open_folder: Path) -> None:
    await CronControl(open_folder, DIALECT).apply(OWNER, compiled("0 5 * * *"))
    before = (open_folder / NAME).read_bytes()
    out = _python(AS_NOBODY, str(open_folder)).stdout.splitlines()
    assert out[:3] == ["['C202']", "3", "3"], "what is right already needs no rights"
    assert "as root" in out[3]
    assert (open_folder / NAME).read_bytes() == before
    assert [path.name for path in open_folder.iterdir()] == [NAME]


def test_who_writes_files_that_cron_does_not_believe_is_told(open_folder: Path) -> None:
    """Whoever may write to root's folder without being root makes files that cron ignores."""
    open_folder.chmod(0o777)
    assert _python(AS_NOBODY, str(open_folder)).stdout.startswith("['C206']")


async def test_a_lock_that_is_never_given_back_is_said(control: CronControl) -> None:
    """Anybody who may look into the folder may lock it."""
    descriptor = os.open(control.directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        impatient = CronControl(control.directory, DIALECT, patience=0.0)
        with pytest.raises(RegistrationError, match="another process"):
            await impatient.apply(OWNER, compiled("0 6 * * *"))
    finally:
        os.close(descriptor)
    assert (await impatient.apply(OWNER, compiled("0 6 * * *"))).written == 1


# Crashes and races

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from purista.schedulers.cron.control import CronControl
from tests.schedulers.test_control import DIALECT, OWNER, compiled
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "fsync":
    os.fsync = die
elif sys.argv[2] == "rename":
    Path.replace = os.replace = die
asyncio.run(CronControl(sys.argv[1], DIALECT).apply(OWNER, compiled("0 6 * * *")))
"""


@pytest.mark.parametrize("step", ["fsync", "rename"])
async def test_killed_before_the_rename_nothing_has_changed(control: CronControl, step: str) -> None:
    done = _python(KILLED, str(control.directory), step, check=False)
    assert done.returncode == -signal.SIGKILL
    assert await live(control) == WANTED
    left = [path.name for path in control.directory.iterdir() if path.name != NAME]
    assert len(left) == 1
    assert "." in left[0], "cron reads no name with a dot"
    assert (await control.apply(OWNER, compiled("0 5 * * *"))) == Applied(unchanged=3)
    assert [path.name for path in control.directory.iterdir()] == [NAME], "what was left behind goes, even so"


async def test_what_was_not_written_is_not_believed(control: CronControl, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path, target: Path) -> Path:
        target.write_bytes(path.read_bytes()[:-20])
        path.unlink()
        return target

    monkeypatch.setattr(Path, "replace", torn)
    with pytest.raises(RegistrationMismatch):
        await control.apply(OWNER, compiled("0 6 * * *"))


REPLICA = """
import asyncio, sys
from purista.schedulers.cron.control import CronControl
from tests.schedulers.test_control import DIALECT, OWNER, compiled
async def main():
    for number in range(20):
        await CronControl(sys.argv[1], DIALECT).apply(OWNER, compiled(*sys.argv[2:]))
asyncio.run(main())
"""


async def test_two_versions_at_once_leave_one_of_them_whole(control: CronControl) -> None:
    versions = [["0 6 * * *"], ["0 7 * * *", "0 8 * * *"], []]
    running = [_start(REPLICA, str(control.directory), *texts) for texts in versions]
    possible = {DIALECT.render(OWNER, compiled(*texts)).get(NAME) for texts in [*versions, ["0 5 * * *"]]}
    while any(process.poll() is None for process in running):
        try:
            assert (control.directory / NAME).read_text() in possible
        except FileNotFoundError:
            assert None in possible
    for process in running:
        process.communicate(timeout=60)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert {path.name for path in control.directory.iterdir()} <= {NAME}


# More than one file


def many(count: int) -> Compiled:
    schedules = [schedule(Cron(f"{n % 60} {n // 60 % 24} {1 + n // 1440} * *"), "UTC", f"s{n}") for n in range(count)]
    return DIALECT.compile(OWNER, schedules)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if cron read files of fifty jobs; tests/schedulers/test_real_parser.py has the real number."""
    monkeypatch.setattr("purista.schedulers.cron.dialect.JOBS_LIMIT", 50)


@pytest.mark.usefixtures("small")
async def test_many_schedules_grow_and_shrink_over_several_files(tmp_path: Path) -> None:
    control = CronControl(tmp_path, DIALECT)
    for count, files in ((10, 1), (90, 2), (100, 4), (101, 4), (3, 1), (0, 0)):
        wanted = many(count)
        applied = await control.apply(OWNER, wanted)
        assert applied.unchanged + applied.created == len(wanted.entries)
        assert await live(control) == {e.name: e.digest for e in wanted.entries}
        names = sorted(path.name for path in tmp_path.iterdir())
        assert 0 <= len(names) - files <= 4 * (files > 1), names
        assert all(path.read_bytes().count(b"\n") <= 50 * 2 + 5 for path in tmp_path.iterdir())
    assert names == []


@pytest.mark.usefixtures("small")
async def test_a_change_among_many_writes_one_file(tmp_path: Path) -> None:
    control = CronControl(tmp_path, DIALECT)
    await control.apply(OWNER, many(100))
    applied = await control.apply(OWNER, many(101))
    assert (applied.created, applied.written) == (1, 1)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("before", "after"), [(10, 90), (90, 10), (90, 200), (200, 90)])
async def test_nothing_is_without_a_line_while_files_are_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    control = CronControl(tmp_path, DIALECT)
    one, other = many(before), many(after)
    await control.apply(OWNER, one)
    kept = {e.name for e in one.entries} & {e.name for e in other.entries}
    writes: list[str] = []
    original = CronControl._sync_folder

    def look(self: CronControl) -> None:
        original(self)
        texts = [path.read_text() for path in tmp_path.iterdir() if "." not in path.name]
        there = {job.name for text in texts for job in parse(text).jobs}
        assert kept <= there
        writes.append("")

    monkeypatch.setattr(CronControl, "_sync_folder", look)
    await control.apply(OWNER, other)
    assert len(writes) > 1


@pytest.mark.usefixtures("small")
async def test_a_strangers_file_with_the_name_of_a_part_stops_everything(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}-2").write_text("0 0 * * * root somebody else\n")
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await CronControl(tmp_path, DIALECT).apply(OWNER, many(90))
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}-2"]


def _start(program: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], env=environment, text=True, stdout=subprocess.PIPE
    )


def _python(program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    process = _start(program, *arguments)
    out, _ = process.communicate(timeout=60)
    assert not check or process.returncode == 0
    return subprocess.CompletedProcess([], process.returncode, out)
