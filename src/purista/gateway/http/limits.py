"""How much is too much: bodies, time, requests at once and a minute. Counters instead of records for whoever is not let in."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from dataclasses import dataclass

from purista.clock import Clock

__all__ = ["Failures", "Limits", "Rates", "Remembered"]

log = logging.getLogger("purista.gateway.http")
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one gateway process."""

    body_bytes: int = 65_536
    body_seconds: float = 10.0
    in_flight: int = 1_024
    per_minute: int = 6_000  # of each credential
    failures_per_minute: int = 600  # then 429 instead of 401, for those who fail only


class Rates:
    """A bucket for each credential that holds a minute's worth of requests and fills evenly."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._left: dict[str, tuple[float, int]] = {}

    def wait_ms(self, whose: str) -> int:
        """Take one; 0, or after how many ms there is one again."""
        now = self._clock.now()
        left, since = self._left.get(whose, (float(self._per_minute), now))
        left = min(self._per_minute, left + max(0, now - since) * self._per_minute / MINUTE_MS)
        enough = left >= 1
        self._left[whose] = (left - enough, now)
        return 0 if enough else max(1, round((1 - left) * MINUTE_MS / self._per_minute))


class Failures:
    """Counts who was not let in, by reason; one log line a minute, however many there are."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self.counted: Counter[str] = Counter()
        self._per_minute, self._clock = per_minute, clock
        self._minute, self._in_it = 0, 0

    def note(self, reason: str) -> bool:
        """Count one. True: there were too many in this minute."""
        self.counted[reason] += 1
        minute = self._clock.now() // MINUTE_MS
        if minute != self._minute:
            self._minute, self._in_it = minute, 0
            log.warning(
                "not let in: %s (%d of this kind so far)", reason, self.counted[reason], extra={"action": "refused"}
            )
        self._in_it += 1
        return self._in_it > self._per_minute


class Remembered:
    """Signed requests that were carried out, for as long as their signature would count again."""

    def __init__(self, clock: Clock, window_ms: int, most: int = 10_000) -> None:
        self._clock, self._window, self._most = clock, window_ms, most
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()

    def before(self, whose: str, message: str) -> bool:
        """Whether it was carried out before."""
        now = self._clock.now()
        while self._seen and (next(iter(self._seen.values())) < now - 2 * self._window or len(self._seen) > self._most):
            self._seen.popitem(last=False)
        return bool(message) and (whose, message) in self._seen

    def begin(self, whose: str, message: str) -> None:
        """It is being carried out: the same one beside it is not."""
        if message:
            self._seen[whose, message] = self._clock.now()

    def failed(self, whose: str, message: str) -> None:
        """It was not carried out, and may come again."""
        self._seen.pop((whose, message), None)
