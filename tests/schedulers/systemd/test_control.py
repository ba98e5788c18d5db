"""The owner's units and nothing else; what systemd is told, and what happens when it says no."""

from __future__ import annotations

import asyncio
import multiprocessing
from pathlib import Path

import pytest

from purista.errors import RegistrationError
from purista.recurrence import Cron
from purista.schedulers.base import Applied, Compiled, Owner, Severity
from purista.schedulers.systemd.control import SystemdControl
from purista.schedulers.systemd.dialect import SystemdDialect, owner_prefix
from purista.schedulers.systemd.scheduler import SystemdScheduler
from purista.schedulers.systemd.systemctl import Ran, Systemctl, run_command
from tests.schedulers.systemd.world import OWNER, Systemd, dialect
from tests.schedulers.test_cover import schedule

PREFIX = owner_prefix(OWNER)


def compiled(*texts: str, owner: Owner = OWNER, **options: object) -> Compiled:
    schedules = [schedule(Cron(text), "UTC", f"s{number}", **options) for number, text in enumerate(texts)]
    return dialect().compile(owner, schedules)


def name_of(text: str) -> str:
    (entry,) = [entry for entry in compiled(text).entries if not entry.sweep]
    return entry.name


@pytest.fixture
def systemd(tmp_path: Path) -> Systemd:
    return Systemd(tmp_path)


def timers(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.timer")}


async def test_written_taken_up_changed_and_removed(systemd: Systemd) -> None:
    control = systemd.control()
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(created=3, written=6)
    five = name_of("0 5 * * *")
    new = (f"{five}.timer", f"{PREFIX}recover.timer", f"{PREFIX}sweep.timer")
    assert systemd.told == [("daemon-reload",), ("enable", *new)]
    assert set(systemd.running) == timers(systemd.folder) == set(new)
    assert {path.stat().st_mode & 0o777 for path in systemd.folder.glob("purista-*")} == {0o644}

    systemd.told.clear()
    before = {path.name: path.stat().st_mtime_ns for path in systemd.folder.iterdir()}
    assert await control.apply(OWNER, compiled("0 5 * * *")) == Applied(unchanged=3)
    assert systemd.told == []
    assert {path.name: path.stat().st_mtime_ns for path in systemd.folder.iterdir()} == before

    six = name_of("0 6 * * *")
    done = await control.apply(OWNER, compiled("0 6 * * *"))
    assert done == Applied(created=1, deleted=1, unchanged=2, written=4)
    assert systemd.told == [
        ("daemon-reload",), ("enable", f"{six}.timer"), ("disable", f"{five}.timer"), ("clean", f"{five}.timer"),
        ("daemon-reload",), ("reset-failed", f"{five}.service", f"{five}.timer"),
    ]  # fmt: skip
    await control.apply(OWNER, compiled())
    assert systemd.running == {}
    assert [path.name for path in systemd.folder.iterdir()] == ["timers.target.wants"]
    assert list(systemd.wants.iterdir()) == []


async def test_other_schedules_of_a_timer_do_not_restart_it(systemd: Systemd) -> None:
    """The service's command names them; the timer's own file is the same but for its mark and words."""
    control = systemd.control()
    await control.apply(OWNER, compiled("0 5 * * *"))
    systemd.told.clear()
    assert await control.apply(OWNER, compiled("0 5 * * *", "0 5 * * *")) == Applied(updated=1, unchanged=2, written=2)
    assert systemd.told[0] == ("daemon-reload",)
    assert set(systemd.told[1:]) <= {("try-restart", f"{name_of('0 5 * * *')}.timer")}


async def test_a_timer_that_somebody_stopped_stays_stopped(systemd: Systemd) -> None:
    control, timer = systemd.control(), f"{name_of('0 5 * * *')}.timer"
    await control.apply(OWNER, compiled("0 5 * * *"))
    systemd(["systemctl", "disable", "--now", timer])
    assert [(f.code, f.severity) for f in await control.preflight()] == [("S208", Severity.WARNING)]
    await control.apply(OWNER, compiled("0 5 * * *", "0 5 * * *"))
    assert timer not in systemd.running
    assert [f.code for f in await control.preflight()] == ["S208"]


@pytest.mark.parametrize("verb", ["daemon-reload", "enable", "try-restart", "disable"])
async def test_what_systemd_refused_is_made_up_for(systemd: Systemd, verb: str) -> None:
    """A crash or a refusal between writing and starting must not leave timers that never call."""
    control = systemd.control()
    await control.apply(OWNER, compiled("0 5 * * *", "0 7 * * *"))
    wanted = compiled("0 5 * * *", "0 6 * * *", "0 5 * * *")
    systemd.fail = verb
    with pytest.raises(RegistrationError, match=f"systemctl.* {verb}.* failed: Failed to {verb}.*apply again"):
        await control.apply(OWNER, wanted)
    assert f"{name_of('0 7 * * *')}.timer" in systemd.running, "what was live before still is"
    systemd.fail = ""
    await control.apply(OWNER, wanted)
    assert set(systemd.running) == timers(systemd.folder) == {f"{entry.name}.timer" for entry in wanted.entries}
    assert all(systemd.running[timer] == (systemd.folder / timer).read_text() for timer in systemd.running)
    systemd.told.clear()
    assert (await control.apply(OWNER, wanted)).written == 0
    assert systemd.told == []


async def test_names_that_are_taken_are_left_alone(systemd: Systemd) -> None:
    path = systemd.folder / f"{name_of('0 5 * * *')}.timer"
    path.write_text("[Timer]\nOnCalendar=daily\n")
    with pytest.raises(RegistrationError, match="does not carry our mark"):
        await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    assert path.read_text() == "[Timer]\nOnCalendar=daily\n"
    assert systemd.told == []
    assert [f.code for f in await systemd.control().preflight()] == ["S210"]


async def test_a_link_is_not_followed(systemd: Systemd) -> None:
    (systemd.folder / "neighbour").write_text("theirs")
    (systemd.folder / f"{name_of('0 5 * * *')}.service").symlink_to(systemd.folder / "neighbour")
    with pytest.raises(RegistrationError, match="left alone"):
        await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    assert (systemd.folder / "neighbour").read_text() == "theirs"


async def test_another_ledger_is_refused(systemd: Systemd) -> None:
    await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    other = Owner(OWNER.service, OWNER.environment, "another")
    for attempt in (systemd.control().apply(other, compiled("0 6 * * *", owner=other)), systemd.control().list(other)):
        with pytest.raises(RegistrationError, match="belongs to ledger ledger-1"):
            await attempt


@pytest.mark.parametrize("suffix", [".timer", ".service"])
@pytest.mark.parametrize("act", ["edit", "remove", "comment"])
async def test_edits_by_hand_are_drift_and_are_written_over(systemd: Systemd, suffix: str, act: str) -> None:
    control, wanted = systemd.control(), compiled("0 5 * * *")
    await control.apply(OWNER, wanted)
    path = systemd.folder / f"{name_of('0 5 * * *')}{suffix}"
    good = path.read_text()
    if act == "remove":
        path.unlink()
    else:
        path.write_text(
            good.replace("05:00", "06:00").replace("--ledger", "--leger") if act == "edit" else f"{good}# hello\n"
        )
    live = {entry.name: entry.digest for entry in await control.list(OWNER)}
    assert (live[path.stem] is None) == (act != "comment"), "what systemd does not read is no drift"
    done = await control.apply(OWNER, wanted)
    assert (done.updated, done.written) == (int(act != "comment"), 1)
    assert path.read_text() == good
    assert systemd.running.keys() == timers(systemd.folder)


async def test_what_a_killed_writer_left_does_no_harm(systemd: Systemd) -> None:
    (systemd.folder / f".{PREFIX}sweep.timer.tmp").write_text("half a fi")
    (systemd.folder / f".{PREFIX}unfinished").write_text("half a no")
    await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    assert not list(systemd.folder.glob(".*"))


async def test_half_a_unit_that_is_gone_is_removed(systemd: Systemd) -> None:
    await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    (systemd.folder / f"{name_of('0 5 * * *')}.timer").unlink()
    await systemd.control().apply(OWNER, compiled())
    assert not list(systemd.folder.glob("purista-*"))


async def test_a_zone_that_the_system_does_not_have_is_refused(tmp_path: Path) -> None:
    """Debian has old names in a package of their own; systemd drops such a line, and the timer would never call."""
    (tmp_path / "zoneinfo").mkdir()
    control = Systemd(tmp_path).control(zones=tmp_path / "zoneinfo")
    wanted = dialect().compile(OWNER, [schedule(Cron("0 5 * * *"), "US/Pacific")])
    with pytest.raises(RegistrationError, match="tzdata-legacy"):
        await control.apply(OWNER, wanted)
    assert not list(tmp_path.glob("purista-*"))


async def test_preflight_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def codes(control: SystemdControl) -> list[str]:
        return [finding.code for finding in await control.preflight()]

    here = Systemd(tmp_path)
    asleep = SystemdControl(tmp_path, dialect(), run=here, booted=tmp_path / "run/systemd/system")
    (finding,) = await asleep.preflight()
    assert (finding.code, finding.severity) == ("S203", Severity.REFUSED)
    assert "run/systemd/system is missing" in finding.message
    assert await codes(here.control()) == []
    assert await codes(SystemdControl(tmp_path, dialect())) == ["S206"]
    assert await codes(SystemdControl(tmp_path / "none", dialect())) == ["S201"]
    stranger = dialect(user="nobody-of-this-name")
    assert await codes(SystemdControl(tmp_path, stranger, run=here, booted=tmp_path)) == ["S205"]
    assert await codes(SystemdControl(tmp_path, stranger)) == ["S206", "S205"]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert await codes(here.control()) == ["S202"]
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("purista.schedulers.systemd.preflight.BOOTED", tmp_path)
    assert await codes(SystemdControl(tmp_path, dialect(), run=here)) == ["S204"]


async def test_what_changes_a_timer_from_outside_is_said(systemd: Systemd) -> None:
    await systemd.control().apply(OWNER, compiled("0 5 * * *"))
    (systemd.folder / f"{PREFIX}sweep.timer.d").mkdir()
    assert [f.code for f in await systemd.control().preflight()] == ["S209"]


def _apply(folder: str, text: str) -> None:
    asyncio.run(SystemdControl(folder, dialect()).apply(OWNER, compiled(text)))


def test_processes_at_once_end_in_one_state(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    running = [context.Process(target=_apply, args=(str(tmp_path), f"0 {5 + n % 2} * * *")) for n in range(6)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    live = asyncio.run(SystemdControl(tmp_path, dialect()).list(OWNER))
    assert {entry.name: entry.digest for entry in live} in [
        {entry.name: entry.digest for entry in compiled(text).entries} for text in ("0 5 * * *", "0 6 * * *")
    ]
    assert not list(tmp_path.glob(".*"))


def test_commands_are_lists_in_parts() -> None:
    told: list[list[str]] = []

    def run(argv: object) -> Ran:
        told.append(list(argv))  # type: ignore[call-overload]
        return Ran(0)

    Systemctl(run, user=True).enable([f"purista-{n}.timer" for n in range(450)])
    assert [len(argv) for argv in told] == [205, 205, 55]
    assert told[0][:6] == ["systemctl", "--user", "--no-ask-password", "enable", "--now", "purista-0.timer"]


def test_running_a_command() -> None:
    assert run_command(["sh", "-c", "echo said; exit 3"]) == Ran(3, "said\n")
    assert run_command(["no-such-program"]).code == 127


def test_the_scheduler_of_this_machine_and_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    machine, mine, other = SystemdScheduler(user="app"), SystemdScheduler(user_units=True), SystemdScheduler(tmp_path)
    assert str(machine.control.directory) == "/etc/systemd/system"
    assert mine.control.directory == tmp_path / "systemd/user"
    assert [s.dialect.place.user for s in (machine, mine)] == ["app", None]
    placed = machine.for_ledger("/srv/p.db", "default", 7)
    assert (placed.dialect.place.ledger, placed.dialect.place.now, placed.name) == ("/srv/p.db", 7, "systemd")
    assert isinstance(other.dialect, SystemdDialect)
