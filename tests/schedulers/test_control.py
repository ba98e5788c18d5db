"""The owner's file, and nothing else."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from purista.errors import RegistrationError
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Owner
from purista.schedulers.cron import control
from purista.schedulers.cron.control import CronControl
from purista.schedulers.cron.dialect import CronDialect, file_name
from tests.schedulers.test_cover import OWNER, place, schedule

DIALECT = CronDialect(place())
NAME = file_name(OWNER)


def compiled(*texts: str):
    return DIALECT.compile(OWNER, [schedule(Cron(text), "UTC", f"s{n}") for n, text in enumerate(texts)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "neighbour").write_bytes(b"* * * * * root true \xff\n")
    (tmp_path / "no-newline").write_bytes(b"0 0 * * * root true")
    return tmp_path


async def test_written_read_back_changed_and_removed(folder: Path) -> None:
    control = CronControl(folder, DIALECT)
    neighbours = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(created=3, written=1)
    file = folder / NAME
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.read_bytes().endswith(b"\n")
    before = file.stat()
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(unchanged=3)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns), (
        "nothing changed, yet written"
    )
    assert await control.apply(OWNER, compiled("0 6 * * *")) == Applied(created=1, deleted=1, unchanged=2, written=1)
    assert {e.name: e.digest for e in await control.list(OWNER)} == {
        e.name: e.digest for e in compiled("0 6 * * *").entries
    }
    await control.apply(OWNER, compiled())
    assert not file.exists(), "removing the last schedule removes everything (solid_queue#623)"
    assert await control.list(OWNER) == []
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()} == neighbours


async def test_a_file_that_is_not_ours_is_left_alone(folder: Path) -> None:
    control = CronControl(folder, DIALECT)
    (folder / NAME).write_text("0 0 * * * root somebody else\n")
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await control.apply(OWNER, compiled("0 5 * * *"))
    assert (folder / NAME).read_text() == "0 0 * * * root somebody else\n"


async def test_a_link_is_not_followed(folder: Path) -> None:
    (folder / NAME).symlink_to(folder / "neighbour")
    with pytest.raises(RegistrationError, match="something else"):
        await CronControl(folder, DIALECT).apply(OWNER, compiled("0 5 * * *"))
    assert (folder / "neighbour").read_bytes() == b"* * * * * root true \xff\n"


async def test_another_ledger_is_refused(folder: Path) -> None:
    control = CronControl(folder, DIALECT)
    await control.apply(OWNER, compiled("0 5 * * *"))
    other = Owner(OWNER.service, OWNER.environment, "another-ledger")
    with pytest.raises(RegistrationError, match="belongs to ledger"):
        await control.apply(other, compiled("0 6 * * *"))


async def test_a_file_damaged_by_hand_is_written_again(folder: Path) -> None:
    control = CronControl(folder, DIALECT)
    await control.apply(OWNER, compiled("0 5 * * *"))
    good = (folder / NAME).read_text()
    (folder / NAME).write_text(good.replace("0 5 *", "0 25 *") + "rubbish")
    assert await control.list(OWNER) == []
    await control.apply(OWNER, compiled("0 5 * * *"))
    assert (folder / NAME).read_text() == good


async def test_what_a_killed_writer_left_does_no_harm(folder: Path) -> None:
    (folder / f".{NAME}.tmp").write_text("half a fi")
    await CronControl(folder, DIALECT).apply(OWNER, compiled("0 5 * * *"))
    assert not (folder / f".{NAME}.tmp").exists()
    assert (folder / NAME).read_text().endswith("\n")


async def test_a_folder_that_is_not_there_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cron's own comes with cron; another is made."""
    none = tmp_path / "none"
    (finding,) = await CronControl(none, DIALECT).preflight()
    assert finding.message.endswith(f"make it: mkdir {none}")
    monkeypatch.setattr(control, "HERE", none)
    (finding,) = await CronControl(none, DIALECT).preflight()
    assert "apt-get install cron" in finding.message


def _apply(folder: str, text: str) -> None:
    import asyncio

    asyncio.run(CronControl(folder, DIALECT).apply(OWNER, compiled(text)))


def test_two_replicas_at_once_end_in_one_state(folder: Path) -> None:
    """fastapi#520, APScheduler#160: every replica of a web app registers."""
    context = multiprocessing.get_context("forkserver")
    for _ in range(5):
        running = [context.Process(target=_apply, args=(str(folder), "0 5 * * *")) for _ in range(4)]
        for process in running:
            process.start()
        for process in running:
            process.join(30)
            assert process.exitcode == 0
        assert sorted(p.name for p in folder.iterdir()) == sorted(["neighbour", "no-newline", NAME])
        assert (folder / NAME).read_text() == DIALECT.render(OWNER, compiled("0 5 * * *"))[NAME]
        (folder / NAME).unlink()
