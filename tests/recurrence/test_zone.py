"""Zone tables say what ``zoneinfo`` says: in every zone, at every change, and in between."""

from __future__ import annotations

import random
import zoneinfo
from bisect import bisect_right
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from purista.errors import InvalidTimezone
from purista.recurrence import Recurrence, get_zone, transitions
from purista.recurrence import zone as zones
from purista.recurrence.interval import Interval
from purista.recurrence.posix import expand
from purista.recurrence.zone import FIRST, LAST, ZoneTable, zone_table

ALL = sorted(zoneinfo.available_timezones())
EPOCH = datetime(1970, 1, 1)


def offset(zone: ZoneInfo, instant: int) -> int:
    """What ``zoneinfo`` says holds at an instant."""
    return int(datetime.fromtimestamp(instant, zone).utcoffset() / timedelta(seconds=1))


def test_every_zone_at_every_change_and_at_random_instants() -> None:
    random.seed(20261124)
    asked = 0
    for name in ALL:
        table, zone = zone_table(name), ZoneInfo(name)
        instants = {FIRST, LAST - 1}
        for start in table.starts[1:]:
            instants |= {start - 1, start, start + 1}
        instants |= {random.randrange(FIRST, LAST) for _ in range(150)}
        instants |= {random.randrange(FIRST, 2**31) for _ in range(150)}
        for instant in instants:
            expected = offset(zone, instant)
            assert table.offsets[table.segment(instant)] == expected, (name, instant)
            assert table.offsets[max(0, bisect_right(table.starts, instant) - 1)] == expected, (name, instant)
        asked += len(instants)
    assert asked > 400_000


def test_every_change_is_known() -> None:
    """Two equal offsets a fortnight apart could hide a pair of changes; none of the tables misses one there."""
    for name in ALL[::12]:
        zone, table = ZoneInfo(name), zone_table(name)
        for instant in range(FIRST, 2_300_000_000, 5 * 86_400):
            assert table.offsets[table.segment(instant)] == offset(zone, instant), (name, instant)


def test_changes_change_something_and_are_in_order() -> None:
    for name in ALL:
        table = zone_table(name)
        assert table.starts == sorted(set(table.starts))
        assert len(table.starts) == len(table.offsets) == len(table.passed)
        assert all(one != other for one, other in zip(table.offsets, table.offsets[1:], strict=False)), name
        assert all(FIRST < start < LAST for start in table.starts[1:])


def test_first_pass_is_the_first_time_a_clock_shows_it() -> None:
    for name in (
        "Europe/Berlin",
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Antarctica/Troll",
        "Europe/Dublin",
    ):
        table, zone = zone_table(name), ZoneInfo(name)
        for start in table.starts[1:80]:
            for local in range(start + table.offsets[0] - 90_000, start + table.offsets[0] + 90_000, 1_800):
                label = EPOCH + timedelta(seconds=local)
                at = table.first_pass(local)
                shown = datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0)
                before = datetime.fromtimestamp(at - 1, zone).replace(tzinfo=None, fold=0)
                assert before < label <= shown, (name, start, local)
                if shown == label:
                    assert at == int(label.replace(tzinfo=zone).timestamp())


def test_transitions_are_those_of_the_window() -> None:
    found = transitions("Europe/Berlin", 1_767_225_600, 1_798_761_600)
    assert [(one.at, one.offset_before, one.offset_after, one.shift) for one in found] == [
        (1_774_746_000, 3600, 7200, 3600),
        (1_792_890_000, 7200, 3600, -3600),
    ]
    assert transitions("Europe/Berlin", 1_774_746_000, 1_774_746_001) == found[:1]
    assert transitions("Europe/Berlin", 1_774_746_001, 1_792_890_000) == []
    assert transitions("UTC", FIRST, LAST) == []


@pytest.mark.parametrize(
    ("rule", "year", "changes"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", 2050, [("03-27 01:00", 7200), ("10-30 01:00", 3600)]),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", 2050, [("03-27 01:00", 3600), ("10-30 01:00", 0)]),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2050, [("03-27 01:00", -3600), ("10-30 01:00", -7200)]),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 2050, [("04-02 15:00", 37800), ("10-01 15:30", 39600)]),
        ("<+00>0<+02>-2,M3.5.0/1,M10.5.0/3", 2050, [("03-27 01:00", 7200), ("10-30 01:00", 0)]),
        ("EET-2EEST,M4.5.5/0,M10.5.4/24", 2050, [("04-28 22:00", 10800), ("10-27 21:00", 7200)]),
        ("EST5EDT,J60,J305/3", 2048, [("03-01 07:00", -14400), ("11-01 07:00", -18000)]),
        ("EST5EDT,59,304", 2048, [("02-29 07:00", -14400), ("10-31 06:00", -18000)]),
        ("JST-9", 2050, []),
        ("<+03>-3", 2050, []),
    ],
)  # fmt: skip
def test_rules_at_the_end_of_zone_data(rule: str, year: int, changes: list[tuple[str, int]]) -> None:
    start, end = (int(datetime.fromisoformat(f"{y}-01-01T00:00Z").timestamp()) for y in (year, year + 1))
    found = [(f"{EPOCH + timedelta(seconds=at):%m-%d %H:%M}", then) for at, then in expand(rule, start, end)]
    assert found == changes


def test_a_package_serves_where_the_system_has_no_zone_data(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tzdata")
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    data = zones._data("Europe/Berlin")
    assert data.startswith(b"TZif")


def test_old_zone_files_of_version_one_are_read() -> None:
    """A file with 32-bit data only and no footer, made by hand: one change from 0 to +1 h at 1000."""
    head = b"TZif" + b"\0" + bytes(15) + b"".join(n.to_bytes(4, "big") for n in (0, 0, 0, 1, 2, 8))
    body = (
        (1000).to_bytes(4, "big")
        + b"\1"
        + (0).to_bytes(4, "big")
        + b"\0\0"
        + (3600).to_bytes(4, "big")
        + b"\1\4AAA\0BBB\0"
    )
    assert zones._read(head + body) == ([1000], [0, 3600], "")
    with pytest.raises(InvalidTimezone, match="TZif"):
        zones._read(b"#!/bin/sh" + bytes(80))


def test_the_segment_used_last_is_only_a_guess() -> None:
    table = ZoneTable([-(1 << 60), 100, 200], [0, 10, 0], ZoneInfo("UTC"))
    assert [table.segment(at) for at in (5, 150, 5, 250, 100, 99, 199, 200, 10**12, -(10**12))] == [
        0, 1, 0, 2, 1, 0, 1, 2, 2, 0,
    ]  # fmt: skip


WRONG = [
    ("europe/berlin", "Europe/Berlin"), ("EUROPE/BERLIN", "Europe/Berlin"), ("Berlin", "Europe/Berlin"),
    ("berlin", "Europe/Berlin"), ("Europe/Berlin ", "Europe/Berlin"), ("CET ", "CET"), ("New York", "America/New_York"),
    ("America/New York", "America/New_York"), ("Amerika/New_York", "America/New_York"), ("utc", "UTC"), ("Z", "UTC"),
    ("Asia/Kalkutta", "Asia/Kolkata"), ("Europe/Kiew", "Europe/Kyiv"), ("GMT+2", "Etc/GMT-2"),
    ("Europe/Berlin\0", "Europe/Berlin"), ("CEST", "CET"), ("PDT", "America/Los_Angeles"), ("+01:00", "Etc/GMT-1"),
    ("UTC+1", "Etc/GMT-1"), ("UTC-05:00", "Etc/GMT+5"),
    ("", None), ("   ", None), ("../etc/passwd", None), ("/etc/passwd", None), ("x" * 300, None), ("Europe/..", None),
    ("zone.tab", None), ("Ω", None), ("Europe\\Berlin", None), ("\ud800", None), ("+05:30", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "near"), WRONG, ids=[repr(name)[:30] for name, _ in WRONG])
def test_unknown_names_say_what_is_near(name: str, near: str | None) -> None:
    with pytest.raises(InvalidTimezone) as caught:
        get_zone(name)
    error = caught.value
    assert error.name == name
    assert len(error.suggestions) <= 3
    assert len(str(error)) < 300
    assert str(error).startswith("unknown time zone ")
    assert "expected a name of the tz database" in str(error)
    if near is None:
        assert "Europe/Berlin" in str(error)
    else:
        assert near in error.suggestions
        assert near in str(error)


def test_names_that_count_the_other_way_say_so() -> None:
    with pytest.raises(InvalidTimezone, match=r"did you mean Etc/GMT-2\? \(ahead of UTC: these names count westward\)"):
        get_zone("UTC+2")
    with pytest.raises(InvalidTimezone, match=r"did you mean Etc/GMT\+5\? \(behind UTC: these names count westward\)"):
        get_zone("-05:00")


def test_near_names_can_be_used() -> None:
    for name, _ in WRONG:
        with pytest.raises(InvalidTimezone) as caught:
            get_zone(name)
        for near in caught.value.suggestions:
            assert get_zone(near).key == near


@pytest.mark.parametrize("name", [None, 5, b"UTC", ["UTC"], ZoneInfo("UTC"), True])
def test_names_are_text(name: object) -> None:
    for ask in (get_zone, zone_table):
        with pytest.raises(InvalidTimezone, match="expected a zone name such as 'Europe/Berlin'"):
            ask(name)  # type: ignore[operator]
    if name is not None:
        with pytest.raises(InvalidTimezone):
            Recurrence(Interval(60), timezone=name)  # type: ignore[arg-type]


def test_a_zone_object_is_told_what_to_write() -> None:
    with pytest.raises(InvalidTimezone, match="write 'Europe/Berlin'"):
        get_zone(ZoneInfo("Europe/Berlin"))  # type: ignore[arg-type]


def test_no_file_outside_the_zone_data_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"TZif")
    for name in (str(secret), f"../../../../..{secret}", f"Europe/../../../../..{secret}"):
        with pytest.raises(InvalidTimezone):
            get_zone(name)
        with pytest.raises(InvalidTimezone):
            zone_table(name)
