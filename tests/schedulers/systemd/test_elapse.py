"""Predicted elapses are those of ``systemd-analyze calendar``, in every kind of zone, across changes of clocks."""

from __future__ import annotations

import random
import zoneinfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import transitions
from purista.schedulers.systemd.calendar import parse_calendar
from purista.schedulers.systemd.cover import cover
from purista.schedulers.systemd.elapse import elapses, timer
from tests.schedulers.systemd.analyze import DAY, analyzer, calendar, normal_forms, stuck_after
from tests.schedulers.systemd.world import NOW
from tests.schedulers.test_cover_property import crons

TWO_YEARS = NOW + 730 * DAY
ZONES = (  # noqa: SIM905 - a list of names
    "Europe/Berlin America/New_York Australia/Lord_Howe Africa/Casablanca Europe/Dublin America/Santiago Asia/Beirut"
    " America/Havana Pacific/Chatham America/St_Johns Antarctica/Troll Atlantic/Azores Africa/Cairo Asia/Gaza Asia/Kolkata"
).split()
DENSE = ["*-*-* *:00..45/15:00", "*-*-* 00..21/3:05:00", "*-*-* *:*:00,20,30"]
SPARSE = [
    "*-*-* 02:30:00", "*-*-* 02:50:00", "*-*-* 00:00:00", "*-*-01 00:30:00", "*-11-01 00:30:00", "Sun *-*-* 01:00,30:00",
    "*-03,10-* 23:45:00", "2026..2028-*-* 01,02:00..40/20:30", "Mon..Fri *-*-01..15 00:00:00", "Sun *-03-25..31 02:45:00",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _systemd() -> None:
    analyzer()


def compare(line: str, start: int, end: int, *, host: str = "UTC") -> int:
    """How many elapses were compared."""
    predicted, stuck = elapses(parse_calendar(line), start, end)
    found = calendar(line, start - 1, len(predicted), host=host)
    assert found == predicted, f"{line} from {start}"
    if stuck is not None:
        assert stuck_after(line, stuck), f"{line} is predicted to be stuck after {stuck}"
    elif predicted and predicted[-1] + 1 < end:
        assert not [at for at in calendar(line, predicted[-1], 1, host=host) if at < end], line
    return len(predicted)


@pytest.mark.parametrize("zone", ZONES)
def test_dense_lines_around_each_change(zone: str) -> None:
    changes = transitions(zone, NOW, TWO_YEARS)
    for change in changes[:2]:
        for spec in DENSE:
            around = 2 * 3_600 if "*:*" in spec else DAY
            compare(f"{spec} {zone}", change.at - around, change.at + around)


@pytest.mark.parametrize("zone", ZONES)
def test_sparse_lines_over_two_years(zone: str) -> None:
    for spec in SPARSE:
        if spec.startswith("*-*-* "):  # once a day: the days around changes tell
            for change in transitions(zone, NOW, TWO_YEARS)[:2]:
                compare(f"{spec} {zone}", change.at - 5 * DAY, change.at + 5 * DAY)
        else:
            compare(f"{spec} {zone}", NOW, TWO_YEARS)


@pytest.mark.slow
def test_every_zone_of_the_database() -> None:
    """One of each kind: zones with the same changes in these two years are one."""
    kinds = {}
    for zone in sorted(zoneinfo.available_timezones() - {"localtime"}):
        changes = transitions(zone, NOW, TWO_YEARS)
        if changes:
            kinds.setdefault(tuple(changes), zone)
    assert len(kinds) > 25
    chance = random.Random(1)
    for changes, zone in kinds.items():
        for change in changes:
            minute = chance.randrange(60)
            for spec in (f"*-*-* *:{minute:02d}:00", f"*-*-* 02:{minute:02d}:00"):
                compare(f"{spec} {zone}", change.at - DAY, change.at + DAY)


@pytest.mark.parametrize("host", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe"])
def test_the_hosts_zone_does_not_matter(host: str) -> None:
    change = transitions("Europe/Berlin", NOW, TWO_YEARS)[1]
    for spec in (*DENSE[:2], *SPARSE[:5]):
        compare(f"{spec} Europe/Berlin", change.at - DAY, change.at + DAY, host=host)


def test_the_search_depends_on_where_it_begins() -> None:
    """In Havana 00:30 on the first of November comes twice: from January on systemd finds the second one."""
    line = "*-11-01 00:30:00 America/Havana"
    first = 1_793_507_400  # 2026-11-01T04:30:00Z
    assert calendar(line, NOW, 1) == [first + 3600] == elapses(parse_calendar(line), NOW, TWO_YEARS)[0][:1]
    assert calendar(line, first - DAY, 1) == [first] == elapses(parse_calendar(line), first - DAY + 1, TWO_YEARS)[0][:1]


def test_a_line_that_gets_stuck_goes_on_when_another_one_calls() -> None:
    """02:50 in the gap of the Chatham islands: systemd gives up, and the timer would never call again."""
    (gap,) = [change for change in transitions("Pacific/Chatham", NOW, NOW + 366 * DAY) if change.shift > 0]
    line, other = parse_calendar("*-*-* 02:50:00 Pacific/Chatham"), parse_calendar("Sat *-09-23..29 14:00:00 UTC")
    found, stuck = elapses(line, gap.at - 2 * DAY, gap.at + 5 * DAY)
    assert (len(found), stuck) == (2, found[-1])
    assert stuck_after(line.text(), found[-1])
    both = timer([line, other], gap.at - 2 * DAY, gap.at + 5 * DAY)
    after = [at for at in both if at > gap.at]
    assert gap.at in both
    assert len(after) == 5
    assert after == calendar(line.text(), gap.at, 5)


@pytest.mark.parametrize(
    "zone", ["Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "Atlantic/Azores"]
)
def test_why_steps_are_written_with_their_end(zone: str) -> None:
    (gap,) = [change for change in transitions(zone, NOW, NOW + 366 * DAY) if change.shift > 0]
    assert stuck_after(f"*-*-* 00/4:00:00 {zone}", gap.at - 3 * 3_600)
    assert not stuck_after(f"*-*-* 00..20/4:00:00 {zone}", gap.at - 3 * 3_600)


def test_lines_are_in_systemds_own_normal_form() -> None:
    lines = [f"{spec} {zone}" for zone in ("UTC", "Europe/Berlin") for spec in (*DENSE, *SPARSE)]
    assert all(parse_calendar(line).text() == line for line in lines)
    assert normal_forms(lines) == lines


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crons, st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime"})), st.data())
def test_any_line_in_any_zone_from_anywhere(rule: Cron, zone: str, data: st.DataObject) -> None:
    """Changes of clocks from 2000 to 2040, also those for good, which have no summer time."""
    changes = transitions(zone, 946_684_800, 2_208_988_800)
    if not changes:
        return
    change = data.draw(st.sampled_from(changes))
    before = data.draw(st.sampled_from([1, 2, 30, 150])) * DAY + data.draw(st.integers(0, DAY - 1))
    for line in cover(Recurrence(rule, timezone=zone), change.at - 200 * DAY, change.at + 200 * DAY):
        start = change.at - before
        found, _ = elapses(parse_calendar(line), start, change.at + DAY)
        compare(line, start if len(found) < 300 else found[-300], change.at + DAY)
