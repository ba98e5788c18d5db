"""Where the report says exact, the calls that find something due are the contract's instants, on every scheduler there is."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purista.cli.adapters import ADAPTERS
from purista.fidelity import Verdict, judge_fleet
from purista.recurrence import Cron, Expression, Interval
from purista.schedulers.base import Owner
from purista.testing.suites.dialect import declared

DAY = 86_400
OWNER = Owner("fidelity", "production", "fidelity")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca")
FIELDS = st.tuples(
    st.sampled_from(("0", "30", "59", "*/20", "7,45")), st.sampled_from(("0", "1", "2", "3", "1-3", "23", "*/6")),
    st.sampled_from(("*", "*", "1", "31", "*/10")), st.sampled_from(("*", "3,10")),
    st.sampled_from(("*", "*", "mon-fri", "sun")),
).map(" ".join).map(Cron)  # fmt: skip
EXPRESSIONS = st.one_of(FIELDS, FIELDS, st.integers(60, 200_000).map(Interval))
STARTS = st.integers(2024, 2034).map(lambda year: (year - 1970) * 31_556_952 // 60 * 60)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXPRESSIONS, st.sampled_from(ZONES), st.sampled_from(ZONES[:3]), STARTS)
def test_exact_is_exact(expression: Expression, zone: str, host: str, start: int) -> None:
    schedule = declared("any", expression, zone if isinstance(expression, Cron) else "UTC")
    end = start + 330 * DAY
    due = list(schedule.recurrence().timestamps(start, end))
    dialects = {name: found.dialect(start, host) for name, found in ADAPTERS.items()}
    (row,) = judge_fleet([schedule], dialects, start, end).rows
    assert [cell.scheduler for cell in row.cells] != []
    for cell in row.cells:
        dialect = dialects[cell.scheduler]
        entries = [entry for entry in dialect.compile(OWNER, [schedule]).entries if schedule.key in entry.keys]
        calls = {at for entry in entries for at in dialect.predict(entry, start, end)}
        if cell.verdict in (Verdict.EXACT, Verdict.EXTRA):
            assert sorted(calls.intersection(due)) == due
            assert cell.extra == len(calls) - len(due)
        if cell.verdict is Verdict.EXACT:
            assert sorted(calls) == due
        if cell.verdict is Verdict.REFUSED:
            assert not entries
            assert cell.reason
        assert cell.missed == 0 or cell.verdict is Verdict.MISSES
