"""Every scheduler's dialect against a part of the corpus (`purista conformance` takes all of it), and the judge itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from purista.cli.adapters import ADAPTERS
from purista.contract.schedule import Schedule
from purista.schedulers.base import Compiled, Entry, Finding, Owner, Severity
from purista.schedulers.support import Support
from purista.testing.corpus import Case, Origin, Outcome, cases, conform, judge

DERIVED = cases(origin=Origin.DERIVED)
SOME = [*DERIVED[::6], *cases(origin=Origin.GENERATED)[::131]]
PLAIN = next(case for case in DERIVED if case.id == "derived/berlin-gap-inside")


@pytest.mark.parametrize("name", ADAPTERS)
def test_nothing_is_missed_without_a_word(name: str) -> None:
    verdicts = list(conform(ADAPTERS[name].dialect, SOME))
    assert [(one.case.id, one.missed, one.said) for one in verdicts if one.failed] == []
    assert sum(one.outcome is Outcome.PASSED for one in verdicts) > len(SOME) * 0.8
    assert all(one.said for one in verdicts if one.outcome is Outcome.REFUSED)


def test_a_host_in_another_zone_changes_nothing() -> None:
    for zone in ("Europe/Berlin", "Australia/Lord_Howe"):
        verdicts = list(conform(ADAPTERS["cron"].dialect, SOME, host_zone=zone))
        assert [(one.case.id, one.missed) for one in verdicts if one.failed] == []


class Fixed:
    """A dialect that calls at given instants, or refuses."""

    name, lateness_ms = "fixed", 60_000

    def __init__(self, calls: Sequence[int], refused: str = "") -> None:
        self.support: Support = {}
        self.calls, self.refused = calls, refused

    def compile(self, owner: Owner, schedules: Sequence[Schedule]) -> Compiled:
        if self.refused:
            return Compiled((), tuple(Finding("F1", Severity.REFUSED, one.key, self.refused) for one in schedules))
        return Compiled(tuple(Entry(one.name, (one.key,), "body", "digest") for one in schedules), ())

    def predict(self, entry: Entry, start: int, end: int) -> Sequence[int]:
        return [at for at in self.calls if start <= at < end]

    def render(self, owner: Owner, compiled: Compiled) -> Mapping[str, str]:
        return {}


def judged(calls: Sequence[int], case: Case = PLAIN) -> tuple[str, int, int, int, int]:
    found = judge(case, Fixed(calls))
    return str(found.outcome), found.extra, found.late, found.latest, len(found.missed)


def test_extra_calls_are_counted_and_late_ones_pass_up_to_the_stated_lateness() -> None:
    (due,) = PLAIN.due
    assert judged([due]) == ("passed", 0, 0, 0, 0)
    assert judged([due - 60, due, due + 60, due + 120]) == ("passed", 3, 0, 0, 0)
    assert judged([due + 60]) == ("passed", 0, 1, 60, 0)
    assert judged([due + 61]) == ("missed", 0, 0, 0, 1)
    assert judged([due - 1]) == ("missed", 1, 0, 0, 1)
    assert judged([]) == ("missed", 0, 0, 0, 1)


def test_a_call_just_after_the_window_counts_for_what_is_due_in_it() -> None:
    case = next(one for one in DERIVED if one.due and one.id == "derived/bounds-end-exclusive")
    shifted = [at + 30 for at in case.due]
    assert judged(shifted, case) == ("passed", 0, len(case.due), 30, 0)


def test_what_is_refused_or_breaks_is_told_apart() -> None:
    refused = judge(PLAIN, Fixed([], "cannot"))
    assert (refused.outcome, refused.said, refused.failed) == (Outcome.REFUSED, "F1: cannot", False)

    def broken(now: int, zone: str) -> Fixed:
        raise RuntimeError("no such thing")

    (verdict,) = conform(broken, [PLAIN])
    assert (verdict.outcome, verdict.said, verdict.failed) == (Outcome.BROKEN, "RuntimeError: no such thing", True)


def test_a_case_that_does_not_hold_here_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Case, "holds", property(lambda _: False))
    (verdict,) = conform(lambda *_: Fixed([]), [PLAIN])
    assert (verdict.outcome, verdict.failed) == (Outcome.SKIPPED, False)
