"""The rule that yields a schedule's occurrences: an expression, a zone, a start and an end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from purista.errors import InvalidExpression, InvalidTimezone
from purista.recurrence.cron import Cron
from purista.recurrence.cron_walk import next_label
from purista.recurrence.cron_zoned import instants_between, next_instant, previous_instant
from purista.recurrence.expression import Expression
from purista.recurrence.interval import Interval, OneShot
from purista.recurrence.zone import FIRST, LAST, ZoneTable, zone_table

if TYPE_CHECKING:
    from purista.recurrence.explain import Explanation
    from purista.recurrence.special import SpecialDay

__all__ = ["Recurrence"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPRESSIONS = (Cron, Interval, OneShot)
_fromtimestamp = datetime.fromtimestamp


class Recurrence:
    """When something is due. Frozen, hashable, thread-safe; asking changes nothing.

    ``timezone`` is the name of a zone; cron needs one, intervals and single instants are the same everywhere and take it for
    display. ``start`` (inclusive) and ``end`` (exclusive) bound the occurrences; aware datetimes or epoch seconds. Instants
    from 1970 to 2200 are covered.

    :raises InvalidExpression: for a cron expression without a zone, or an end that is not after the start.
    :raises InvalidTimezone: for anything that is no zone name.
    """

    __slots__ = ("_cron", "_plain", "_table", "end", "expression", "start", "timezone", "zone")

    expression: Expression
    timezone: str
    start: int | None
    end: int | None
    zone: ZoneInfo
    _cron: Cron | None
    _plain: Cron | None
    _table: ZoneTable

    def __init__(
        self,
        expression: Expression,
        timezone: str | None = None,
        start: datetime | int | None = None,
        end: datetime | int | None = None,
    ) -> None:
        if isinstance(expression, Cron) and timezone is None:
            raise InvalidTimezone(f"{expression!r} needs a zone; write timezone='Europe/Berlin' (or 'UTC')")
        if not isinstance(expression, _EXPRESSIONS):
            text = expression if isinstance(expression, str) else "0 2 1 * *"
            raise InvalidExpression(
                f"expected Cron, Interval or OneShot, got {expression!r:.80}; write Cron({text[:80]!r})"
            )
        put = object.__setattr__
        put(self, "expression", expression)
        put(self, "timezone", "UTC" if timezone is None else timezone)
        table = zone_table("UTC" if timezone is None else timezone)
        put(self, "zone", table.zone)
        put(self, "start", None if start is None else _bound("start", start))
        put(self, "end", None if end is None else _bound("end", end))
        put(self, "_cron", expression if isinstance(expression, Cron) else None)
        put(self, "_table", table)
        put(self, "_plain", self._cron if start is None and end is None else None)
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise InvalidExpression(f"expected an end after the start, got {start!r} to {end!r}; write a later end=")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Recurrence is frozen; make a new one instead of changing {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Recurrence is frozen; {name} cannot be deleted")

    def _key(self) -> tuple[Expression, str, int | None, int | None]:
        return self.expression, self.timezone, self.start, self.end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recurrence) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        bounds = "".join(f", {n}={v}" for n, v in (("start", self.start), ("end", self.end)) if v is not None)
        return f"Recurrence({self.expression!r}, timezone={self.timezone!r}{bounds})"

    def __reduce__(self) -> tuple[type[Recurrence], tuple[Expression, str, int | None, int | None]]:
        return Recurrence, self._key()

    def next_after(self, instant: datetime) -> datetime | None:
        """The first occurrence after ``instant``, in the schedule's zone; None when there is none any more.

        :raises ValueError: for a naive datetime.
        """
        zone, table, plain = self.zone, self._table, self._plain
        try:
            own = instant.tzinfo is zone
            delta = instant - (table.origin if own else _EPOCH)  # in our own zone: from wall clock to wall clock
        except (AttributeError, TypeError):
            raise ValueError(_naive(instant)) from None
        seconds = delta.days * 86_400 + delta.seconds
        if own:
            low, high, offset = table.calm
            if not low <= seconds < high:
                low, high, offset = table.calm_at(seconds)
            if plain is not None and low <= seconds < high:
                label = next_label(plain, seconds + 1)
                if label is not None and label < high:
                    return _fromtimestamp(label - offset, zone)
                if not plain.is_wildcard:
                    return self._first_pass(label)
            seconds = _floor(instant)
        found = self.next_timestamp(seconds) if plain is None else next_instant(plain, table, seconds)
        return None if found is None else _fromtimestamp(found, zone)

    def _first_pass(self, label: int | None) -> datetime | None:
        found = LAST if label is None else self._table.first_pass(label)
        return _fromtimestamp(found, self.zone) if found < LAST else None

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last occurrence before ``instant``, in the schedule's zone; None when there was none.

        :raises ValueError: for a naive datetime.
        """
        found = self.previous_timestamp(_ceil(instant))
        return None if found is None else _fromtimestamp(found, self.zone)

    def contains(self, instant: datetime | int) -> bool:
        """Whether ``instant`` is an occurrence."""
        seconds = _floor(instant)
        return seconds == _ceil(instant) and self.next_timestamp(seconds - 1) == seconds

    def between(self, start: datetime | int, end: datetime | int) -> list[datetime]:
        """All occurrences in ``[start, end)``, as aware datetimes in the schedule's zone."""
        first, last = self._bounded(_ceil(start), _ceil(end))
        if self._cron is not None and last - first > 86_400:
            from purista.recurrence.bulk import datetimes_between  # noqa: PLC0415 - the bulk way

            return datetimes_between(self._cron, self._table, self.zone, first, last)
        zone = self.zone
        return [_fromtimestamp(instant, zone) for instant in self._timestamps(first, last)]

    def timestamps(self, start: datetime | int, end: datetime | int) -> Sequence[int]:
        """All occurrences in ``[start, end)`` as epoch seconds: the fast bulk form."""
        return self._timestamps(*self._bounded(_ceil(start), _ceil(end)))

    def next_timestamp(self, after: int) -> int | None:
        """:meth:`next_after` on epoch seconds."""
        start, end, cron = self.start, self.end, self._cron
        if start is not None and after < start:
            after = start - 1
        found = _next_other(self.expression, after) if cron is None else next_instant(cron, self._table, after)
        if end is not None and found is not None and found >= end:
            return None
        return found

    def previous_timestamp(self, before: int) -> int | None:
        """:meth:`previous_before` on epoch seconds."""
        if self.end is not None and before > self.end:
            before = self.end
        cron = self._cron
        found = (
            previous_instant(cron, self._table, before)
            if cron is not None
            else _previous_other(self.expression, before)
        )
        return None if found is None or (self.start is not None and found < self.start) else found

    @property
    def shortest_gap(self) -> int:
        """A lower bound of the distance between two occurrences, in seconds. One shots have none: a day is given.

        A minute for every cron rule, rare ones too: clocks set forward can bring even two daily times that close. (Before 1972
        half of it, in Liberia alone, where clocks were set by 44 minutes and 30 seconds.)
        """
        if isinstance(self.expression, Interval):
            return self.expression.every_seconds
        if isinstance(self.expression, OneShot):
            return 86_400
        return 60

    def explain(self, now: datetime | None = None, days: int = 400) -> Explanation:
        """One plain English sentence, and the days up to ``days`` ahead on which clocks change what it means.

        ``now`` is where to look from; None (the beginning of 2026) is for texts that shall not depend on the day.
        """
        from purista.recurrence.explain import explain  # noqa: PLC0415 - for people, not for the hot path

        begin = _floor(now) if now is not None else 1_767_225_600
        return explain(self, begin, begin + days * 86_400)

    def special_days(self, start: datetime | int, end: datetime | int) -> list[SpecialDay]:
        """The clock changes in ``[start, end)`` that meet this rule."""
        from purista.recurrence.special import special_days  # noqa: PLC0415 - for people, not for the hot path

        return special_days(self, *self._bounded(_ceil(start), _ceil(end)))

    @property
    def table(self) -> ZoneTable:
        """The zone's offsets."""
        return self._table

    def _bounded(self, start: int, end: int) -> tuple[int, int]:
        if self.start is not None and start < self.start:
            start = self.start
        if self.end is not None and end > self.end:
            end = self.end
        return max(start, FIRST), min(end, LAST)

    def _timestamps(self, start: int, end: int) -> Sequence[int]:
        if end <= start:
            return []
        expression = self.expression
        if isinstance(expression, Interval):
            every, offset = expression.every_seconds, expression.offset_seconds
            return range(-((offset - start) // every) * every + offset, end, every)
        if isinstance(expression, OneShot):
            return [expression.timestamp] if start <= expression.timestamp < end else []
        # What a call finds due is one occurrence or none: the bulk way begins to pay with the second.
        first = next_instant(expression, self._table, start - 1)
        if first is None or first >= end:
            return []
        second = next_instant(expression, self._table, first)
        if second is None or second >= end:
            return [first]
        return instants_between(expression, self._table, start, end)


def _next_other(expression: Expression, after: int) -> int | None:
    if isinstance(expression, Interval):
        every, offset = expression.every_seconds, expression.offset_seconds
        found = (max(after, -1) - offset) // every * every + every + offset
        return found if found < LAST else None
    if isinstance(expression, OneShot) and expression.timestamp > after:
        return expression.timestamp
    return None


def _previous_other(expression: Expression, before: int) -> int | None:
    if isinstance(expression, Interval):
        every, offset = expression.every_seconds, expression.offset_seconds
        found = (min(before, LAST) - 1 - offset) // every * every + offset
        return found if found >= FIRST else None
    if isinstance(expression, OneShot) and expression.timestamp < before:
        return expression.timestamp
    return None


def _floor(instant: datetime | int) -> int:
    if isinstance(instant, int):
        return instant
    try:
        delta: timedelta = instant - _EPOCH
    except TypeError:
        raise ValueError(_naive(instant)) from None
    return delta.days * 86_400 + delta.seconds


def _ceil(instant: datetime | int) -> int:
    if isinstance(instant, int):
        return instant
    seconds = _floor(instant)
    return seconds + 1 if instant.microsecond else seconds


def _bound(name: str, instant: datetime | int) -> int:
    try:
        return _ceil(instant)
    except ValueError as error:
        raise InvalidExpression(f"{name}: {error}") from None


def _naive(instant: object) -> str:
    if isinstance(instant, datetime):
        got = f"{instant.isoformat()} without a zone"
        return f"expected an aware datetime, got {got}; write .replace(tzinfo=UTC) or tzinfo=ZoneInfo(…)"
    return f"expected an aware datetime, got {instant!r:.80}; write datetime(2026, 1, 31, 2, tzinfo=UTC)"
