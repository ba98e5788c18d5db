"""Celery beat's entries → contracts. The work stays with Celery: the worker sends the task, under the occurrence's id.

Nothing here imports Celery: entries and schedules are objects that say what they are by their shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from purista.importers.base import Collector, Imported, Kind, NotCarried
from purista.importers.changes import differences
from purista.importers.fields import cron_text
from purista.importers.literal import Name, call
from purista.importers.zones import zone_name
from purista.recurrence import Cron, Expression, Interval

__all__ = ["fires", "import_beat"]

_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_POLICIES = {"concurrency_policy": "allow", "missed_run_policy": "runOnce"}
_OWN_SCHEDULERS = frozenset(
    {"celery.beat:PersistentScheduler", "celery.beat.PersistentScheduler", "celery.beat:Scheduler", ""}
)
_ENTRY = frozenset({"task", "schedule", "args", "kwargs", "options", "relative", "enabled"})


def import_beat(app: Any, reference: str, *, now: int) -> Imported:
    """Every entry of ``app.conf.beat_schedule``. ``reference`` is how the app is imported; ``now`` is epoch seconds."""
    into = Collector("beat")
    for name, entry in dict(app.conf.beat_schedule or {}).items():
        given = into.name(str(name))
        with into.job(given, f"beat_schedule[{str(name)!r}]"):
            _entry(app, given, str(name), entry, into, now=now)
    _in_general(app, into)
    return into.done(f"Celery beat ({reference})", prelude=_prelude(reference))


def _entry(app: Any, name: str, key: str, entry: Any, into: Collector, *, now: int) -> None:
    where = f"beat_schedule[{key!r}]"
    if not isinstance(entry, Mapping) or not isinstance(entry.get("task"), str) or "schedule" not in entry:
        raise NotCarried(f"expected a dict with task and schedule, got {entry!r:.80}", "write the job by hand")
    unknown = sorted(str(option) for option in entry if option not in _ENTRY)
    if unknown:
        into.find(Kind.LOST, name, where, f"the entry's {', '.join(unknown)} means nothing to beat", "nothing")
    source: Any = entry["schedule"]
    zone = zone_name(app.timezone if getattr(source, "tz", None) is None else source.tz)
    expression, written = _expression(source, bool(entry.get("relative")), name, where, into)
    options: dict[str, Any] = dict(_POLICIES)
    deadline = app.conf.beat_cron_starting_deadline
    if deadline and isinstance(expression, Cron):
        options["start_deadline"] = timedelta(seconds=deadline)
    schedule = into.carry(
        name, expression, timezone=zone, options=options, body=_body(entry), source=written, where=where
    )
    if hasattr(source, "remaining_delta"):
        for message in differences(schedule, lambda start, end: fires(source, start, end), now=now):
            into.find(Kind.DIFFERENT, name, where, message, "write another hour, or timezone='UTC', if that matters")


def _expression(source: Any, relative: bool, name: str, where: str, into: Collector) -> tuple[Expression, str]:  # noqa: FBT001
    """The rule, and what it was."""
    kind = type(source).__name__
    if kind == "solar":
        message = f"it follows the sun ({getattr(source, 'event', 'solar')}), which is no rule of the calendar"
        raise NotCarried(message, "keep it in beat, or let a schedule of every few minutes ask where the sun is")
    if all(hasattr(source, f"_orig_{field}") for field in _FIELDS):
        return _crontab(source, name, where, into), _shown(source)
    seconds = _seconds(source)
    if seconds is None:
        raise NotCarried(f"beat knows what to do with a {kind}, purista does not", "write an expression by hand")
    if seconds != int(seconds) or seconds < 1:
        raise NotCarried(f"every {seconds:g} s: an interval has whole seconds", "write a whole number of seconds")
    since = (
        "rounded to the clock in its zone"
        if relative or getattr(source, "relative", False)
        else "counted from beat's start"
    )
    message = (
        f"every {int(seconds)} s was {since}; it is counted from 1970-01-01T00:00Z now, the same after every restart"
    )
    into.find(Kind.DIFFERENT, name, where, message, "write Interval(…, offset=…) for another phase, or a Cron")
    return Interval(int(seconds)), f"every {int(seconds)} s"


def _seconds(source: Any) -> float | None:
    every = getattr(source, "run_every", source)
    if isinstance(every, timedelta):
        return every.total_seconds()
    return float(every) if isinstance(every, int | float) and not isinstance(every, bool) else None


def _crontab(source: Any, name: str, where: str, into: Collector) -> Cron:
    if source.nowfun is not None:
        into.find(Kind.LOST, name, where, "it has a clock of its own (nowfun)", "give purista's tests a ManualClock")
    texts = [value if isinstance(value := getattr(source, f"_orig_{field}"), str) else "" for field in _FIELDS]
    if texts[4].strip("*/0123456789,-") == "":
        texts[4] = ""  # numbers are written as names: 0 is Sunday here, and Monday elsewhere
    return Cron(cron_text([getattr(source, field) for field in _FIELDS], texts))


def _shown(source: Any) -> str:
    """``crontab(hour=5, day_of_week='mon')``, without what is open."""
    given = [(field, getattr(source, f"_orig_{field}")) for field in _FIELDS]
    return f"crontab({', '.join(f'{field}={value!r}' for field, value in given if value != '*')})"


def _body(entry: Mapping[str, Any]) -> tuple[str, ...]:
    parts: dict[str, Any] = {}
    if entry.get("args"):
        parts["args"] = list(entry["args"])
    for key in ("kwargs", "options"):
        if entry.get(key):
            parts[key] = dict(entry[key])
    return tuple(call("send", Name("context"), str(entry["task"]), **parts))


def fires(source: Any, start: int, end: int) -> list[int]:
    """When an ideal beat would send, in ``[start, end)``: one that looks at every instant the schedule asks for."""
    zone = source.tz
    last = datetime.fromtimestamp(start - 1, UTC).astimezone(zone)
    found: list[int] = []
    with _clock(source) as set_clock:
        while True:
            set_clock(last)
            following = last.astimezone(UTC) + source.remaining_estimate(last)
            at = round(following.timestamp())
            if at >= end or at <= last.timestamp():
                return found
            found.append(at)
            last = datetime.fromtimestamp(at, UTC).astimezone(zone)


@contextmanager
def _clock(source: Any) -> Iterator[Any]:
    """The schedule's own way to be told the time; put back afterwards."""
    before, now = source.nowfun, [datetime.now(UTC)]
    source.nowfun = lambda: now[0]
    try:
        yield lambda instant: now.__setitem__(0, instant)
    finally:
        source.nowfun = before


def _in_general(app: Any, into: Collector) -> None:
    """What holds for all entries, or for what beat does without an entry."""
    conf = app.conf
    scheduler = str(getattr(conf, "beat_scheduler", "") or "")
    if scheduler not in _OWN_SCHEDULERS:
        message = f"beat_scheduler is {scheduler}: the entries that it keeps elsewhere were not read"
        into.find(Kind.LOST, "", "conf", message, "import them by hand; only conf.beat_schedule is read")
    if conf.result_expires and conf.result_backend:
        message = "beat adds celery.backend_cleanup at 04:00 where the result backend does not expire results itself"
        into.find(Kind.LOST, "", "conf", message, "keep a beat for it, or schedule the task yourself")
    if not into.jobs:
        return
    message = (
        "beat has no policies: concurrency_policy='allow' is what it did, 'runOnce' is what it does about what it missed"
        " when it starts with its file"
    )
    into.find(Kind.CHOSEN, "", "", message, "write 'skip' where a late task is worse than none")
    message = "a run ends when the task is sent; whether it overlaps, fails or is late is still Celery's business"
    into.find(Kind.DIFFERENT, "", "", message, "write 'forbid' once the work itself is in the worker")


def _prelude(reference: str) -> str:
    module, _, attribute = reference.partition(":")
    return SEND.replace("MODULE", module).replace("ATTRIBUTE", attribute)


SEND = '''
def send(
    context: Context,
    task: str,
    *,
    args: list[Any] | None = None,
    kwargs: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> None:
    """Send a task to Celery's workers. Sent again after a crash, it has the same id."""
    celery = pkgutil.resolve_name("MODULE:ATTRIBUTE")
    due = context.schedule
    given = {"task_id": due.occurrence_id if due else None} | (options or {})
    celery.send_task(task, args=args, kwargs=kwargs, **given)
'''
