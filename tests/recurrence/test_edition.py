"""Another edition of the tz database, from a folder, beside the one this process goes by."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from purista.errors import InvalidTimezone
from purista.recurrence import Cron, Interval, Recurrence
from purista.recurrence.edition import Edition, days_that_differ, timestamps_by
from purista.recurrence.zone import _data, zone_table
from tests.conftest import needed

SOURCE = """
Rule EU 1996 max - Mar lastSun 1:00u 1:00 S
Rule EU 1996 max - Oct lastSun 1:00u 0 -
Zone Europe/Berlin 1:00 EU CE%sT 2026 Oct 1
                   2:00 -  EET
Zone UTC 0 - UTC
"""
"""Berlin as it is, until it stays on summer time for good on 1 October 2026."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


YEAR = (at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z"))


@pytest.fixture
def stays(tmp_path: Path) -> Edition:
    """Compiled as a tz database is."""
    zic = shutil.which("zic", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if zic is None:
        needed("zic (apt-get install libc-bin)")
    (tmp_path / "source").write_text(SOURCE)
    subprocess.run([str(zic), "-d", str(tmp_path / "made"), str(tmp_path / "source")], check=True)
    return Edition(tmp_path / "made")


def rule(expression: str) -> Recurrence:
    return Recurrence(Cron(expression), timezone="Europe/Berlin")


def test_a_zone_that_stays_on_summer_time(stays: Edition) -> None:
    now, then = zone_table("Europe/Berlin"), stays.table("Europe/Berlin")
    assert then is not None
    days = list(days_that_differ(rule("30 2 * * *"), now, then, *YEAR))
    # 25 October: 02:30 of the first pass is what it is; from the 26th on each is an hour earlier.
    assert days[0] == ([at("2026-10-26T01:30Z")], [at("2026-10-26T00:30Z")])
    assert len(days) == 67
    assert all(fresh[0] == gone[0] - 3_600 for gone, fresh in days)
    # Every five minutes is every five minutes, on whichever date.
    assert list(days_that_differ(rule("*/5 * * * *"), now, then, *YEAR)) == []
    # Midnight stays on its date: it moves to what was 23:00 of the day before.
    (day,) = days_that_differ(rule("0 0 1 12 *"), now, then, *YEAR)
    assert day == ([at("2026-11-30T23:00Z")], [at("2026-11-30T22:00Z")])


def test_what_does_not_follow_clocks_never_differs(stays: Edition) -> None:
    every = Recurrence(Interval(5_400), timezone="Europe/Berlin")
    now, then = zone_table("Europe/Berlin"), stays.table("Europe/Berlin")
    assert then is not None
    assert list(days_that_differ(every, now, then, *YEAR)) == []
    assert timestamps_by(every, then, *YEAR) == every.timestamps(*YEAR)


def test_bounds_hold_by_every_edition(stays: Edition) -> None:
    bounded = Recurrence(
        Cron("30 2 * * *"), timezone="Europe/Berlin", start=at("2026-11-01T00:00Z"), end=at("2026-11-03T00:00Z")
    )
    then = stays.table("Europe/Berlin")
    assert then is not None
    assert list(timestamps_by(bounded, then, *YEAR)) == [at("2026-11-01T00:30Z"), at("2026-11-02T00:30Z")]


def test_an_unpacked_package_is_a_folder_too(tmp_path: Path) -> None:
    (tmp_path / "package/zoneinfo/Europe").mkdir(parents=True)
    for name in ("UTC", "Europe/Berlin"):
        (tmp_path / "package/zoneinfo" / name).write_bytes(_data(name))
    (tmp_path / "package/zoneinfo/+VERSION").write_text("2031c\n")
    edition = Edition(tmp_path / "package")
    assert edition.version == "2031c"
    table = edition.table("Europe/Berlin")
    assert table is not None
    assert table is edition.table("Europe/Berlin")
    assert (table.starts, table.offsets) == (zone_table("Europe/Berlin").starts, zone_table("Europe/Berlin").offsets)
    assert timestamps_by(rule("30 2 * * *"), table, *YEAR) == rule("30 2 * * *").timestamps(*YEAR)
    assert edition.table("America/New_York") is None


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "Europe/../UTC"])
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "UTC").write_bytes(_data("UTC"))
    with pytest.raises(InvalidTimezone):
        Edition(tmp_path).table(name)
