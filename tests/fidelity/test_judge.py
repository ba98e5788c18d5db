"""Verdicts of a scheduler that is made up, so that every kind of them is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from purista.cli.adapters import adapter
from purista.contract.schedule import Schedule
from purista.fidelity import Cell, Rule, Verdict, herd, judge_fleet
from purista.recurrence import Cron, Expression, Interval
from purista.schedulers.base import Compiled, Dialect, Entry, Finding, Owner, Severity
from purista.testing.suites.dialect import NOW, declared

DAY = 86_400
GAP = 1_774_746_000  # 2026-03-29T01:00:00Z, Berlin


@dataclasses.dataclass
class MadeUp:
    """Calls at the instants of each of its entries; refuses where there is none."""

    calls: tuple[tuple[int, ...], ...]
    name: str = "made-up"
    lateness_ms: int = 0
    support = adapter("cron").support

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        keys = tuple(schedule.key for schedule in schedules)
        if not self.calls:
            return Compiled((), tuple(Finding("X1", Severity.REFUSED, key, "not here") for key in keys))
        return Compiled(tuple(Entry(str(n), keys, str(n), "") for n in range(len(self.calls))), ())

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        return [at for at in self.calls[int(entry.body)] if start <= at < end]

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        return {}


def judged(expression: Expression, *calls: Sequence[int], start: int = NOW, days: int = 3, zone: str = "UTC") -> Cell:
    made_up: Dialect = MadeUp(tuple(map(tuple, calls)))
    found = judge_fleet([declared("one", expression, zone)], {"made-up": made_up}, start, start + days * DAY)
    return found.rows[0].cells[0]


NOON = [NOW + day * DAY + DAY // 2 for day in range(6)]


def test_exact() -> None:
    cell = judged(Cron("0 12 * * *"), NOON)
    assert (cell.verdict, cell.due, cell.extra, cell.repaired) == (Verdict.EXACT, 3, 0, None)


def test_extra_calls_are_counted() -> None:
    cell = judged(Cron("0 12 * * *"), sorted([*NOON, NOON[0] + 60, NOON[2] - 3600]))
    assert (cell.verdict, cell.extra) == (Verdict.EXTRA, 2)


def test_late_within_a_minute() -> None:
    cell = judged(Cron("0 12 * * *"), [at + 40 for at in NOON])
    assert (cell.verdict, cell.late_s, cell.extra) == (Verdict.LATE, 40, 0)


def test_a_late_call_in_the_next_window_is_no_extra_call() -> None:
    cell = judged(Cron("59 23 * * *"), [NOW + day * DAY + DAY for day in range(6)], days=3)
    assert cell.missed == 3, "a whole minute later is too late"
    cell = judged(Interval(DAY, DAY - 30), [NOW + day * DAY + DAY for day in range(6)])
    assert (cell.verdict, cell.late_s, cell.extra) == (Verdict.LATE, 30, 0)


def test_a_miss_says_when_it_is_made_up_for() -> None:
    cell = judged(Cron("0 12 * * *"), [NOON[0], NOON[2]])
    assert (cell.verdict, cell.missed) == (Verdict.MISSES, 1)
    (miss,) = cell.misses
    assert (miss.at, miss.rule, miss.made_up_at) == (NOON[1], Rule.FIELDS, NOON[2])


def test_a_miss_where_clocks_change_is_told_from_others() -> None:
    cell = judged(Cron("30 2 * * *"), [GAP + DAY], start=GAP - 3600, days=1, zone="Europe/Berlin")
    assert [(miss.at, miss.rule) for miss in cell.misses] == [(GAP, Rule.GAP)]


def test_nothing_follows() -> None:
    assert judged(Cron("0 12 * * *"), [NOON[0]]).misses[-1].rule is Rule.HORIZON


def test_too_often_and_between() -> None:
    minutes = range(NOW, NOW + DAY, 3_600)
    assert judged(Interval(10), minutes, days=1).misses[0].rule is Rule.SUB_MINUTE
    assert judged(Interval(5_400, 15), minutes, days=1).misses[0].rule is Rule.ROUNDING


def test_refused_with_the_finding() -> None:
    cell = judged(Cron("0 12 * * *"))
    assert (cell.verdict, cell.reason) == (Verdict.REFUSED, "X1: not here")


def test_what_further_entries_repair() -> None:
    cell = judged(Cron("0 12 * * *"), [NOON[0], NOON[2]], [NOON[1]])
    assert (cell.verdict, cell.repaired, cell.repaired_at) == (Verdict.EXACT, 1, (NOON[1],))


def test_worst_first_and_equal_rules_are_judged_alike() -> None:
    made_up = MadeUp((tuple(NOON),))
    schedules = [
        declared("b", Cron("0 12 * * *")),
        declared("a", Cron("0 12 * * *")),
        declared("z", Cron("0 11 * * *")),
    ]
    rows = judge_fleet(schedules, {"made-up": made_up}, NOW, NOW + 3 * DAY).rows
    assert [row.key.rpartition("/")[2] for row in rows] == ["z", "a", "b"]


def test_the_herd_is_spread_but_not_made_smaller() -> None:
    found = herd([declared(f"n{number}", Cron("0 3 * * *")) for number in range(50)], NOW)
    assert found.before[180] == sum(found.before) == sum(found.after) == 50 * found.days
    assert max(found.after) < max(found.before) / 2
