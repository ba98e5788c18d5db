"""The owner's file in a folder of DAGs: created, changed, gone; never anybody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from purista import AirflowScheduler, Context, Cron, DefaultEventBridge, ServiceBuilder
from purista.errors import RegistrationError
from purista.schedulers.airflow.control import AirflowControl
from purista.schedulers.airflow.dialect import AirflowDialect
from purista.schedulers.airflow.text import file_name, read_file
from purista.schedulers.base import Applied, Compiled, Owner
from purista.testing.suites import ControlSuite
from tests.schedulers.airflow.world import NOW, OWNER, dialect, schedule


class TestControl(ControlSuite):
    names_ledger = True
    can_break = True
    own = False

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "theirs.py").write_text("# Airflow DAG of somebody else\n")

    async def make(self) -> AirflowControl:
        return AirflowControl(self.folder, standalone=self.own)

    def dialect(self) -> AirflowDialect:
        return dialect(standalone=self.own)

    async def strangers(self) -> Any:
        return (self.folder / "theirs.py").read_bytes(), (self.folder / "theirs.py").stat().st_mtime_ns

    async def broken(self) -> AirflowControl:
        return AirflowControl(self.folder / "nowhere")


class TestStandaloneControl(TestControl):
    own = True


def compiled(*names: str, hour: int = 5, now: int = NOW) -> Compiled:
    made = dialect(now=now, since=now)
    return made.compile(OWNER, [schedule(Cron(f"0 {hour} * * *"), "UTC", name) for name in names])


def since(folder: Path) -> dict[str, int]:
    found = read_file((folder / file_name(OWNER)).read_text())
    assert found is not None
    return {one["schedule"].rpartition("/")[2]: one["since"] for one in found.entries}


async def test_created_unchanged_changed_and_gone(tmp_path: Path) -> None:
    live = AirflowControl(tmp_path)
    assert await live.apply(OWNER, compiled("a", "b")) == Applied(created=2, written=1)
    before = (tmp_path / file_name(OWNER)).stat()
    assert await live.apply(OWNER, compiled("a", "b", now=NOW + 50)) == Applied(unchanged=2)
    assert (tmp_path / file_name(OWNER)).stat() == before
    assert await live.apply(OWNER, compiled("a", "b", hour=6)) == Applied(updated=2, written=1)
    assert await live.apply(OWNER, compiled("b", hour=6)) == Applied(deleted=1, unchanged=1, written=1)
    assert await live.apply(OWNER, Compiled((), ())) == Applied(deleted=1, written=1)
    assert list(tmp_path.iterdir()) == []


async def test_what_is_unchanged_keeps_its_start(tmp_path: Path) -> None:
    """A start that moves with every deployment would leave out what was due just before it."""
    live = AirflowControl(tmp_path)
    await live.apply(OWNER, compiled("a"))
    await live.apply(OWNER, compiled("a", "b", now=NOW + 50))
    assert since(tmp_path) == {"a": NOW, "b": NOW + 50}
    await live.apply(OWNER, compiled("a", "b", hour=7, now=NOW + 99))
    assert since(tmp_path) == {"a": NOW + 99, "b": NOW + 99}, "what an edit makes due in the past is not called for"


async def test_an_edit_is_drift_and_taken_back(tmp_path: Path) -> None:
    live, wanted = AirflowControl(tmp_path), compiled("a")
    await live.apply(OWNER, wanted)
    path = tmp_path / file_name(OWNER)
    for edited in (path.read_text().replace("0 5", "0 4"), path.read_text() + "print(1)\n", path.read_text()[:-200]):
        path.write_text(edited)
        assert all(entry.digest is None for entry in await live.list(OWNER))
        assert (await live.apply(OWNER, wanted)).written == 1
        assert [entry.digest for entry in await live.list(OWNER)] == [wanted.entries[0].digest]


async def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    live, path = AirflowControl(tmp_path), tmp_path / file_name(OWNER)
    for text in ("print('theirs')\n", "# purista: {}\n", "# purista: [\n", "\xff\n"):
        path.write_text(text, "latin-1")
        with pytest.raises(RegistrationError, match="does not carry our mark"):
            await live.apply(OWNER, compiled("a"))
        assert path.read_text("latin-1") == text


async def test_two_ledgers_are_told_apart(tmp_path: Path) -> None:
    live, other = AirflowControl(tmp_path), Owner(OWNER.service, OWNER.environment, "another")
    await live.apply(OWNER, compiled("a"))
    with pytest.raises(RegistrationError, match="belongs to ledger"):
        await live.apply(other, dialect().compile(other, [schedule(Cron("0 5 * * *"), "UTC", "a")]))


async def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".{file_name(OWNER)}.tmp").write_text("half of it")
    await AirflowControl(tmp_path).apply(OWNER, compiled("a"))
    assert [one.name for one in tmp_path.iterdir()] == [file_name(OWNER)]


async def test_a_service_that_starts_registers_and_an_edit_and_a_rename_arrive(tmp_path: Path) -> None:
    """django-celery-beat#248: a rename leaves no old DAG behind."""
    (dags := tmp_path / "dags").mkdir()

    def service(name: str, hour: int, **more: Any) -> ServiceBuilder:
        shop = ServiceBuilder("shop", version="1")

        @shop.command("clean")
        async def clean(context: Context) -> None:
            """Nothing to do."""

        shop.schedule(
            name, Cron(f"30 {hour} * * *"), timezone="Europe/Berlin", invoke=clean, concurrency_policy="forbid",
            missed_run_policy="skip", **more,
        )  # fmt: skip
        return shop

    async def live(what: ServiceBuilder) -> dict[str, str]:
        scheduler = AirflowScheduler(dags, gateway="http://gateway:8080", secret="connection:purista_gateway")
        bridge = DefaultEventBridge(tmp_path / "p.db", scheduler=scheduler)
        async with await what.get_instance(bridge):
            (path,) = dags.iterdir()
            found = read_file(path.read_text())
            assert found is not None
            return {one["schedule"]: one["timetable"]["expression"]["value"] for one in found.entries}

    assert await live(service("nightly", 3)) == {"shop/1/nightly": "30 3 * * *"}
    before = next(dags.iterdir()).stat()
    assert await live(service("nightly", 3)) == {"shop/1/nightly": "30 3 * * *"}
    assert next(dags.iterdir()).stat() == before
    assert await live(service("nightly", 4)) == {"shop/1/nightly": "30 4 * * *"}
    assert await live(service("cleanUp", 4, renamed_from="nightly")) == {"shop/1/cleanUp": "30 4 * * *"}
