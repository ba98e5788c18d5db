"""Where schedules live in Temporal: for which queue they start workflows, and which years they must cover."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from purista.errors import DeclarationError

__all__ = ["Place", "queue_of"]

LONGEST_QUEUE = 200


def queue_of(environment: str) -> str:
    """The task queue that schedules of an environment use, and its workers, where nobody names another."""
    return f"purista-{environment}"


@dataclass(frozen=True, slots=True)
class Place:
    """``now`` (epoch seconds) and the horizon say for which years changes of clocks are looked at. ``task_queue`` None: one for
    each environment. ``wait``: workflows stay open until the run is over.
    """

    now: int
    task_queue: str | None = None
    wait: bool = False
    horizon_years: int = 11

    def __post_init__(self) -> None:
        queue = self.task_queue
        if queue is not None and not (0 < len(queue) <= LONGEST_QUEUE and queue.isprintable()):
            raise DeclarationError(
                f"task_queue: expected a name of up to {LONGEST_QUEUE} characters, got {queue[:60]!a}; write 'purista'"
            )

    @property
    def since(self) -> int:
        """The year's begin: what is compiled changes once a year at most."""
        return int(datetime(self._year, 1, 1, tzinfo=UTC).timestamp())

    @property
    def until(self) -> int:
        """The end of the horizon (epoch seconds)."""
        return int(datetime(self._year + self.horizon_years, 1, 1, tzinfo=UTC).timestamp())

    @property
    def _year(self) -> int:
        return datetime.fromtimestamp(self.now, UTC).year
