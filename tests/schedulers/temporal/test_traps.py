"""What hurt users of Temporal's schedules (``docs/traps.md``), each under the name of its trap."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from temporalio.client import ScheduleOverlapPolicy

from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy
from purista.recurrence import Cron, Expression, Interval
from purista.schedulers.base import CallKind, Entry
from purista.schedulers.temporal.calendar import Times
from purista.schedulers.temporal.ingress import call_of, from_document, to_document
from purista.schedulers.temporal.wire import built
from tests.schedulers.temporal.world import NOW, OWNER, dialect, schedule


def entry(rule: Expression, zone: str = "UTC", **options: object) -> Entry:
    (found,) = dialect().compile(OWNER, [schedule(rule, zone, **options)]).entries
    return found


def called(one: Entry, first: str, last: str) -> list[str]:
    start, end = (int(datetime.fromisoformat(text).timestamp()) for text in (first, last))
    return [f"{datetime.fromtimestamp(at, UTC):%dT%H:%M}" for at in dialect().predict(one, start, end)]


def test_the_repeated_hour_east_of_greenwich_has_no_holes() -> None:
    quarter = entry(Cron("*/15 * * * *"), "Europe/Berlin")
    assert len(called(quarter, "2026-10-24T22:00Z", "2026-10-25T03:00Z")) == 20
    assert called(entry(Cron("30 2 * * *"), "Europe/Berlin"), "2026-10-25T00:00Z", "2026-10-25T03:00Z") == [
        "25T00:30", "25T01:30",
    ]  # fmt: skip


def test_no_zone_is_left_to_temporal() -> None:
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Kathmandu"):
        spec = built(json.loads(entry(Cron("30 2 * * *"), zone).body)).spec
        assert spec.time_zone_name is None
        assert spec.cron_expressions == []


def test_day_of_month_or_weekday_is_not_and() -> None:
    one = entry(Cron("0 0 13 * 5"))
    assert called(one, "2026-01-01T00:00Z", "2026-01-17T00:00Z") == ["02T00:00", "09T00:00", "13T00:00", "16T00:00"]


def test_sunday_is_there_as_seven() -> None:
    assert called(entry(Cron("0 0 * * 1-7")), "2026-01-04T00:00Z", "2026-01-05T00:00Z") == ["04T00:00"]


def test_no_policy_of_temporals_drops_a_call() -> None:
    for policy in ConcurrencyPolicy:
        made = built(json.loads(entry(Cron("0 5 * * *"), concurrency_policy=policy).body))
        assert made.policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL


def test_the_catch_up_window_is_never_a_year() -> None:
    windows = {
        text: built(
            json.loads(entry(Cron(text), missed_run_policy=MissedRunPolicy.BACKFILL).body)
        ).policy.catchup_window
        for text in ("* * * * *", "0 5 * * *")
    }
    assert windows == {"* * * * *": timedelta(hours=1), "0 5 * * *": timedelta(days=1)}


def test_two_schedules_never_share_a_workflow_id() -> None:
    both = [schedule(Cron("0 5 * * *"), "UTC", name) for name in ("a", "b")]
    ids = {json.loads(one.body)["id"] for one in dialect().compile(OWNER, both).entries}
    assert len(ids) == 2
    assert {built(json.loads(one.body)).action.id for one in dialect().compile(OWNER, both).entries} == ids  # type: ignore[union-attr]


def test_a_trigger_by_hand_is_not_taken_for_an_occurrence() -> None:
    asked = json.loads(entry(Cron("0 5 * * *")).body)
    five = (NOW + 5 * 3_600) * 1_000
    scheduled = call_of(asked, five, five + 90, "run-1")
    assert (scheduled.kind, scheduled.scheduled_at, scheduled.request) == (CallKind.SCHEDULED, five, "")
    by_hand = [call_of(asked, five + 61_000, five + 61_500, run) for run in ("run-1", "run-2")]
    assert [call.kind for call in by_hand] == [CallKind.MANUAL] * 2
    assert by_hand[0].request != by_hand[1].request, "two within one second are two"
    assert from_document(json.loads(json.dumps(to_document(scheduled)))) == scheduled


def test_a_backfill_is_a_replay_and_a_late_call_is_not() -> None:
    asked = json.loads(entry(Cron("0 5 * * *"), jitter_window_ms=600_000).body)
    five = (NOW + 5 * 3_600) * 1_000
    assert call_of(asked, five, five + 86_400_000, "r").kind is CallKind.SCHEDULED, "made up for within the window"
    backlog = five + 86_400_000 + 600_000 + 3_600_000
    assert call_of(asked, five, backlog, "r").kind is CallKind.SCHEDULED, (
        "of many that the server begins at thirty a second"
    )
    replay = call_of(asked, five, five + 3 * 86_400_000, "r")
    assert (replay.kind, replay.scheduled_at) == (CallKind.REPLAY, five)


def test_a_weekly_interval_is_where_the_contract_has_it() -> None:
    weekly = entry(Interval(timedelta(weeks=1), timedelta(days=4)))
    assert called(weekly, "2026-01-01T00:00Z", "2026-01-15T00:00Z") == ["05T00:00", "12T00:00"]
    assert Times.read(json.loads(weekly.body)["times"]).calendars == ()


def test_hostile_names_stay_what_they_are() -> None:
    for name in ("it's", 'say "x"', "100%", "a b", "ж", "$(reboot)", "' OR ScheduleId > '", "x" * 200):
        made = json.loads(entry(Cron("0 5 * * *"), name=name).body)
        assert made["key"] == f"user/1/{name}"
        assert made["id"].endswith(f"/user/1/{name}")
