"""A block in the user's own crontab; everything around it stays as it was, byte for byte."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from purista.errors import RegistrationError, RegistrationMismatch
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Owner, Severity
from purista.schedulers.cron import CronScheduler
from purista.schedulers.cron.crontab import CrontabControl, crontab
from purista.schedulers.cron.dialect import CronDialect
from tests.schedulers.test_cover import OWNER, place, schedule

DIALECT = CronDialect(replace(place(), user="me"))
FOREIGN = b"# mine\nSHELL=/bin/fish\nCRON_TZ=Asia/Tokyo\n0 3 * * * backup --home \xff $HOME\n"


class Machine:
    """A crontab in memory; ``refuses`` as cron.allow does, ``forgets`` what is written."""

    def __init__(
        self, text: bytes | None = None, *, refuses: bool = False, forgets: bool = False, full: bool = False
    ) -> None:
        self.text, self.refuses, self.forgets, self.full, self.writes = text, refuses, forgets, full, 0

    def __call__(self, arguments: Sequence[str], text: bytes | None) -> tuple[int, bytes, str]:
        if self.refuses:
            return 1, b"", "You (me) are not allowed to use this program (crontab)"
        if arguments == ["-l"]:
            return (1, b"", "no crontab for me") if self.text is None else (0, self.text, "")
        if self.full:
            return 1, b"", "crontab must not be longer than 10000 lines"
        self.writes += 1
        if not self.forgets:
            self.text = text if arguments == ["-"] else None
        return 0, b"", ""


def compiled(*texts: str, owner: Owner = OWNER):
    return DIALECT.compile(owner, [schedule(Cron(text), "UTC", f"s{n}") for n, text in enumerate(texts)])


@pytest.mark.parametrize("before", [None, FOREIGN, b"* * * * * last line without an end"])
async def test_written_changed_and_removed_around_foreign_lines(before: bytes | None) -> None:
    machine = Machine(before)
    control = CrontabControl("me", machine)
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(created=3, written=1)
    assert machine.text is not None
    assert machine.text.startswith(b"# BEGIN purista-test-user-"), "before settings that would change its meaning"
    assert machine.text.endswith(before or b"")
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(unchanged=3)
    assert machine.writes == 1, "nothing changed, yet written"
    assert {e.name: e.digest for e in await control.list(OWNER)} == {
        e.name: e.digest for e in compiled("0 5 * * *").entries
    }
    assert await control.apply(OWNER, compiled("0 6 * * *")) == Applied(created=1, deleted=1, unchanged=2, written=1)
    assert await control.apply(OWNER, compiled()) == Applied(deleted=3, written=1)
    assert machine.text == before


async def test_a_block_that_slipped_below_settings_is_put_on_top_again() -> None:
    machine = Machine(b"")
    control = CrontabControl("me", machine)
    await control.apply(OWNER, compiled("0 5 * * *"))
    ours = machine.text
    assert ours is not None
    machine.text = b"CRON_TZ=Asia/Tokyo\n" + ours
    await control.apply(OWNER, compiled("0 5 * * *"))
    assert machine.text == ours + b"CRON_TZ=Asia/Tokyo\n"


async def test_two_owners_have_a_block_each() -> None:
    machine = Machine(FOREIGN)
    control, other = CrontabControl("me", machine), Owner("other", "prod", OWNER.ledger_id)
    await control.apply(OWNER, compiled("0 5 * * *"))
    await control.apply(other, compiled("0 6 * * *", owner=other))
    assert len(await control.list(OWNER)) == len(await control.list(other)) == 3
    await control.apply(OWNER, compiled())
    assert len(await control.list(other)) == 3
    assert (machine.text or b"").endswith(FOREIGN)


async def test_the_block_of_another_ledger_is_left_alone() -> None:
    machine = Machine(FOREIGN)
    await CrontabControl("me", machine).apply(OWNER, compiled("0 5 * * *"))
    before = machine.text
    twin = Owner(OWNER.service, OWNER.environment, "another")
    with pytest.raises(RegistrationError, match="belongs to ledger"):
        await CrontabControl("me", machine).apply(twin, compiled("0 6 * * *", owner=twin))
    assert machine.text == before


async def test_an_edit_by_hand_is_drift_and_is_written_over() -> None:
    machine = Machine(b"")
    control = CrontabControl("me", machine)
    await control.apply(OWNER, compiled("0 5 * * *"))
    whole = machine.text or b""
    machine.text = whole.replace(b"\n0 5 * * *", b"\n0 6 * * *")
    assert [e.digest for e in await control.list(OWNER) if e.name == "0 5 * * *"] == [None]
    machine.text = whole.replace(b"\n0 5 * * *", b"\nnonsense")
    assert await control.list(OWNER) == []
    await control.apply(OWNER, compiled("0 5 * * *"))
    assert machine.text == whole


async def test_a_block_without_its_end_is_a_persons_matter() -> None:
    machine = Machine(b"")
    control = CrontabControl("me", machine)
    await control.apply(OWNER, compiled("0 5 * * *"))
    machine.text = before = (machine.text or b"").rsplit(b"# END", 1)[0] + FOREIGN
    with pytest.raises(RegistrationError, match="END"):
        await control.apply(OWNER, compiled("0 6 * * *"))
    assert machine.text == before


async def test_what_crontab_refuses_is_said() -> None:
    control = CrontabControl("me", Machine(refuses=True))
    (finding,) = await control.preflight()
    assert (finding.code, finding.severity) == ("C204", Severity.REFUSED)
    assert "not allowed" in finding.message
    with pytest.raises(RegistrationError, match="not allowed"):
        await control.apply(OWNER, compiled("0 5 * * *"))
    with pytest.raises(RegistrationMismatch):
        await CrontabControl("me", Machine(forgets=True)).apply(OWNER, compiled("0 5 * * *"))


async def test_a_crontab_saved_on_windows_is_drift_and_is_written_over() -> None:
    machine = Machine(FOREIGN)
    control = CrontabControl("me", machine)
    await control.apply(OWNER, compiled("0 5 * * *"))
    whole = machine.text or b""
    machine.text = whole.replace(b"\n", b"\r\n")
    assert await control.list(OWNER) == []
    await control.apply(OWNER, compiled("0 5 * * *"))
    assert machine.text == whole.removesuffix(FOREIGN) + FOREIGN.replace(b"\n", b"\r\n")


async def test_a_lock_file_of_somebody_else_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Anybody may put a file there first; neither a link nor another's lock is followed, waited for or a traceback."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock = tmp_path / f"purista-crontab-{os.getuid()}.lock"
    lock.symlink_to(tmp_path / "elsewhere")
    machine = Machine(FOREIGN)
    with pytest.raises(RegistrationError, match="lock file"):
        await CrontabControl("me", machine).apply(OWNER, compiled("0 5 * * *"))
    lock.unlink()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RegistrationError, match="another process"):
            await CrontabControl("me", machine, patience=0.0).apply(OWNER, compiled("0 5 * * *"))
    assert machine.text == FOREIGN


async def test_a_crontab_of_too_many_lines_names_the_way_out() -> None:
    machine = Machine(b"# x\n" * 10_000, full=True)
    with pytest.raises(RegistrationError, match=r"10009 lines, write CronScheduler\(\) for files of cron.d"):
        await CrontabControl("me", machine).apply(OWNER, compiled("0 5 * * *"))


def test_the_scheduler_has_two_places() -> None:
    assert isinstance(CronScheduler(user_crontab=True).control, CrontabControl)
    placed = CronScheduler(user_crontab=True, user="somebody").for_ledger("/x.db", "prod", 0)
    assert isinstance(placed.control, CrontabControl), "the choice survives"


@pytest.mark.privileged
async def test_the_real_crontab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's own ``crontab`` takes the block (it checks every line) and gives back the same bytes."""
    if shutil.which("crontab") is None:
        assert not os.environ.get("CI"), "CI installs cron"
        pytest.skip("no crontab here")
    _, before, _ = crontab(["-l"], None)
    try:
        subprocess.run(["crontab", "-"], input=FOREIGN.replace(b"\xff", b"x"), check=True)
        control = CrontabControl("root")
        assert await control.preflight() == []
        assert (await control.apply(OWNER, compiled("*/7 5 * jan-mar mon", "0 0 29 2 *"))).written == 1
        _, after, _ = crontab(["-l"], None)
        assert after.endswith(FOREIGN.replace(b"\xff", b"x"))
        await control.apply(OWNER, compiled())
        assert crontab(["-l"], None)[1] == FOREIGN.replace(b"\xff", b"x")
    finally:
        subprocess.run(["crontab", "-"] if before else ["crontab", "-r"], input=before, check=False)
