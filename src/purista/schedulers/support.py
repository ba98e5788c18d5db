"""What a contract can ask for, and who sees to it on one scheduler: the scheduler itself, the gateway, or nobody.

Each adapter states every :class:`Feature` in its ``support.py``. ``purista support``, the table in the documentation and the
tests read the same statement, so none of them can say something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["By", "Feature", "Stated", "Support", "gateway", "native", "refused"]


class Feature(StrEnum):
    """What contracts can say."""

    CRON = "cron"
    EITHER_DAY = "day of month or weekday"
    INTERVAL = "interval"
    ONE_SHOT = "one shot"
    SECONDS = "to the second"
    TIMEZONE = "time zone"
    CLOCK_CHANGE = "clock changes"
    BOUNDS = "start and end"
    JITTER = "jitter window"
    DISABLED = "disabled by default"
    MISSED_RUNS = "missed-run policy"
    START_DEADLINE = "start deadline"
    CONCURRENCY = "concurrency policy"
    RUN_TIMEOUT = "run timeout"
    IDEMPOTENCY_KEY = "idempotency key"
    PAYLOAD = "payload"
    SCHEDULED_AT = "scheduled_at in the call"
    PAUSE = "pause made there"
    DOWNTIME = "calls after downtime"


class By(StrEnum):
    """Who sees to it."""

    NATIVE = "native"
    GATEWAY = "gateway"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Stated:
    """``note`` says how, in one line, and what to know about it."""

    by: By
    note: str


Support = Mapping[Feature, Stated]


def native(note: str) -> Stated:
    """The scheduler's own means do it exactly."""
    return Stated(By.NATIVE, note)


def gateway(note: str) -> Stated:
    """The scheduler's calls cover it, and the gateway does the rest: drops what is extra, decides, waits."""
    return Stated(By.GATEWAY, note)


def refused(note: str) -> Stated:
    """Compiling says so with a finding; nothing is dropped silently."""
    return Stated(By.REFUSED, note)
