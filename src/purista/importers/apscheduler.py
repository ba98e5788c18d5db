"""APScheduler 3's jobs → contracts. The work stays where it is: the worker calls the job's function.

Nothing here imports APScheduler: jobs and triggers are objects that say what they are by their shape.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from purista.contract.samples import smallest_gap
from purista.contract.schedule import Schedule, Target, TargetKind
from purista.importers.apscheduler_cron import read_cron
from purista.importers.base import Collector, Imported, Kind, NotCarried, identifier
from purista.importers.changes import differences
from purista.importers.literal import call
from purista.importers.zones import zone_name
from purista.recurrence import Expression, Interval, OneShot

__all__ = ["fires", "import_jobs"]

LATENESS = 60  # seconds an external scheduler may be late: cron calls once a minute
MOST = 1000
_LIBRARY = {"misfire_grace_time": 1, "coalesce": True, "max_instances": 1}
_NOWHERE = Target(TargetKind.QUEUE, "jobs", "jobs", "1")
_Note = Callable[[Kind, str, str], None]


def import_jobs(scheduler: Any, reference: str, *, now: int) -> Imported:
    """Every job of ``scheduler.get_jobs()``. ``reference`` is how it is imported; ``now`` is epoch seconds."""
    into = Collector("jobs")
    for job in scheduler.get_jobs():
        name = into.name(_name_of(job))
        where = f"job {str(job.id)[:60]!r}"
        with into.job(name, where):
            _job(scheduler, job, name, where, into, now=now)
    _in_general(scheduler, into)
    return into.done(f"APScheduler ({reference})", prelude=CALL, worker="max_attempts=1")


def _name_of(job: Any) -> str:
    """The id, unless it is one that APScheduler made up."""
    made_up = len(job.id) == 32 and not set(job.id) - set("0123456789abcdef")
    return identifier(str(job.name).rpartition(".")[2]) if made_up else str(job.id)


def _job(scheduler: Any, job: Any, name: str, where: str, into: Collector, *, now: int) -> None:
    def note(kind: Kind, message: str, fix: str) -> None:
        into.find(kind, name, where, message, fix)

    def general(kind: Kind, message: str, fix: str) -> None:
        into.find(kind, "", "job defaults", message, fix)

    trigger = job.trigger
    expression, options = _expression(trigger, note, now=now)
    zone = zone_name(getattr(trigger, "timezone", None) or UTC)
    body = _body(job)
    plain = Schedule(
        service="jobs", version="1", name=name, description="", expression=expression, timezone=zone, target=_NOWHERE
    )
    options |= _policies(scheduler, job, plain, note, general) | _jitter(trigger, plain, note) | _state(job, note)
    source = f"{job.func_ref}, {trigger}"
    schedule = into.carry(
        name, expression, timezone=zone, options=options, body=body, source=source, where=where,
        description="" if str(job.name) in source else str(job.name),
    )  # fmt: skip
    for message in differences(schedule, lambda start, end: fires(trigger, start, end), now=now):
        note(Kind.DIFFERENT, message, "write another hour, or timezone='UTC', if that matters")


def _expression(trigger: Any, note: _Note, *, now: int) -> tuple[Expression, dict[str, Any]]:
    """The rule, and the options that bound it."""
    kind = type(trigger).__name__
    if kind == "CronTrigger":
        cron, weekdays = read_cron(trigger)
        if weekdays:
            note(Kind.DIFFERENT, weekdays, "check the day it is meant to run on")
        return cron, _bounds(trigger)
    if kind == "IntervalTrigger":
        return _interval(trigger, note)
    if kind == "DateTrigger":
        return _one_shot(trigger.run_date, note, now=now), {}
    fixes = {
        "OrTrigger": "write a schedule for each of its triggers", "AndTrigger": "write one expression that means both",
        "CalendarIntervalTrigger": "write Cron('30 2 1 * *') for every month, '30 2 * * 1' for every week",
    }  # fmt: skip
    raise NotCarried(f"it has a {kind}, {str(trigger)[:80]}", fixes.get(kind, "write an expression by hand"))


def _bounds(trigger: Any) -> dict[str, datetime]:
    """Start and end; APScheduler's end belongs to it, ours does not."""
    bounds: dict[str, datetime] = {}
    if trigger.start_date:
        bounds["start"] = trigger.start_date.astimezone(UTC)
    if trigger.end_date:
        bounds["end"] = trigger.end_date.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    return bounds


def _interval(trigger: Any, note: _Note) -> tuple[Expression, dict[str, Any]]:
    seconds = trigger.interval.total_seconds()
    if seconds != int(seconds) or seconds < 1:
        raise NotCarried(f"every {seconds:g} s: an interval has whole seconds", "write a whole number of seconds")
    bounds = _bounds(trigger)
    if trigger.start_date.microsecond:  # nobody writes such a start: it is the moment at which the job was added
        del bounds["start"]
        message = (
            f"every {int(seconds)} s was counted from when the job was added; it is counted from 1970-01-01T00:00Z now"
        )
        note(Kind.DIFFERENT, message, "write Interval(…, offset=…) for another phase, or a Cron")
        return Interval(int(seconds)), bounds
    return Interval(int(seconds), int(trigger.start_date.timestamp()) % int(seconds)), bounds


def _one_shot(at: datetime, note: _Note, *, now: int) -> OneShot:
    if at.timestamp() <= now:
        raise NotCarried(f"it was due once, at {at.isoformat()}, and that is over", "leave it out")
    if at.microsecond:
        note(Kind.DIFFERENT, f"due at {at.isoformat()}: without the fraction of a second now", "nothing")
    return OneShot(at.replace(microsecond=0))


def _policies(scheduler: Any, job: Any, schedule: Schedule, note: _Note, general: _Note) -> dict[str, Any]:
    defaults = _LIBRARY | dict(getattr(scheduler, "_job_defaults", {}))
    given = {name: getattr(job, name, default) for name, default in defaults.items()}
    everywhere = not hasattr(job, "misfire_grace_time")
    instances = given["max_instances"]
    if instances > 1:
        message = f"max_instances={instances}: overlap is allowed or not, it is not counted; 'allow' was written"
        note(Kind.LOST, message, "write 'forbid' if two at a time are wrong")
    options: dict[str, Any] = {"concurrency_policy": "forbid" if instances == 1 else "allow"}
    return options | _missed(
        given["misfire_grace_time"], bool(given["coalesce"]), schedule, general if everywhere else note
    )


def _missed(grace: float | None, coalesce: bool, schedule: Schedule, note: _Note) -> dict[str, Any]:  # noqa: FBT001
    """``misfire_grace_time`` and ``coalesce``, said in policies."""
    if grace is not None and grace < LATENESS:
        message = (
            f"misfire_grace_time={grace}: an external scheduler may be {LATENESS} s late by itself, so it was"
            " not carried over; what was missed is skipped, as it was"
        )
        note(Kind.LOST, message, "write start_deadline=timedelta(minutes=…) for how late is still worth it")
        return {"missed_run_policy": "skip"}
    deadline = {} if grace is None else {"start_deadline": timedelta(seconds=grace)}
    if coalesce or isinstance(schedule.expression, OneShot):
        return {"missed_run_policy": "runOnce"} | deadline
    gap = smallest_gap(schedule) or LATENESS
    cap = MOST if grace is None else min(MOST, int(grace // gap) + 1)
    if grace is None:
        message = f"it ran everything it had missed, however much; now at most {MOST}, oldest first"
        note(Kind.CHOSEN, message, "write the max_catch_up_count that makes sense, or 'runOnce'")
    return {"missed_run_policy": "backfill", "max_catch_up_count": cap} | deadline


def _state(job: Any, note: _Note) -> dict[str, Any]:
    """Whether it is paused, and where it ran."""
    if str(getattr(job, "executor", "default")) != "default":
        message = f"it ran on the executor {job.executor!r}; it runs in a thread of the worker now"
        note(Kind.LOST, message, "nothing, if a thread will do")
    if getattr(job, "next_run_time", "unknown") is not None:
        return {}
    note(Kind.DIFFERENT, "it is paused: enabled_by_default=False", "`purista resume` starts it")
    return {"enabled_by_default": False}


def _jitter(trigger: Any, schedule: Schedule, note: _Note) -> dict[str, Any]:
    jitter = getattr(trigger, "jitter", None)
    if not jitter:
        return {}
    gap = smallest_gap(schedule)
    if gap is not None and jitter >= gap:
        note(Kind.LOST, f"jitter={jitter}: not shorter than the {gap} s between two runs", f"write at most {gap - 1} s")
        return {}
    message = f"jitter={jitter} moved the job's own time; jitter_window moves the call, never scheduled_at"
    note(Kind.DIFFERENT, message, "nothing")
    return {"jitter_window": timedelta(seconds=jitter)}


def _body(job: Any) -> tuple[str, ...]:
    if not isinstance(job.func_ref, str) or ":" not in job.func_ref:
        raise NotCarried(
            f"its function ({job.name}) has no name that can be imported", "write it as a function of a module"
        )
    if job.func_ref.startswith("__main__:"):
        raise NotCarried(f"its function is {job.func_ref}, of the script that was started", "move it to a module")
    return tuple(call("call", job.func_ref, *job.args, **dict(job.kwargs)))


def fires(trigger: Any, start: int, end: int) -> list[int]:
    """When an ideal APScheduler would run it, in ``[start, end)``."""
    found: list[int] = []
    previous, now = None, datetime.fromtimestamp(start, UTC)
    while True:
        following = trigger.get_next_fire_time(previous, now)
        if following is None or following.timestamp() >= end or (found and following.timestamp() <= found[-1]):
            return found
        found.append(int(following.timestamp()))
        previous = now = following


def _in_general(scheduler: Any, into: Collector) -> None:
    """What holds for all jobs, and what is kept where it was not looked for."""
    stores = {alias: type(store).__name__ for alias, store in dict(getattr(scheduler, "_jobstores", {})).items()}
    for alias, kind in stores.items():
        if kind != "MemoryJobStore":
            message = f"the job store {alias!r} ({kind}) was not opened: only the jobs that code adds were read"
            into.find(Kind.LOST, "", "scheduler", message, "import a scheduler that adds them in code")
    if into.jobs:
        message = "a job that fails was not tried again, and is not now (max_attempts=1)"
        into.find(Kind.CHOSEN, "", "", message, "write max_attempts=3, say, where trying again is safe")


CALL = '''
def call(function: str, /, *args: Any, **kwargs: Any) -> None:
    """Call a function by the name APScheduler knew it by; coroutines are waited for."""
    result = pkgutil.resolve_name(function)(*args, **kwargs)
    if inspect.iscoroutine(result):
        asyncio.run(result)
'''
