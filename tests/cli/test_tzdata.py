"""``purista check --tzdata OLD NEW``: which schedules an update of the tz database affects."""

from __future__ import annotations

import shutil
import zoneinfo
from pathlib import Path

import pytest

from purista.recurrence.zone import zone_table
from tests.cli.conftest import Purista

NEEDED = ("UTC", "Europe/Berlin", "Europe/Kyiv", "America/New_York")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A few zones as this machine has them."""
    from purista.recurrence.zone import _data

    for name in NEEDED:
        path = tmp_path / "old" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_data(name))
    (tmp_path / "old/tzdata.zi").write_text("# version 2026a\n")
    return tmp_path / "old"


@pytest.fixture
def new(old: Path, tmp_path: Path) -> Path:
    """The same, but Berlin has become what Kyiv is: two hours ahead, an hour more than before."""
    shutil.copytree(old, tmp_path / "new")
    shutil.copy(old / "Europe/Kyiv", tmp_path / "new/Europe/Berlin")
    (tmp_path / "new/tzdata.zi").write_text("# version 2026b\n")
    return tmp_path / "new"


def test_the_same_database_affects_nothing(purista: Purista, old: Path) -> None:
    done = purista("check", "--tzdata", str(old), str(old))
    assert done.code == 0
    assert done.out.strip().endswith("0 of 2 schedules affected")


def test_what_moves_is_shown_as_both_have_it(purista: Purista, old: Path, new: Path) -> None:
    done = purista("check", "--tzdata", str(old), str(new), "--days", "40")
    assert done.code == 1
    assert "shop/1/billing: moves   Wed 2026-04-01 02:00:00 +02:00 → Wed 2026-04-01 02:00:00 +03:00" in done.out
    assert "2026a" in done.out
    assert "2026b" in done.out
    assert "2 of 2 schedules affected" in done.out


def test_the_document_has_every_instant(purista: Purista, old: Path, new: Path) -> None:
    done = purista("check", "--tzdata", str(old), str(new), "--days", "100", "--json")
    found = done.json
    assert (done.code, found["ok"], found["old"]["version"], found["new"]["version"]) == (1, False, "2026a", "2026b")
    billing, nightly = found["affected"]
    assert billing["moving"] == [
        {"from": f"2026-{month}T00:00:00.000Z", "to": f"2026-{before}T23:00:00.000Z"}
        for month, before in (("04-01", "03-31"), ("05-01", "04-30"), ("06-01", "05-31"), ("07-01", "06-30"))
    ]
    # The 28th's 02:30 is 01:30Z and becomes 00:30Z; on the 29th both have a gap at 01:00Z: 03:00 in Berlin, and 03:00
    # becomes 04:00 in Kyiv, so that 02:30 exists there, at 00:30Z.
    assert nightly["moving"][:2] == [
        {"from": "2026-03-28T01:30:00.000Z", "to": "2026-03-28T00:30:00.000Z"},
        {"from": "2026-03-29T01:00:00.000Z", "to": "2026-03-29T00:30:00.000Z"},
    ]
    assert len(nightly["moving"]) == 100
    assert nightly["vanishing"] == nightly["appearing"] == []


def test_a_zone_that_is_gone_is_named(purista: Purista, old: Path, new: Path) -> None:
    (new / "Europe/Berlin").unlink()
    done = purista("check", "--tzdata", str(old), str(new))
    assert done.code == 1
    assert "NEW has no such zone" in done.out


def test_elapsed_time_is_not_affected_by_a_whole_hour(purista: Purista, home: Path, old: Path, new: Path) -> None:
    text = (home / "shopapp.py").read_text().replace('Cron("30 2 * * *")', 'Cron("*/5 * * * *")')
    (home / "shopapp.py").write_text(text)
    found = purista("check", "--tzdata", str(old), str(new), "--json").json
    assert [one["key"] for one in found["affected"]] == ["shop/1/billing"]


def test_this_process_goes_on_by_its_own(purista: Purista, old: Path, new: Path) -> None:
    before = zone_table("Europe/Berlin")
    purista("check", "--tzdata", str(old), str(new))
    assert zone_table("Europe/Berlin") is before
    assert zoneinfo.ZoneInfo("Europe/Berlin") is before.zone


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder.mkdir(), "found no UTC"),
        (lambda folder: folder, "found no UTC"),
        (lambda folder: (folder.mkdir(), (folder / "UTC").write_text("no zone")), "found no UTC"),
    ],
)
def test_what_is_no_tz_database_is_said(purista: Purista, old: Path, tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "other")  # type: ignore[operator]
    done = purista("check", "--tzdata", str(old), str(tmp_path / "other"))
    assert done.code == 64
    assert words in done.err


def test_a_file_that_is_broken_is_said(purista: Purista, old: Path, new: Path) -> None:
    (new / "Europe/Berlin").write_bytes(b"TZif2" + bytes(10))
    done = purista("check", "--tzdata", str(old), str(new))
    assert done.code == 78
    assert "expected the zone Europe/Berlin" in done.err


def test_it_stands_alone(purista: Purista, old: Path) -> None:
    assert purista("check", "--tzdata", str(old), str(old), "--sarif").code == 64
