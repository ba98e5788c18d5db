"""Our description of a schedule as values of Temporal's SDK, and back: what is live is compared by what it means.

The digest stands in the comment of a calendar. It is what LIST returns, what updates can change, what needs no set-up by an
operator (search attributes do), and what a pause does not overwrite (as it does the note); memos never change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from purista.schedulers.base import Owner
from purista.schedulers.gateways import refuse_other_ledger
from purista.schedulers.temporal.calendar import Calendar, Times
from purista.schedulers.temporal.text import digest_of

if TYPE_CHECKING:
    from temporalio.client import Schedule, ScheduleSpec, ScheduleState

__all__ = ["WORKFLOW", "built", "live_digest", "meaning", "memo_of", "owned"]

WORKFLOW = "PuristaTrigger"
MEMO = "purista"
LISTED = 10
"""So many calendars LIST shows of a schedule."""
NEVER = Calendar(((0, 0),), ((0, 0),), ((1, 1),), ((1, 1),), year=((2000, 2000),))
"""Long over: it carries the comment where there is no other calendar."""
FIELDS = {
    "second": "second", "minute": "minute", "hour": "hour", "day_of_month": "day", "month": "month", "year": "year",
    "day_of_week": "weekday",
}  # fmt: skip


def built(description: Mapping[str, Any], state: ScheduleState | None = None) -> Schedule:
    """The whole schedule. ``state`` is the live one's: a pause and its note are people's."""
    from temporalio.client import (  # noqa: PLC0415 - an extra
        Schedule,
        ScheduleActionStartWorkflow,
        ScheduleOverlapPolicy,
        SchedulePolicy,
        ScheduleState,
    )  # fmt: skip

    action = ScheduleActionStartWorkflow(
        WORKFLOW, dict(_argument(description)), id=description["id"], task_queue=description["taskQueue"],
        static_summary=None,
    )  # fmt: skip
    # A call is never dropped: the gateway decides about overlap.
    overlap, window = ScheduleOverlapPolicy.ALLOW_ALL, timedelta(seconds=description["catchUpS"])
    policy = SchedulePolicy(overlap=overlap, catchup_window=window)
    return Schedule(action, _spec(description), policy=policy, state=state or ScheduleState())


def _argument(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the workflow is given: enough to tell a scheduled call from one that a person made."""
    return {name: description[name] for name in ("key", "times", "jitterMs", "catchUpS", "wait") if name in description}


def _spec(description: Mapping[str, Any]) -> ScheduleSpec:
    from temporalio.client import ScheduleIntervalSpec, ScheduleSpec  # noqa: PLC0415

    times = Times.read(description["times"])
    plain = times.calendars or (NEVER,)
    intervals = []
    if times.every is not None:
        intervals = [ScheduleIntervalSpec(timedelta(seconds=times.every), timedelta(seconds=times.offset))]
    spec = ScheduleSpec(
        calendars=[_calendar(one, None) for one in plain], intervals=intervals, start_at=_when(times.start),
        end_at=_when(times.end), jitter=timedelta(milliseconds=description["jitterMs"]) or None,
    )  # fmt: skip
    spec.calendars = [_calendar(plain[0], _comment(description, spec)), *spec.calendars[1:]]
    return spec


def _calendar(one: Calendar, comment: str | None) -> Any:
    from temporalio.client import ScheduleCalendarSpec, ScheduleRange  # noqa: PLC0415

    fields = {name: [ScheduleRange(a, b, 1) for a, b in getattr(one, ours)] for name, ours in FIELDS.items()}
    return ScheduleCalendarSpec(**fields, comment=comment)


def _when(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _comment(description: Mapping[str, Any], spec: ScheduleSpec) -> str:
    return f"{MEMO}:{digest_of(dict(description))}:{_seen(spec)}"


def live_digest(spec: ScheduleSpec) -> str | None:
    """The digest in a live schedule's comment; None where somebody edited what LIST shows of it."""
    comment = next((one.comment for one in spec.calendars if (one.comment or "").startswith(f"{MEMO}:")), None)
    _, _, marks = (comment or "").partition(":")
    digest, _, seen = marks.partition(":")
    return digest if digest and seen == _seen(spec) else None


def _seen(spec: ScheduleSpec) -> str:
    """Hash of what LIST shows: the first calendars, and all the rest."""
    return hashlib.sha256(json.dumps(_times(spec, LISTED), sort_keys=True).encode()).hexdigest()[:16]


def _times(spec: ScheduleSpec, limit: int | None = None) -> list[Any]:
    return [
        [_fields(one) for one in spec.calendars[:limit]], [_fields(one) for one in spec.skip],
        [[one.every.total_seconds(), (one.offset or timedelta()).total_seconds()] for one in spec.intervals],
        list(spec.cron_expressions), spec.time_zone_name or "UTC",
        *(None if at is None else int(at.timestamp()) for at in (spec.start_at, spec.end_at)),
        (spec.jitter or timedelta()).total_seconds(),
    ]  # fmt: skip


def _fields(calendar: Any) -> list[list[int]]:
    return [_numbers(getattr(calendar, name)) for name in FIELDS]


def _numbers(found: Sequence[Any]) -> list[int]:
    return sorted({n for one in found for n in range(one.start, max(one.end, one.start) + 1, one.step or 1)})


def meaning(schedule: Schedule) -> list[Any]:
    """All of it that is ours, from what was built or from what the server describes."""
    action: Any = schedule.action
    arguments = [json.loads(one.data) if hasattr(one, "data") else one for one in action.args]
    comments = [one.comment or "" for one in schedule.spec.calendars]
    return [
        _times(schedule.spec), comments, action.workflow, action.id, action.task_queue, arguments,
        schedule.policy.overlap, schedule.policy.catchup_window, schedule.policy.pause_on_failure,
    ]  # fmt: skip


def memo_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """Whose it is. It is written once and never changes."""
    return {MEMO: {name: description[name] for name in ("service", "environment", "ledger", "key")}}


def owned(memo: Mapping[str, Any], owner: Owner) -> bool:
    """Whether a live schedule carries this owner's mark.

    :raises RegistrationError: it does, and another ledger's.
    """
    mark = memo.get(MEMO)
    if not isinstance(mark, dict) or (mark.get("service"), mark.get("environment")) != (
        owner.service,
        owner.environment,
    ):
        return False
    refuse_other_ledger(str(mark.get("key")), str(mark.get("ledger") or ""), owner)
    return True
