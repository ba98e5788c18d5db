"""Times as people write them, in zones whose clocks change."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from purista.cli.exits import USAGE, Stop
from purista.cli.when import Kind, ago, clock_changes, clock_effect, duration, local, parse_bound, parse_time, utc
from purista.clock import from_iso, to_iso

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "zone", "expected", "kind"),
    [
        ("2026-03-29T02:30", "Europe/Berlin", ["2026-03-29T01:00:00.000Z"], Kind.GAP),
        ("2026-03-29T03:00", "Europe/Berlin", ["2026-03-29T01:00:00.000Z"], None),
        ("2026-03-29T01:59", "Europe/Berlin", ["2026-03-29T00:59:00.000Z"], None),
        ("2026-10-25T02:30", "Europe/Berlin", ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"], Kind.OVERLAP),
        ("2026-10-25T03:00", "Europe/Berlin", ["2026-10-25T02:00:00.000Z"], None),
        ("2026-10-25 02:30:00+01:00", "Europe/Berlin", ["2026-10-25T01:30:00.000Z"], None),
        ("2026-10-25T02:30Z", "Europe/Berlin", ["2026-10-25T02:30:00.000Z"], None),
        ("2026-10-25", "UTC", ["2026-10-25T00:00:00.000Z"], None),
        ("2026-10-04T02:15", "Australia/Lord_Howe", ["2026-10-03T15:30:00.000Z"], Kind.GAP),
        ("2011-12-30T12:00", "Pacific/Apia", ["2011-12-30T10:00:00.000Z"], Kind.GAP),
    ],
)
def test_a_written_time_means_these_instants(text, zone, expected, kind):
    asked = parse_time(text, zone)
    assert [to_iso(t * 1000) for t in asked.instants] == expected
    assert (asked.change and asked.change.kind) == kind


@pytest.mark.parametrize(
    "text", ["", "now", "10:46", "2026-13-01", "2026-01-01T25:00", "0001-01-01", "9999-12-31T23:59Z"]
)
def test_anything_else_is_a_usage_error(text):
    with pytest.raises(Stop, match="expected a time") as caught:
        parse_time(text, "America/New_York")
    assert caught.value.code == USAGE


def test_milliseconds_are_kept():
    asked = parse_time("2026-01-01T00:00:00.123Z", "UTC")
    assert (asked.instants, asked.milliseconds) == ((from_iso("2026-01-01T00:00:00Z") // 1000,), 123)


def test_a_bound_without_an_offset_is_utc():
    assert parse_bound("2026-01-01", "--since") == from_iso("2026-01-01T00:00:00Z")
    assert parse_bound(None, "--since") is None
    with pytest.raises(Stop, match="--since: expected a time"):
        parse_bound("yesterday", "--since")


def test_changes_of_the_clocks():
    start, end = from_iso("2026-01-01T00:00:00Z") // 1000, from_iso("2027-01-01T00:00:00Z") // 1000
    changes = clock_changes(BERLIN, start, end)
    assert [(to_iso(c.at * 1000), str(c.kind)) for c in changes] == [
        ("2026-03-29T01:00:00.000Z", "gap"),
        ("2026-10-25T01:00:00.000Z", "overlap"),
    ]
    assert changes[0].sentence() == "clocks go forward on Sun 2026-03-29 from 02:00 to 03:00"
    assert changes[1].sentence() == "clocks go back on Sun 2026-10-25 from 03:00 to 02:00"
    assert clock_changes(ZoneInfo("UTC"), start, end) == []


@pytest.mark.parametrize(
    ("instant", "effect"),
    [
        ("2026-03-29T00:59:59Z", ""),
        ("2026-03-29T01:00:00Z", "right after the gap: 02:00 to 03:00 does not exist"),
        ("2026-03-29T01:00:01Z", ""),
        ("2026-10-24T23:59:59Z", ""),
        ("2026-10-25T00:00:00Z", "first pass: 02:00 comes twice"),
        ("2026-10-25T00:59:59Z", "first pass: 02:59 comes twice"),
        ("2026-10-25T01:00:00Z", "second pass: 02:00 comes twice"),
        ("2026-10-25T02:00:00Z", ""),
    ],
)
def test_what_is_special_about_an_instant(instant, effect):
    assert clock_effect(BERLIN, from_iso(instant) // 1000) == effect


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"), (-5, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h"),
        (3_601_000, "1 h"), (90_000_000, "1 d 1 h"), (10 * 86_400_000, "10 d"),
    ],
)  # fmt: skip
def test_durations_in_words(ms, words):
    assert duration(ms) == words


def test_texts_for_people():
    at = from_iso("2026-03-29T01:00:00Z")
    assert local(at, BERLIN) == "Sun 2026-03-29 03:00:00 +02:00"
    assert utc(at) == "2026-03-29 01:00:00Z"
    assert (ago(at - 5000, at), ago(at + 5000, at)) == ("5 s ago", "in 5 s")
