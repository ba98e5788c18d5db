"""How a dialect does with a case: what it refuses, what it calls for too late or not at all, and what it calls for besides."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from purista.conformance.case import Case
from purista.schedulers.base import Compiled, Dialect, Owner, Severity

__all__ = ["Make", "Outcome", "Verdict", "conform", "judge"]

OWNER = Owner("corpus", "production", "conformance")
Make = Callable[[int, str], Dialect]
"""Makes a dialect that covers from an instant on (epoch seconds), on a host in a zone."""


class Outcome(StrEnum):
    """What became of a case."""

    PASSED = "passed"  # every instant is called for in time; without the extra calls it is the contract
    REFUSED = "refused"  # said so with a finding: nothing is lost silently
    MISSED = "missed"  # something is due and nobody calls, or too late
    BROKEN = "broken"  # the dialect raised an error
    SKIPPED = "skipped"  # the zone is another one by this process's tz database


@dataclass(frozen=True, slots=True)
class Verdict:
    """``extra``: calls that find nothing due, ``calls``: all of them. ``late``: instants that are called for later than they
    are due, yet in time; ``latest``: by how many seconds at most. ``missed``: the instants that nobody calls for in time.
    ``said``: why it was refused, or what broke.
    """

    case: Case
    outcome: Outcome
    calls: int = 0
    extra: int = 0
    late: int = 0
    latest: int = 0
    missed: tuple[int, ...] = ()
    said: str = ""

    @property
    def failed(self) -> bool:
        """Whether somebody would lose an occurrence without having been told."""
        return self.outcome in {Outcome.MISSED, Outcome.BROKEN}


def conform(make: Make, among: Iterable[Case], *, host_zone: str = "UTC") -> Iterator[Verdict]:
    """A verdict for each case, in order. The dialect is made as if schedules were registered when the case's year begins."""
    for case in among:
        if not case.holds:
            yield Verdict(case, Outcome.SKIPPED)
            continue
        year = datetime.fromtimestamp(case.start, UTC).year
        now = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
        try:
            yield judge(case, make(now, host_zone))
        except Exception as error:  # noqa: BLE001 - somebody else's dialect; the other cases are of interest all the same
            yield Verdict(case, Outcome.BROKEN, said=f"{type(error).__name__}: {error}")


def judge(case: Case, dialect: Dialect) -> Verdict:
    """Compile the case, predict the calls from the entries alone, and hold them against what is due."""
    schedule = case.schedule()
    compiled = dialect.compile(OWNER, [schedule])
    entries = [entry for entry in compiled.entries if schedule.key in entry.keys]
    refused = _refusal(compiled, schedule.key)
    if refused is not None and not entries:
        return Verdict(case, Outcome.REFUSED, said=refused)
    patience = -(-dialect.lateness_ms // 1000)
    calls = sorted({at for entry in entries for at in dialect.predict(entry, case.start, case.end + patience + 1)})
    return _held_against(case, calls, dialect.lateness_ms)


def _refusal(compiled: Compiled, key: str) -> str | None:
    found = (f for f in compiled.findings if f.key == key and f.severity is Severity.REFUSED)
    return next((f"{f.code}: {f.message}" for f in found), None)


def _held_against(case: Case, calls: Sequence[int], lateness_ms: int) -> Verdict:
    """As the gateway does: a call decides everything due that no call before it has decided."""
    decided = list(zip(case.due, _deciding(case.due, calls), strict=True))
    missed = tuple(due for due, call in decided if call is None or (call - due) * 1000 > lateness_ms)
    lateness = [call - due for due, call in decided if call is not None and due not in missed]
    inside = bisect_left(calls, case.end)  # what comes later is for what is due later, as far as this window can say
    useful = len({call for _, call in decided if call is not None and call < case.end})
    late = sum(by > 0 for by in lateness)
    outcome = Outcome.MISSED if missed else Outcome.PASSED
    return Verdict(case, outcome, inside, inside - useful, late, max(lateness, default=0), missed)


def _deciding(due: Iterable[int], calls: Sequence[int]) -> Iterator[int | None]:
    """For each instant the first call that does not come before it."""
    for at in due:
        index = bisect_left(calls, at)
        yield calls[index] if index < len(calls) else None
