"""Five fields as Cloud Scheduler documents them, written as numbers and ranges only, and when a job with them calls for sure.

Documented: lists and ranges of numbers, Sunday is 0, day *or* weekday where both are restricted, and the wall clock of the
job's zone. Not documented: what happens to a time that a change of clocks leaves out or shows twice. So a call counts as sure
only where the wall clock shows its time once. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from purista.errors import RegistrationError
from purista.recurrence import Cron, Recurrence
from purista.recurrence.zone import transitions, zone_table
from purista.schedulers.ranges import ranges

__all__ = ["ALL", "UTC", "Fields", "firings"]

UTC = "Etc/UTC"
"""Written instead of ``UTC``, which has made Cloud Scheduler's own tools report differences for ever."""
DAY = 86_400
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


@dataclass(frozen=True, slots=True, order=True)
class Fields:
    """Sets of numbers, sorted. Where neither days nor weekdays are complete, either suffices."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...] = tuple(range(24))
    days: tuple[int, ...] = tuple(range(1, 32))
    months: tuple[int, ...] = tuple(range(1, 13))
    weekdays: tuple[int, ...] = tuple(range(7))

    def text(self) -> str:
        """As ``schedule`` holds it."""
        sets = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join(
            "*" if len(values) == high - low + 1 else ranges(values)
            for values, (low, high) in zip(sets, BOUNDS, strict=True)
        )

    @property
    def a_year(self) -> float:
        """About how many calls a year these are. Only for what restricts days or weekdays, not both."""
        days = len(self.days) * len(self.months) * 365.25 / 372
        return len(self.minutes) * len(self.hours) * days * len(self.weekdays) / 7

    def joined(self, other: Fields) -> Fields | None:
        """One job for both, with calls between them; None where that would mean something else."""
        weekly = self.days == other.days == ALL.days
        if not weekly and not self.weekdays == other.weekdays == ALL.weekdays:
            return None
        return Fields(
            _both(self.minutes, other.minutes), _both(self.hours, other.hours), _both(self.days, other.days),
            _both(self.months, other.months), _both(self.weekdays, other.weekdays),
        )  # fmt: skip


def _both(one: Iterable[int], other: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({*one, *other}))


ALL = Fields(())


def firings(text: str, zone: str, start: int, end: int) -> Sequence[int]:
    """When a job calls for sure in ``[start, end)``.

    :raises RegistrationError: for fields that we never write.
    """
    if text.count(" ") != 4 or not set(text) <= set("0123456789,-* "):
        raise RegistrationError(f"schedule {text[:100]!r}: expected five fields of numbers, ranges and lists")
    rule, table = Recurrence(Cron(text), timezone="UTC"), zone_table(zone)
    changes = transitions(zone, start - DAY, end + DAY)
    edges = [start, *(change.at for change in changes if start < change.at < end), end]
    found: list[int] = []
    for low, high in pairwise(edges):
        offset = table.offsets[table.segment(low)]  # the wall clock, as if it were UTC
        found += [at - offset for at in rule.timestamps(low + offset, high + offset)]
    twice = [(change.at + change.shift, change.at - change.shift) for change in changes if change.shift < 0]
    return [at for at in found if not any(low <= at < high for low, high in twice)] if twice else found
