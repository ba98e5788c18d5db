"""Two years, in zones of every kind: what is due has a call, what is called beside it is counted; and the server agrees."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest

from purista.recurrence import Cron, Expression, Interval, OneShot
from purista.recurrence.zone import transitions
from purista.schedulers.base import Severity
from purista.schedulers.temporal.control import TemporalControl
from purista.schedulers.temporal.wire import built, meaning
from tests.schedulers.temporal.server import Server
from tests.schedulers.temporal.world import NOW, OWNER, TWO_YEARS, dialect, schedule
from tests.schedulers.test_cover_property import crons, intervals, zones

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/St_Johns", "America/Santiago",
    "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu", "Africa/Casablanca", "Africa/Cairo", "Pacific/Kiritimati",
)  # fmt: skip
CRONS = (
    "*/15 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "30 1 * * mon-fri", "0 0 1 * *", "15 23 28-31 * *", "0 0 29 2 *",
    "0 12 13 * fri", "0 0 */10 * 1", "15 0 1 1 *", "5 2 * 3,10 0", "0-59/7 1-3 * * *",
)  # fmt: skip


def covered(rule: Expression, zone: str, start: int = NOW, end: int = TWO_YEARS, **options: object) -> tuple[int, int]:
    """How many are due, and how often it is called."""
    one = schedule(rule, zone, **options)
    (entry,) = dialect(now=start).compile(OWNER, [one]).entries
    calls, due = set(dialect().predict(entry, start, end)), one.recurrence().timestamps(start, end)
    missing = [datetime.fromtimestamp(at, UTC).isoformat() for at in due if at not in calls]
    assert not missing, f"{rule} in {zone}: {len(missing)} of {len(due)} without a call, first {missing[0]}"
    return len(due), len(calls)


def test_two_years_are_covered_and_the_rest_is_counted() -> None:
    occurrences = calls = 0
    for zone in ZONES:
        for text in CRONS:
            due, called = covered(Cron(text), zone)
            occurrences, calls = occurrences + due, calls + called
    print(f"\n{len(ZONES)} zones: {occurrences} occurrences, {calls} calls, {calls / occurrences - 1:.3%} extra")
    assert calls < occurrences * 1.02


@settings(max_examples=60, deadline=None)
@given(crons, zones)
def test_any_rule_in_any_zone_is_covered_where_clocks_change(rule: Cron, zone: str) -> None:
    for change in transitions(zone, NOW, NOW + 2 * 366 * 86_400)[:2]:
        one = schedule(rule, zone)
        if one.recurrence().next_timestamp(NOW - 86_400) is not None:
            covered(rule, zone, change.at - 3 * 86_400, change.at + 3 * 86_400)


@settings(max_examples=60, deadline=None)
@given(intervals)
def test_an_interval_is_called_exactly(interval: Interval) -> None:
    due, calls = covered(interval, "UTC", NOW, NOW + 5 * 86_400)
    assert due == calls


def test_start_end_and_one_shots_are_exact() -> None:
    bounds = {"start_ms": (NOW + 86_400) * 1000, "end_ms": (NOW + 10 * 86_400) * 1000}
    due, calls = covered(Cron("30 5 * * *"), "UTC", **bounds)
    assert due == calls == 9
    assert covered(OneShot("2026-07-01T12:00:01Z"), "UTC") == (1, 1)


def codes(*rules: Expression, zone: str = "UTC", **options: object) -> dict[str, Severity]:
    schedules = [schedule(rule, zone, f"s{number}", **options) for number, rule in enumerate(rules)]
    return {finding.code: finding.severity for finding in dialect().compile(OWNER, schedules).findings if finding.key}


def test_what_is_changed_or_refused_is_said() -> None:
    assert codes(Cron("0 5 * * *"), Interval(7), OneShot("2030-01-01T00:00:01Z")) == {}
    assert codes(Cron("0 5 * * *"), zone="Europe/Berlin") == {"T106": Severity.INFO}
    assert codes(Cron("0 5 * * *"), zone="Asia/Kathmandu") == {}
    assert codes(OneShot("2020-01-01T00:00:00Z")) == {"T102": Severity.INFO}
    assert codes(OneShot("2150-01-01T00:00:00Z")) == {"T103": Severity.REFUSED}
    assert codes(Cron("0 5 * * *"), jitter_window_ms=7_200_000) == {"T104": Severity.WARNING}
    assert codes(Cron("0 5 * * *"), enabled_by_default=False) == {"T101": Severity.INFO}


def test_ids_that_temporal_cannot_take_are_refused() -> None:
    for name in ("half \ud800", "a\nb"):
        compiled = dialect().compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC", name)])
        assert [finding.code for finding in compiled.findings] == ["T108"]
        assert compiled.entries == ()


async def test_predicted_instants_are_the_servers(temporal: Server) -> None:
    """Around both changes of clocks, a month's end and a leap day; for calendars, intervals and bounds."""
    client = await temporal.client()
    rules: list[tuple[Expression, str]] = [(Cron(text), zone) for zone in ZONES[:8:2] for text in CRONS[1:]]
    rules += [(Interval(timedelta(hours=7), timedelta(minutes=3)), "UTC"), (OneShot("2026-03-29T01:30:07Z"), "UTC")]
    schedules = [schedule(rule, zone, f"s{number}") for number, (rule, zone) in enumerate(rules)]
    bounds = {"start_ms": (NOW + 88 * 86_400) * 1000, "end_ms": (NOW + 89 * 86_400 + 5_400) * 1000}
    schedules.append(schedule(Cron("*/30 * * * *"), "Europe/Berlin", "bounded", **bounds))
    compiled = dialect().compile(OWNER, schedules)
    await TemporalControl(temporal.client).apply(OWNER, compiled)
    for entry in compiled.entries:
        for first in ("2026-03-27", "2026-10-23", "2027-12-30", "2028-02-27"):
            start = int(datetime.fromisoformat(f"{first}T00:00:00Z").timestamp())
            end = start + 4 * 86_400
            asked = ListScheduleMatchingTimesRequest(namespace="default", schedule_id=entry.name)
            asked.start_time.FromSeconds(start - 1)  # which is not part of it
            asked.end_time.FromSeconds(end - 1)
            answer = await client.workflow_service.list_schedule_matching_times(asked)
            theirs = [at.seconds for at in answer.start_time]
            assert theirs == list(dialect().predict(entry, start, end)), f"{entry.keys} from {first}: {entry.body}"


@pytest.mark.parametrize("rule", [Cron("*/7 3 1,15 * mon"), Interval(90), OneShot("2030-01-01T00:00:01Z")])
def test_what_is_built_says_what_the_description_says(rule: Expression) -> None:
    (entry,) = dialect().compile(OWNER, [schedule(rule, "Europe/Berlin", jitter_window_ms=1_500)]).entries
    made = built(json.loads(entry.body))
    assert meaning(made) == meaning(built(json.loads(entry.body)))
    assert made.spec.cron_expressions == []
    assert made.spec.time_zone_name is None
    assert made.spec.jitter == timedelta(seconds=1.5)
