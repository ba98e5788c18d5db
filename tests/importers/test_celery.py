"""Beat's entries become contracts that are due when beat would send, as Celery itself says."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from purista.importers.base import Kind
from purista.importers.celery import fires, import_beat
from tests.importers.libraries import needed

celery = needed("celery")
schedules = needed("celery.schedules")
NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400


def app_with(schedule, *, timezone="UTC", **entry):
    app = celery.Celery("x", broker="memory://", set_as_current=False)
    app.conf.timezone = timezone
    app.conf.beat_schedule = {"job": {"task": "tasks.work", "schedule": schedule} | entry}
    if isinstance(schedule, schedules.BaseSchedule):
        schedule.app = app
    return app


def one(schedule, **options):
    found = import_beat(app_with(schedule, **options), "proj:app", now=NOW)
    assert found.total == 1 == len(found.jobs) + len(found.refused)
    return found


def choose(rnd, low, high):
    kind = rnd.randrange(5)
    if kind == 0:
        return "*"
    if kind == 1:
        return rnd.randint(low, high)
    if kind == 2:
        return f"*/{rnd.randint(1, high)}"
    if kind == 3:
        return sorted(rnd.sample(range(low, high + 1), min(3, high - low)))
    start = rnd.randint(low, high - 1)
    return f"{start}-{rnd.randint(start, high)}"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
def test_the_next_instants_are_celerys_own(zone):
    """Random crontabs, in three weeks of January without a change of the clocks; what is refused says why."""
    rnd, carried = random.Random(f"celery {zone}"), 0
    for _ in range(80):
        fields = {
            "minute": choose(rnd, 0, 59), "hour": choose(rnd, 0, 23), "day_of_week": choose(rnd, 0, 6),
            "day_of_month": rnd.choice(["*", "*", "*/2", "1-7", 15]), "month_of_year": rnd.choice(["*", "*", "1-6", "*/3"]),
        }  # fmt: skip
        source = schedules.crontab(**fields)
        found = one(source, timezone=zone)
        if found.refused:
            assert "must both match" in found.refused[0].message, fields
            continue
        carried += 1
        rule = found.jobs[0].schedule.recurrence()
        window = (NOW + DAY, NOW + 3 * DAY) if fields["hour"] == "*" else (NOW + DAY, NOW + 21 * DAY)
        assert list(rule.timestamps(*window)) == fires(source, *window), fields
    assert carried > 40


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", "sun"), (0, "sun"), ("1-5", "mon-fri"), ("sun", "sun"), ("sunday", "sun"), ("mon-fri", "mon-fri"),
        ("fri-mon", "mon,fri,sat,sun"), ("*/2", "tue,thu,sat,sun"), ([6, 0], "sat,sun"), ("*", "*"),
    ],
)  # fmt: skip
def test_weekdays_count_from_sunday(given, expected):
    (job,) = one(schedules.crontab(hour=1, minute=5, day_of_week=given)).jobs
    assert job.schedule.expression.value == f"5 1 * * {expected}"


def test_a_day_and_a_weekday_that_must_both_match():
    (job,) = one(schedules.crontab(hour=1, minute=5, day_of_week="mon", day_of_month="1-7")).jobs
    assert job.schedule.expression.value == "5 1 */100,1-7 * mon"
    (refused,) = one(schedules.crontab(hour=1, minute=5, day_of_week="fri", day_of_month=13)).refused
    assert "must both match" in refused.message


@pytest.mark.parametrize("source", [90, 90.0, timedelta(seconds=90), schedules.schedule(90)])
def test_intervals_keep_their_distance_and_lose_their_phase(source):
    found = one(source)
    rule = found.jobs[0].schedule.recurrence()
    ours = rule.timestamps(NOW, NOW + 3600)
    assert {b - a for a, b in pairwise(ours)} == {90}
    theirs = schedules.schedule(90, nowfun=lambda: datetime.fromtimestamp(ours[0], UTC), app=app_with(90))
    assert theirs.remaining_estimate(datetime.fromtimestamp(ours[0], UTC)) == timedelta(seconds=ours[1] - ours[0])
    (finding,) = [f for f in found.findings if f.job == "job"]
    assert "counted from beat's start" in finding.message


def test_solar_fractions_and_strangers_are_refused():
    assert "the sun" in one(schedules.solar.__new__(schedules.solar)).refused[0].message
    assert "whole seconds" in one(0.5).refused[0].message
    assert "purista does not" in one(object()).refused[0].message


def test_what_cannot_be_written_is_refused():
    assert "builtins.object" in one(60, args=(object(),)).refused[0].message


def test_the_task_is_sent_with_everything_the_entry_had():
    found = one(60, args=(1, "a"), kwargs={"x": [1, None]}, options={"queue": "slow", "expires": 300})
    assert "\n".join(found.jobs[0].body) == (
        'send(\n    context,\n    "tasks.work",\n    args=[1, "a"],\n    kwargs={"x": [1, None]},\n'
        '    options={"queue": "slow", "expires": 300},\n)'
    )
    assert 'pkgutil.resolve_name("proj:app")' in found.prelude


def test_policies_are_what_beat_did_and_its_deadline_is_kept():
    source = schedules.crontab(hour=1)
    app = app_with(source)
    app.conf.beat_cron_starting_deadline = 900
    (job,) = import_beat(app, "proj:app", now=NOW).jobs
    schedule = job.schedule
    assert (str(schedule.concurrency_policy), str(schedule.missed_run_policy)) == ("allow", "runOnce")
    assert schedule.start_deadline_ms == 900_000


def test_changes_of_the_clocks_are_findings_with_instants():
    found = one(schedules.crontab(hour=2, minute=30), timezone="Europe/Berlin")
    (finding,) = [f for f in found.findings if f.job == "job"]
    assert finding.kind is Kind.DIFFERENT
    assert "2026-03-29" in finding.message
    assert "2026-03-29T01:00Z" in finding.message
    quiet = one(schedules.crontab(hour=12, minute=30), timezone="Europe/Berlin")
    assert [f for f in quiet.findings if f.job == "job"] == []


def test_entries_kept_elsewhere_are_named():
    app = app_with(60)
    app.conf.beat_scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    found = import_beat(app, "proj:app", now=NOW)
    assert any("DatabaseScheduler" in f.message for f in found.findings if f.kind is Kind.LOST)


def test_missing_policies_are_named():
    assert any("no policies" in f.message for f in one(60).findings if f.kind is Kind.CHOSEN)


def test_looking_leaves_the_schedule_as_it_was():
    source = schedules.crontab(hour=2)
    one(source, timezone="Europe/Berlin")
    assert source.nowfun is None


def test_the_worker_sends_the_task_under_the_occurrences_id(monkeypatch):
    import sys
    from types import ModuleType, SimpleNamespace

    from purista.importers.module import render

    sent = []
    proj = ModuleType("sendingproj")
    proj.app = SimpleNamespace(send_task=lambda *args, **options: sent.append((args, options)))
    monkeypatch.setitem(sys.modules, "sendingproj", proj)
    app = app_with(60, args=(1,), options={"queue": "slow"})
    scope: dict = {"__name__": "made"}
    exec(render(import_beat(app, "sendingproj:app", now=NOW)), scope)
    scope["job"](SimpleNamespace(schedule=SimpleNamespace(occurrence_id="abc")))
    assert sent == [(("tasks.work",), {"args": [1], "kwargs": None, "task_id": "abc", "queue": "slow"})]
