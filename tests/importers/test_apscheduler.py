"""APScheduler's jobs become contracts that are due when its triggers fire, as they themselves say."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from purista.importers.apscheduler import fires, import_jobs
from purista.importers.base import Kind
from tests.importers.libraries import needed

background = needed("apscheduler.schedulers.background")
cron = needed("apscheduler.triggers.cron")
combining = needed("apscheduler.triggers.combining")
NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400


def work(*_args: object, **_options: object) -> None:
    """What the jobs call."""


def one(*trigger, job_defaults=None, zone="UTC", **options):
    scheduler = background.BackgroundScheduler(timezone=zone, job_defaults=job_defaults or {})
    scheduler.add_job("tests.importers.test_apscheduler:work", *trigger, **{"id": "job"} | options)
    found = import_jobs(scheduler, "proj:scheduler", now=NOW)
    assert found.total == 1 == len(found.jobs) + len(found.refused)
    return found


def schedule_of(*trigger, **options):
    found = one(*trigger, **options)
    assert found.jobs, found.refused
    return found.jobs[0].schedule


def choose(rnd, low, high):
    kind = rnd.randrange(5)
    if kind == 0:
        return "*"
    if kind == 1:
        return str(rnd.randint(low, high))
    if kind == 2:
        return f"*/{rnd.randint(1, high - low)}"
    if kind == 3:
        return ",".join(map(str, sorted(rnd.sample(range(low, high + 1), min(3, high - low)))))
    start = rnd.randint(low, high - 1)
    return f"{start}-{rnd.randint(start, high)}"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
def test_the_next_instants_are_apschedulers_own(zone):
    """Random triggers, in three weeks of January without a change of the clocks; what is refused says why."""
    rnd, carried = random.Random(f"apscheduler {zone}"), 0
    for _ in range(80):
        fields = {
            "minute": choose(rnd, 0, 59), "hour": choose(rnd, 0, 23), "day_of_week": choose(rnd, 0, 6),
            "day": rnd.choice(["*", "*", "*/2", "1-7", "15"]), "month": rnd.choice(["*", "*", "1-6", "jan-mar"]),
        }  # fmt: skip
        trigger = cron.CronTrigger(timezone=zone, **fields)
        found = one(trigger)
        if found.refused:
            assert "must both match" in found.refused[0].message, fields
            continue
        carried += 1
        rule = found.jobs[0].schedule.recurrence()
        window = (NOW + DAY, NOW + 3 * DAY) if fields["hour"] == "*" else (NOW + DAY, NOW + 21 * DAY)
        assert list(rule.timestamps(*window)) == fires(trigger, *window), fields
    assert carried > 40


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", "mon"), (6, "sun"), ("0-4", "mon-fri"), ("1-5", "tue-sat"), ("mon-fri", "mon-fri"), ("sat,sun", "sat,sun"),
        ("*/2", "mon,wed,fri,sun"), ("5-6", "sat,sun"),
    ],
)  # fmt: skip
def test_weekdays_count_from_monday(given, expected):
    found = one("cron", day_of_week=given, hour=1, minute=5)
    assert found.jobs[0].schedule.expression.value == f"5 1 * * {expected}"
    told = [f.message for f in found.findings if "counts from Monday" in f.message]
    assert bool(told) == any(c.isdigit() for c in str(given))


def test_a_line_copied_from_a_crontab_is_pointed_out():
    found = one(cron.CronTrigger.from_crontab("0 9 * * 1-5", timezone="UTC"))
    assert found.jobs[0].schedule.expression.value == "0 9 * * tue-sat"
    assert any("ran a day late" in f.message for f in found.findings)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"second": "*/10"}, "second='*/10'"), ({"second": 30, "minute": 5}, "second='30'"),
        ({"week": "1-10"}, "week of the year"),
        ({"year": 2027}, "no year"), ({"day": "last"}, "no last day"), ({"day": "2nd fri"}, "no n-th weekday"),
        ({"day": 13, "day_of_week": "fri"}, "must both match"),
    ],
)  # fmt: skip
def test_fields_that_cron_does_not_have_are_refused(fields, reason):
    (refused,) = one("cron", **fields).refused
    assert reason in refused.message
    assert refused.fix


def test_defaults_of_finer_fields_are_those_of_the_trigger():
    assert schedule_of("cron", hour=5).expression.value == "0 5 * * *"
    assert schedule_of("cron", day="1,15").expression.value == "0 0 1,15 * *"
    assert schedule_of("cron", minute="5/15").expression.value == "5-50/15 * * * *"


def test_bounds_include_the_last_instant():
    schedule = schedule_of("cron", hour="*", start_date="2026-02-01", end_date="2026-02-01 05:00:00")
    hours = schedule.recurrence().timestamps(NOW, NOW + 60 * DAY)
    trigger = cron.CronTrigger(hour="*", start_date="2026-02-01", end_date="2026-02-01 05:00:00", timezone="UTC")
    assert list(hours) == fires(trigger, NOW, NOW + 60 * DAY)
    assert len(hours) == 6


def test_an_interval_with_a_start_keeps_its_phase():
    found = one("interval", hours=7, start_date="2026-01-01 01:00:00", zone="Europe/Berlin")
    trigger = background.BackgroundScheduler(timezone="Europe/Berlin").add_job(
        work, "interval", hours=7, start_date="2026-01-01 01:00:00"
    ).trigger  # fmt: skip
    rule = found.jobs[0].schedule.recurrence()
    assert list(rule.timestamps(NOW, NOW + 20 * DAY)) == fires(trigger, NOW, NOW + 20 * DAY)
    assert not any("counted from" in f.message for f in found.findings)


def test_an_interval_without_one_says_that_its_phase_is_new():
    found = one("interval", minutes=5)
    assert found.jobs[0].schedule.expression.every_seconds == 300
    assert any("counted from when the job was added" in f.message for f in found.findings)


def test_dates():
    assert schedule_of("date", run_date="2026-12-01 01:00:00").expression.at == datetime(2026, 12, 1, 1, tzinfo=UTC)
    assert "that is over" in one("date", run_date="2020-12-01 01:00:00").refused[0].message


def test_combined_triggers_are_refused():
    either = combining.OrTrigger([cron.CronTrigger(hour=1), cron.CronTrigger(hour=2)])
    (refused,) = one(either).refused
    assert "OrTrigger" in refused.message
    assert "a schedule for each" in refused.fix


@pytest.mark.parametrize(
    ("options", "policies"),
    [
        ({}, ("forbid", "skip", None, None)),
        ({"max_instances": 3}, ("allow", "skip", None, None)),
        ({"misfire_grace_time": None, "coalesce": True}, ("forbid", "runOnce", None, None)),
        ({"misfire_grace_time": 3600, "coalesce": True}, ("forbid", "runOnce", 3_600_000, None)),
        ({"misfire_grace_time": 3600, "coalesce": False}, ("forbid", "backfill", 3_600_000, 13)),
        ({"misfire_grace_time": None, "coalesce": False}, ("forbid", "backfill", None, 1000)),
        ({"job_defaults": {"misfire_grace_time": 3600, "coalesce": True, "max_instances": 2}},
         ("allow", "runOnce", 3_600_000, None)),
    ],
)  # fmt: skip
def test_policies(options, policies):
    schedule = schedule_of("cron", minute="*/5", **options)
    assert policies == (
        str(schedule.concurrency_policy), str(schedule.missed_run_policy), schedule.start_deadline_ms,
        schedule.max_catch_up_count,
    )  # fmt: skip


def test_what_of_the_policies_is_lost_is_named():
    assert any("misfire_grace_time=1" in f.message for f in one("cron", hour=5).findings)
    assert any("max_instances=3" in f.message for f in one("cron", hour=5, max_instances=3).findings)


def test_jitter_is_kept_where_it_is_shorter_than_the_gap():
    assert schedule_of("cron", minute="*/5", jitter=60).jitter_window_ms == 60_000
    found = one("cron", minute="*", jitter=60)
    assert found.jobs[0].schedule.jitter_window_ms is None
    assert any("jitter=60" in f.message for f in found.findings if f.kind is Kind.LOST)


def test_a_paused_job_stays_paused():
    assert schedule_of("cron", hour=5, next_run_time=None).enabled_by_default is False


def test_functions_without_a_name_are_refused():
    scheduler = background.BackgroundScheduler(timezone="UTC")
    scheduler.add_job(lambda: 1, "interval", minutes=5)
    (refused,) = import_jobs(scheduler, "proj:scheduler", now=NOW).refused
    assert "no name that can be imported" in refused.message


def test_the_function_is_called_with_its_arguments():
    found = one("cron", hour=5, args=[1, "a"], kwargs={"x": None})
    assert found.jobs[0].body == (
        "call(", '    "tests.importers.test_apscheduler:work",', "    1,", '    "a",', "    x=None,", ")",
    )  # fmt: skip
    assert "builtins.object" in one("cron", hour=5, args=[object()]).refused[0].message


def test_changes_of_the_clocks_are_findings_with_instants():
    found = one("cron", hour=2, minute=30, zone="Europe/Berlin")
    told = [f.message for f in found.findings if "when the clocks go" in f.message]
    assert len(told) == 2
    assert "2026-03-29T01:00Z" in told[0]
    assert "2026-10-25T01:30Z" in told[1]
    noon = one("cron", hour=12, minute=30, zone="Europe/Berlin")
    assert not any("when the clocks go" in f.message for f in noon.findings)


def test_stores_that_were_not_opened_are_named():
    class RowsJobStore:
        """Keeps jobs in a database."""

        def start(self, *_):
            raise AssertionError("nothing is opened")

    scheduler = background.BackgroundScheduler(timezone="UTC")
    scheduler._jobstores["rows"] = RowsJobStore()
    found = import_jobs(scheduler, "proj:scheduler", now=NOW)
    assert any("RowsJobStore" in f.message for f in found.findings if f.kind is Kind.LOST)


SEEN: list[object] = []


def plain(*args: object, **options: object) -> None:
    SEEN.append((args, options))


async def waiting(word: str) -> None:
    SEEN.append(word)


def test_the_worker_calls_functions_and_waits_for_coroutines():
    from purista.importers.module import render

    scheduler = background.BackgroundScheduler(timezone="UTC")
    scheduler.add_job(plain, "cron", hour=5, id="plain", args=[1], kwargs={"function": 2})
    scheduler.add_job(waiting, "cron", hour=5, id="waiting", args=["done"])
    scope: dict = {"__name__": "made"}
    exec(render(import_jobs(scheduler, "proj:scheduler", now=NOW)), scope)
    SEEN.clear()
    scope["plain"](None)
    scope["waiting"](None)
    assert SEEN == [((1,), {"function": 2}), "done"]
