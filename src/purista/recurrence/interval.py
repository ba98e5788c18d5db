"""Fixed distances and single instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from purista.errors import InvalidExpression

__all__ = ["Interval", "OneShot"]

DAY = 86_400
LIMIT = 400 * 366 * DAY
_EPOCH, _END = datetime(1970, 1, 1, tzinfo=UTC), 7_258_118_400  # up to 2200, as zones are known


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Interval:
    """Due every ``every``, counted from the epoch plus ``offset``: independent of zones, restarts and clock changes.

    Both are timedeltas or whole seconds; ``0 <= offset < every``.

    :raises InvalidExpression: for fractions of a second, for less than a second, for an offset outside the interval.
    """

    every_seconds: int
    offset_seconds: int

    def __init__(self, every: timedelta | int, offset: timedelta | int = 0) -> None:
        seconds, shift = _seconds("every", every), _seconds("offset", offset)
        if not 1 <= seconds <= LIMIT:
            raise InvalidExpression(f"every: expected 1 second to 400 years, got {every!r}; write timedelta(minutes=5)")
        if not 0 <= shift < seconds:
            raise InvalidExpression(
                f"offset: expected 0 up to (not including) every ({seconds} s), got {offset!r}; write {shift % seconds}"
            )
        object.__setattr__(self, "every_seconds", seconds)
        object.__setattr__(self, "offset_seconds", shift)

    def __repr__(self) -> str:
        shift = f", offset={self.offset_seconds}" if self.offset_seconds else ""
        return f"Interval({self.every_seconds}{shift})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class OneShot:
    """Due once. ``at`` is an aware datetime or ISO 8601 text with its offset; whole seconds.

    :raises InvalidExpression: for a time without a zone, or with a fraction of a second.
    """

    timestamp: int

    def __init__(self, at: datetime | str) -> None:
        instant = _instant(at)
        if instant.utcoffset() is None:
            raise InvalidExpression(
                f"at: expected an instant with its zone, got {at!r}; write 2026-01-01T02:00:00+01:00 or tzinfo="
            )
        if instant.microsecond:
            raise InvalidExpression(f"at: expected whole seconds, got {at!r}; write {instant.replace(microsecond=0)}")
        timestamp = (instant - _EPOCH) // timedelta(seconds=1)
        if not 0 <= timestamp < _END:
            raise InvalidExpression(
                f"at: expected an instant from 1970 to 2200, got {at!r}; write 2026-01-01T02:00:00Z"
            )
        object.__setattr__(self, "timestamp", timestamp)

    @property
    def at(self) -> datetime:
        """The instant, in UTC."""
        return datetime.fromtimestamp(self.timestamp, UTC)

    def __repr__(self) -> str:
        return f"OneShot('{self.at:%Y-%m-%dT%H:%M:%SZ}')"


def _instant(at: object) -> datetime:
    if isinstance(at, datetime):
        return at
    if isinstance(at, str):
        try:
            return datetime.fromisoformat(at)
        except ValueError:
            pass
    raise InvalidExpression(f"at: expected a datetime or ISO 8601 text, got {at!r:.80}; write 2026-01-01T02:00:00Z")


def _seconds(name: str, value: object) -> int:
    if isinstance(value, timedelta):
        if value.microseconds:
            raise InvalidExpression(f"{name}: expected whole seconds, got {value}; write timedelta(seconds=…)")
        return value.days * DAY + value.seconds
    if type(value) is int:
        return value
    raise InvalidExpression(
        f"{name}: expected a timedelta or whole seconds, got {value!r:.80}; write timedelta(minutes=5)"
    )
