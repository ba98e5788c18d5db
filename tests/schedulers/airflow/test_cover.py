"""Every occurrence has a run, in every zone, as Airflow's own timetables find them; what is called besides is counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.recurrence.zone import transitions
from purista.schedulers.airflow.dialect import AirflowDialect
from purista.schedulers.airflow.reading import firings
from purista.schedulers.base import Compiled, Severity
from purista.testing.suites import DialectSuite
from purista.testing.suites.dialect import NOW as SUITE_NOW
from tests.schedulers.airflow.world import NOW, OWNER, TWO_YEARS, ask, dialect, schedule
from tests.schedulers.test_cover import RULES, ZONES
from tests.schedulers.test_cover_property import crons, intervals, zones

ODD = [*ZONES, "Pacific/Chatham", "America/Havana", "Africa/Cairo", "Atlantic/Azores", "Asia/Gaza"]
ASKED = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Antarctica/Troll",
    "UTC",
]
DAY = 86_400


class _Laws(DialectSuite):
    def test_something_finishes_what_calls_began(self, dialect: Any) -> None:
        """The gateway itself does, and that is said."""
        compiled = dialect.compile(OWNER, self.everything())
        assert [f.severity for f in compiled.findings if f.code == "AF112"] == [Severity.INFO]


class TestDialect(_Laws):
    def make(self) -> AirflowDialect:
        return dialect(now=SUITE_NOW, since=SUITE_NOW)


class TestStandaloneDialect(_Laws):
    def make(self) -> AirflowDialect:
        return dialect(now=SUITE_NOW, since=SUITE_NOW, standalone=True)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


MEASURED = [
    # what Airflow 3.3.2 itself printed: expression, zone, from, to, instants (UTC)
    ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "01:30"),
    ("0 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "01:00"),
    ("0 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T02:01Z", "00:00 01:00 02:00"),
    ("15,45 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T04:00Z", "01:15"),
    ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T04:00Z", "01:00"),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "01:30"),
    ("0 * * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "23:00 00:00 01:00 02:00 03:00"),
    ("*/15 2 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T03:01Z", "01:00 01:15 01:30 01:45"),
    ("0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:00Z", "2026-04-04T17:00Z", "13:00 14:00 15:00 15:30 16:30"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "zone", "start", "end", "wanted"), MEASURED)
def test_its_runs_are_those_that_airflow_makes(text: str, zone: str, start: str, end: str, wanted: str) -> None:
    found = firings([text], zone, at(start), at(end))
    assert " ".join(datetime.fromtimestamp(one, UTC).strftime("%H:%M") for one in found) == wanted


def covered(rule: Expression, zone: str, start: int, end: int, *, own: bool, **options: object) -> tuple[int, int]:
    """How many are due, and how many runs there are."""
    one = schedule(rule, zone, **options)
    made = dialect(now=start, since=start, horizon_years=3, standalone=own)
    entries = made.compile(OWNER, [one]).entries
    calls = [call for entry in entries for call in made.predict(entry, start, end)]
    due, called = one.recurrence().timestamps(start, end - 60), set(calls)
    missing = [instant for instant in due if (-(-instant // 60) * 60 if own else instant) not in called]
    first = datetime.fromtimestamp(missing[0], UTC).isoformat() if missing else ""
    assert not missing, f"{rule} in {zone}: {len(missing)} of {len(due)} without a run, first {first}"
    return len(due), len(calls)


@pytest.mark.parametrize("own", [False, True], ids=["beside-purista", "standalone"])
def test_two_years_are_covered_and_the_rest_is_counted(own: bool) -> None:
    occurrences = calls = 0
    for zone in ODD if own else ASKED[:4]:  # what is exact needs no long proof
        for rule in RULES if zone == "UTC" else [rule for rule in RULES if isinstance(rule, Cron)]:
            if isinstance(rule, Interval) and rule.every_seconds % 300 and own:
                continue  # a grid, counted below
            due, called = covered(rule, zone, NOW, TWO_YEARS, own=own)
            occurrences, calls = occurrences + due, calls + called
    print(f"\n{occurrences} occurrences, {calls} runs, {calls / occurrences - 1:.3%} extra")
    assert calls < occurrences * (1.02 if own else 1.001)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(crons, zones)
def test_any_rule_in_any_zone_is_covered_where_clocks_change(rule: Cron, zone: str) -> None:
    for change in transitions(zone, NOW, NOW + 3 * 366 * DAY)[:2]:
        covered(rule, zone, change.at - 5 * DAY, change.at + 5 * DAY, own=True)


@settings(max_examples=60, deadline=None)
@given(intervals)
def test_any_interval_is_covered(interval: Interval) -> None:
    covered(interval, "UTC", NOW, NOW + 20 * DAY, own=False)
    if interval.every_seconds >= 60:
        covered(interval, "UTC", NOW, NOW + 20 * DAY, own=True)


def questions(own: bool) -> list[tuple[dict[str, Any], list[tuple[int, int]], list[int]]]:
    """Entries, the spans in which Airflow is asked (two years, or around every change of clocks), and what is predicted."""
    asked, made = [], dialect(standalone=own)
    for zone in ASKED if own else [*ASKED[:3], "UTC"]:
        for rule in RULES:
            if isinstance(rule, Cron) or zone == "UTC":
                for entry in made.compile(OWNER, [schedule(rule, zone)]).entries:
                    few = len(made.predict(entry, NOW, TWO_YEARS)) < 900
                    near = [(c.at - DAY - 10_800, c.at + DAY) for c in transitions(zone, NOW, TWO_YEARS)]
                    spans = [(NOW, TWO_YEARS)] if few else [*near, (NOW, NOW + DAY)]
                    wanted = sorted({at for span in spans for at in made.predict(entry, *span)})
                    asked.append((json.loads(entry.body), spans, wanted))
    return asked


@pytest.mark.parametrize("own", [False, True], ids=["beside-purista", "standalone"])
def test_airflow_itself_makes_the_runs_that_are_predicted(own: bool, tmp_path: Path) -> None:
    """airflow#38098: the hour that comes twice, and the one that does not come, over two years in zones of every kind."""
    asked = questions(own)
    found = ask(tmp_path, "runs", about=[(entry, spans, own) for entry, spans, _ in asked])
    for (entry, _, wanted), seen in zip(asked, found, strict=True):
        odd = sorted(set(wanted).symmetric_difference(seen))
        first = datetime.fromtimestamp(odd[0], UTC).isoformat() if odd else ""
        assert not odd, f"{entry['schedule']} {entry['timetable']}: {len(odd)} differ, first {first}"
    assert sum(map(len, found)) > 15_000


def entries(rule: Expression, zone: str = "UTC", **place: Any) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in dialect(**place).compile(OWNER, [schedule(rule, zone)]).entries]


def once(at: int) -> OneShot:
    return OneShot(datetime.fromtimestamp(at, UTC))


def test_registration_fires_nothing_and_an_outage_is_one_call(tmp_path: Path) -> None:
    """A start in the past would be an immediate run (Airflow's `catchup=False` makes the latest one); none is."""
    now = int(datetime.now(UTC).timestamp())
    daily = Cron("0 0 * * *")
    asked = [
        (entries(daily, since=now)[0], None, False),
        (entries(daily, since=None)[0], None, False),
        (entries(daily, since=now, standalone=True)[0], None, True),
        (entries(daily, since=now - 30 * DAY)[0], now - 9 * DAY, False),
        (entries(daily, since=now - 30 * DAY, standalone=True)[0], now - 9 * DAY, True),
        (entries(once(now - DAY), since=now - 2 * DAY, now=now - 2 * DAY)[0], None, False),
        (entries(once(now // 60 * 60 + 600), since=now, now=now, standalone=True)[0], None, True),
    ]  # fmt: skip
    seen, *found = ask(tmp_path, "first", about=asked)
    midnight = seen // DAY * DAY
    fresh = (midnight, midnight + DAY) if seen - midnight < 180 else (midnight + DAY,)
    assert all(one in fresh for one in found[:3])
    assert found[3:5] == [midnight, midnight], "the latest that was missed; the gateway decides the others"
    assert found[5] == now - DAY, "an instant that was missed is called for"
    assert found[6] == now // 60 * 60 + 600


def codes(*rules: Expression, zone: str = "UTC", own: bool = True, **options: object) -> dict[str, Severity]:
    schedules = [schedule(rule, zone, f"s{number}", **options) for number, rule in enumerate(rules)]
    compiled: Compiled = dialect(standalone=own).compile(OWNER, schedules)
    return {finding.code: finding.severity for finding in compiled.findings if finding.key}


def test_what_is_changed_or_refused_is_said() -> None:
    assert codes(Cron("0 5 * * *")) == {}
    assert codes(Cron("30 2 * * *"), zone="Europe/Berlin") == {"AF106": Severity.INFO}
    assert codes(Cron("30 2 * * *"), zone="Europe/Berlin", own=False) == {}
    assert codes(Interval(90)) == {"AF105": Severity.WARNING, "AF107": Severity.INFO}
    assert codes(Interval(30)) == {"AF103": Severity.REFUSED}
    assert codes(Interval(30), own=False) == {}
    assert codes(OneShot("2020-01-01T00:00:00Z")) == {"AF102": Severity.INFO}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=60_000) == {"AF104": Severity.WARNING}
    assert codes(Cron("0 5 * * *"), enabled_by_default=False) == {"AF101": Severity.INFO}
    assert codes(Cron("0 5 * * *"), end_ms=(NOW + DAY) * 1_000) == {}


def test_every_hour_of_some_days_is_never_one_text() -> None:
    """Airflow adds elapsed time where the hour field covers every hour: on the next such day it would be an hour off."""
    (found,) = entries(Cron("0 * 1 * *"), "Europe/Berlin", standalone=True)[:1]
    assert found["timetable"]["crons"] == ["0 0-11 1 * *", "0 12-23 1 * *"]


def test_day_and_weekday_together_are_covered_by_the_rarer_one() -> None:
    """`0 0 */1 * 1` is every day in Airflow, Mondays in cron."""
    (found,) = entries(Cron("0 0 */1 * 1"), standalone=True)
    assert found["timetable"]["crons"] == ["0 0 * * 1"]
    (found,) = entries(Cron("0 0 */10 * 1"), standalone=True)
    assert found["timetable"]["crons"] == ["0 0 1,11,21,31 * *"]


def test_a_weekly_interval_is_called_once_a_week() -> None:
    due, calls = covered(
        Interval(timedelta(weeks=1), timedelta(days=2, minutes=5)), "UTC", NOW, NOW + 70 * DAY, own=True
    )
    assert due == calls == 10
