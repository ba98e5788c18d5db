# ruff: noqa: E501 - one case a line
"""The protocol as a table: what a call decides. One row for each line of DESIGN's section 4, in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from purista.clock import from_iso
from purista.contract.digest import digest
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.gateway.decide import Answer, Plan, decide
from purista.ledgers.base import (
    Contract,
    Decision,
    LedgerView,
    Lineage,
    OccurrenceClass,
    OccurrenceRow,
    Part,
    Pause,
    Run,
    RunState,
)
from purista.recurrence import Cron
from purista.schedulers.base import Call, CallKind

KEY = "user/1/hourly"
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def at(text: str) -> int:
    """``10:00`` on the day of all these stories, in ms."""
    return from_iso(f"2026-01-05T{text}{':00' if len(text) == 5 else ''}Z")


def schedule(**options: Any) -> Schedule:
    """An hourly event."""
    target = Target(TargetKind.EVENT, "hour.due", "user", "1")
    usual = {"service": "user", "version": "1", "name": "hourly", "description": "", "target": target}
    return Schedule(**{**usual, "expression": Cron("0 * * * *"), "timezone": "UTC", **options})


def contract(value: Schedule | None, since: str = "00:30", seq: int = 1) -> Contract:
    return Contract(seq, KEY, at(since), digest(value) if value else "", None, MINUTE, value)


def view(
    *contracts: Contract, decided: str = "09:00", opened: tuple[Run, ...] = (), pause: Pause | None = None
) -> LedgerView:
    return LedgerView(Lineage("l1", KEY, 3, 7, at(decided), contracts, pause), opened, ("sub:user/1/a",))


def run(
    when: str, decision: Decision = Decision.PUBLISHED, *, parts: tuple[Part, ...] = (), lease: int | None = None,
    deadline: str | None = None, state: RunState | None = RunState.OPEN, request: str = "",
) -> Run:  # fmt: skip
    row = OccurrenceRow(
        scheduled_at=at(when), occurrence_id=f"run-{when}", key=KEY, decision=decision, reason="", digest="", fence=7,
        decided_at=at(when), source="", lease_until=lease, deadline=None if deadline is None else at(deadline), run=state,
        open=2, request=request, occurrence_class=OccurrenceClass.MANUAL if request else OccurrenceClass.SCHEDULED,
    )  # fmt: skip
    return Run(row, parts or (Part(row.occurrence_id, "p", "sub:user/1/a", root=True),))


def working(until: str, begins: int = 1) -> tuple[Part, ...]:
    return (Part("run", "p", "sub:user/1/a", state="working", permit_until=at(until), begins=begins, root=True),)


SKIP = schedule()
ONCE = schedule(missed_run_policy=MissedRunPolicy.RUN_ONCE)
FILL = schedule(missed_run_policy=MissedRunPolicy.BACKFILL, max_catch_up_count=2)
FORBID = schedule(concurrency_policy=ConcurrencyPolicy.FORBID)
REPLACE = schedule(concurrency_policy=ConcurrencyPolicy.REPLACE)
STATED = schedule(missed_run_policy=MissedRunPolicy.RUN_ONCE, start_deadline_ms=30 * MINUTE)


@dataclass(frozen=True)
class Case:
    """A view, a call and a time; what is answered and decided (``hh:mm word``)."""

    says: str
    seen: LedgerView
    now: str
    answer: Answer
    decided: list[str] = field(default_factory=list)
    call: Call = field(default_factory=lambda: Call(KEY))
    endings: list[str] = field(default_factory=list)
    retry: int | None = None


def call(**options: Any) -> Call:
    return Call(KEY, **options)


# fmt: off
CASES = [
    # 1. A call asks what is due.
    Case("what is due is published", view(contract(SKIP)), "10:00:01", Answer.ACCEPTED, ["10:00 published"]),
    Case("an extra call finds nothing due", view(contract(SKIP), decided="10:00"), "10:30", Answer.NOT_DUE),
    Case("the same call again is a duplicate", view(contract(SKIP), decided="10:00"), "10:00:20", Answer.DUPLICATE),
    Case("a scheduler whose clock is ahead is punctual", view(contract(SKIP)), "09:59:56", Answer.ACCEPTED, ["10:00 published"]),
    Case("but not by more than five seconds", view(contract(SKIP)), "09:59:54", Answer.NOT_DUE),
    Case("a named time that is no occurrence is not due", view(contract(SKIP), decided="10:00"), "10:30", Answer.NOT_DUE, call=call(scheduled_at=at("10:15"))),
    Case("a named time a millisecond off is not due", view(contract(SKIP), decided="10:00"), "10:30", Answer.NOT_DUE, call=call(scheduled_at=at("10:00") + 1)),
    Case("a real occurrence that lies ahead is put off, never success", view(contract(SKIP), decided="10:00"), "10:30", Answer.RETRY, call=call(scheduled_at=at("11:00")), retry=30 * MINUTE),
    Case("a named time that was decided is a duplicate", view(contract(SKIP), decided="10:00"), "10:30", Answer.DUPLICATE, call=call(scheduled_at=at("10:00"))),
    Case("a named time decides whatever else is due as well", view(contract(ONCE), decided="08:00"), "10:00:01", Answer.ACCEPTED, ["09:00 coalesced", "10:00 published"], call=call(scheduled_at=at("10:00"))),
    Case("nothing is due before the contract is in force", view(contract(SKIP, "10:30"), decided="10:30"), "10:40", Answer.NOT_DUE),
    Case("a clock that stepped back decides nothing", view(contract(SKIP), decided="10:00"), "08:10", Answer.NOT_DUE),
    # 2. Policies.
    Case("skip: what is past its deadline is late", view(contract(SKIP), decided="07:00"), "10:20", Answer.ACCEPTED, ["08:00 late", "09:00 late", "10:00 published"]),
    Case("runOnce: the latest is published, the others name it", view(contract(ONCE), decided="07:00"), "10:20", Answer.ACCEPTED, ["08:00 coalesced", "09:00 coalesced", "10:00 published"]),
    Case("runOnce waits as long as nobody states a deadline", view(contract(schedule(missed_run_policy=MissedRunPolicy.RUN_ONCE, expression=Cron("0 2 * * *"))), decided="01:00"), "23:00", Answer.ACCEPTED, ["02:00 published"]),
    Case("a stated deadline ends runOnce's patience", view(contract(STATED), decided="09:00"), "10:31", Answer.ACCEPTED, ["10:00 late"]),
    Case("backfill: up to the cap oldest first, the rest missed, the punctual one always", view(contract(FILL), decided="05:00"), "10:00:10", Answer.ACCEPTED, ["06:00 published", "07:00 published", "08:00 missed", "09:00 missed", "10:00 published"]),
    Case("a claim that ran out is decided again with what is due", view(contract(ONCE), opened=(run("09:00", Decision.CLAIMED, lease=at("09:01")),)), "10:00:01", Answer.ACCEPTED, ["09:00 coalesced", "10:00 published"]),
    # 3. Publish means durable.
    Case("a held claim is put off with the time left", view(contract(SKIP), decided="10:00", opened=(run("10:00", Decision.CLAIMED, lease=at("10:00:09")),)), "10:00:02", Answer.RETRY, retry=7 * SECOND),
    Case("also for a call that names it", view(contract(SKIP), decided="10:00", opened=(run("10:00", Decision.CLAIMED, lease=at("10:00:09")),)), "10:00:02", Answer.RETRY, call=call(scheduled_at=at("10:00")), retry=7 * SECOND),
    # 4 and 5. Runs and permits: what is in the way.
    Case("allow: nothing is in the way", view(contract(SKIP), opened=(run("09:00", parts=working("10:30")),)), "10:00:01", Answer.ACCEPTED, ["10:00 published"]),
    Case("forbid: a working run", view(contract(FORBID), opened=(run("09:00", parts=working("10:30")),)), "10:00:01", Answer.ACCEPTED, ["10:00 skipped_overlap"]),
    Case("forbid: a run that nobody has begun yet", view(contract(FORBID), opened=(run("09:00", deadline="10:30"),)), "10:00:01", Answer.ACCEPTED, ["10:00 skipped_overlap"]),
    Case("forbid: nobody began it within its deadline, so it ends as undelivered", view(contract(FORBID), opened=(run("09:00", deadline="09:59"),)), "10:00:01", Answer.ACCEPTED, ["10:00 published"], endings=["09:00 undelivered"]),
    Case("forbid: an expired permit holds the slot for the allowed clock skew", view(contract(FORBID), opened=(run("09:00", parts=working("10:00")),)), "10:00:01", Answer.ACCEPTED, ["10:00 skipped_overlap"]),
    Case("forbid: and not longer", view(contract(FORBID), opened=(run("09:00", parts=working("09:59")),)), "10:00:02", Answer.ACCEPTED, ["10:00 published"]),
    Case("forbid: of two due at once the first runs", view(contract(replace(FORBID, start_deadline_ms=3 * HOUR)), decided="08:00"), "10:00:01", Answer.ACCEPTED, ["09:00 published", "10:00 skipped_overlap"]),
    Case("forbid and backfill: what is caught up together waits for each other at the permit", view(contract(replace(FILL, concurrency_policy=ConcurrencyPolicy.FORBID)), decided="07:00"), "10:00:10", Answer.ACCEPTED, ["08:00 published", "09:00 published", "10:00 published"]),
    Case("replace: a working run is asked to give way, the new one is held", view(contract(REPLACE), opened=(run("09:00", parts=working("10:30")),)), "10:00:01", Answer.ACCEPTED, ["10:00 held"], endings=["09:00 superseded"]),
    Case("replace: a run that nobody began ends at once", view(contract(REPLACE), opened=(run("09:00"),)), "10:00:01", Answer.ACCEPTED, ["10:00 published"], endings=["09:00 superseded"]),
    Case("replace: between two attempts nobody works", view(contract(REPLACE), opened=(run("09:00", parts=(Part("r", "p", "a", begins=1, root=True),)),)), "10:00:01", Answer.ACCEPTED, ["10:00 published"], endings=["09:00 superseded"]),
    # 7. Contracts in force.
    Case("an edit: what was due before it belongs to the old contract, what comes after to the new", view(contract(ONCE), contract(replace(ONCE, expression=Cron("45 * * * *")), "10:30", 2), decided="09:00"), "10:46", Answer.ACCEPTED, ["10:00 coalesced", "10:45 published"]),
    Case("an edit after today's run does not fire it again", view(contract(schedule(expression=Cron("0 2 * * *"))), contract(schedule(expression=Cron("0 3 * * *")), "04:00", 2), decided="02:00"), "04:01", Answer.NOT_DUE),
    Case("an edit does not lose what is still to come", view(contract(schedule(expression=Cron("0 5 * * *"))), contract(schedule(expression=Cron("0 6 * * *")), "04:00", 2), decided="02:00"), "06:00:01", Answer.ACCEPTED, ["06:00 published"]),
    Case("removed: what was still undecided is gone", view(contract(SKIP), contract(None, "10:30", 2), decided="09:00"), "10:40", Answer.ACCEPTED, ["10:00 gone"]),
    Case("removed: later calls find nothing", view(contract(SKIP), contract(None, "10:30", 2), decided="10:00"), "12:00", Answer.NOT_DUE),
    # 9. Classes.
    Case("run now has its own class and leaves what is due alone", view(contract(SKIP)), "10:30", Answer.ACCEPTED, ["10:30 published"], call=call(kind=CallKind.MANUAL, request="r1")),
    Case("the same request again is a duplicate", view(contract(SKIP), opened=(run("10:20", request="r1"),)), "10:30", Answer.DUPLICATE, call=call(kind=CallKind.MANUAL, request="r1")),
    Case("run now without a request is refused", view(contract(SKIP)), "10:30", Answer.REFUSED, call=call(kind=CallKind.MANUAL)),
    Case("run now obeys overlap", view(contract(FORBID), opened=(run("10:00", parts=working("10:40")),)), "10:30", Answer.ACCEPTED, ["10:30 skipped_overlap"], call=call(kind=CallKind.MANUAL, request="r1")),
    Case("unless forced", view(contract(FORBID), opened=(run("10:00", parts=working("10:40")),)), "10:30", Answer.ACCEPTED, ["10:30 published"], call=call(kind=CallKind.MANUAL, request="r1", force=True)),
    # 10. Pause.
    Case("paused: decided as such, with who and why", view(contract(ONCE), pause=Pause("ann", "month end", at("09:30"))), "10:00:01", Answer.ACCEPTED, ["10:00 paused"]),
    Case("a timed pause ends by itself", view(contract(SKIP), decided="08:00", pause=Pause("ann", "x", at("08:30"), at("09:30"))), "10:00:01", Answer.ACCEPTED, ["09:00 paused", "10:00 published"]),
    # The sweep.
    Case("a sweep starts nothing by itself", view(contract(SKIP)), "10:00:01", Answer.NOT_DUE, call=call(kind=CallKind.SWEEP)),
    Case("a sweep finishes a claim that ran out", view(contract(SKIP), decided="10:00", opened=(run("10:00", Decision.CLAIMED, lease=at("10:01")),)), "10:02", Answer.ACCEPTED, ["10:00 published"], call=call(kind=CallKind.SWEEP)),
]
# fmt: on


def words(plan: Plan) -> list[str]:
    """``hh:mm word`` of each verdict."""
    return [f"{_clock(v.scheduled_at)} {v.decision}" for v in plan.verdicts]


def _clock(ms: int) -> str:
    minutes = (ms - at("00:00")) // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_what_a_call_decides(case: Case) -> None:
    plan = decide(case.seen, case.call, at(case.now))
    assert (plan.answer, words(plan)) == (case.answer, case.decided)
    assert [f"{_clock(e.run.row.scheduled_at)} {e.state}" for e in plan.endings] == case.endings
    assert plan.retry_after_ms == case.retry
    assert plan.detail
    assert all(v.reason for v in plan.verdicts)
    assert plan.decided_until >= case.seen.lineage.decided_until


def test_the_others_name_the_one_that_stands_for_them() -> None:
    plan = decide(view(contract(ONCE), decided="07:00"), Call(KEY), at("10:20"))
    assert [v.related for v in plan.verdicts] == [at("10:00"), at("10:00"), None]


def test_a_skipped_one_names_the_run_in_its_way() -> None:
    plan = decide(view(contract(FORBID), opened=(run("09:00", parts=working("10:30")),)), Call(KEY), at("10:00:01"))
    assert [v.in_the_way for v in plan.verdicts] == ["run-09:00"]


def test_long_stretches_become_one_row() -> None:
    minutely = schedule(expression=Cron("* * * * *"))
    plan = decide(view(contract(minutely), decided="01:00"), Call(KEY), at("10:00:10"))
    first, *rest = plan.verdicts
    assert (first.decision, first.count, _clock(first.scheduled_at), _clock(first.last_at)) == (
        Decision.LATE,
        539,
        "01:01",
        "09:59",
    )
    assert words(plan)[-1] == "10:00 published"
    assert sum(v.count for v in plan.verdicts) == 540
    assert len(rest) == 1


def test_deciding_is_idempotent() -> None:
    """Whatever was decided, the same call on the view that it leaves decides nothing more."""
    for case in CASES:
        plan = decide(case.seen, case.call, at(case.now))
        lineage = replace(case.seen.lineage, decided_until=plan.decided_until)
        if case.call.kind is CallKind.SCHEDULED:
            again = decide(replace(case.seen, lineage=lineage, open=()), case.call, at(case.now))
            assert not again.verdicts, case.says


def test_a_default_deadline_is_until_the_next_one_at_most_an_hour() -> None:
    daily = schedule(expression=Cron("0 2 * * *"))
    seen = view(contract(daily), decided="01:00")
    assert words(decide(seen, Call(KEY), at("02:59"))) == ["02:00 published"]
    assert words(decide(seen, Call(KEY), at("03:01"))) == ["02:00 late"]
    minutely = view(contract(schedule(expression=Cron("*/30 * * * *"))), decided="01:30")
    late = timedelta(minutes=31)
    assert words(decide(minutely, Call(KEY), at("02:00") + int(late.total_seconds() * 1000)))[0] == "02:00 late"
