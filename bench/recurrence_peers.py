"""What people use to find the next occurrence, each asked the way its documentation asks it. No measuring here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import croniter
import croniter_rs
from apscheduler.triggers.cron import CronTrigger
from celery.schedules import crontab
from cronsim import CronSim

from purista.recurrence import Cron, Recurrence, cron, cron_days

__all__ = ["DENSE", "EXPRESSIONS", "SPARSE", "ZONES", "Peers"]

DENSE = ("* * * * *", "*/5 * * * *", "7-59/15 8-18 * * *", "0 * * * *", "0 9-17 * * MON-FRI")
SPARSE = (
    "30 2 * * *", "15 10 * * MON", "0 0 1,15 * *", "0 2 1 * *", "0 0 13 * FRI", "0 0 31 * *", "0 0 1 1 *", "59 23 31 12 *",
    "0 0 29 2 *", "0 0 * 2 MON",
)  # fmt: skip
# The usual mix has 17: `0 0 * 2 MON#5` and `0 0 L * *` are refused by our grammar (Debian cron's), so they have no row.
EXPRESSIONS = DENSE + SPARSE
ZONES = ("UTC", "Europe/Berlin")
START = (2026, 1, 5)

Work = Callable[[int], Any]


class Peers:
    """The contestants for one expression and zone. Each takes how many occurrences to find, from the same start on."""

    def __init__(self, expression: str, zone: str) -> None:
        self.expression, self.zone = expression, zone
        self.tz = UTC if zone == "UTC" else ZoneInfo(zone)
        self.start = datetime(*START, tzinfo=self.tz)
        self.rule = Recurrence(Cron(expression), timezone=zone)
        self.in_utc: list[datetime] = []
        self.first = self.start + timedelta(seconds=1)  # the others look for what comes after the start

    def single(self) -> dict[str, Work]:
        return {
            "purista": self.ours, "cronsim": self.cronsim, "croniter": self.croniter, "apscheduler": self.apscheduler,
            "celery": self.celery, "croniter-rs": self.croniter_rs,
        }  # fmt: skip

    def ours(self, count: int) -> list[datetime]:
        at, ask = self.start, self.rule.next_after
        return [at := ask(at) for _ in range(count)]  # type: ignore[assignment, misc]

    def ours_in_utc(self, count: int) -> None:
        """The same questions as a service asks them that looks at a clock: with instants in UTC, not in the rule's zone."""
        ask = self.rule.next_after
        for at in self.in_utc[:count]:
            ask(at)

    def cronsim(self, count: int) -> list[datetime]:
        it = CronSim(self.expression, self.start)
        return [next(it) for _ in range(count)]

    def croniter(self, count: int) -> list[datetime]:
        it = croniter.croniter(self.expression, self.start)
        return [it.get_next(datetime) for _ in range(count)]

    def croniter_rs(self, count: int) -> list[datetime]:
        it = croniter_rs.croniter(self.expression, self.start)
        return [it.get_next(datetime) for _ in range(count)]

    def croniter_rs_n(self, count: int) -> list[float]:
        """Its own bulk form; floats, because its datetimes know no zone."""
        return croniter_rs.croniter(self.expression, self.start).get_next_n(count, float)  # type: ignore[no-any-return]

    def apscheduler(self, count: int) -> list[datetime]:
        trigger, found, at = CronTrigger.from_crontab(self.expression, timezone=self.tz), [], self.start
        for _ in range(count):
            at = trigger.get_next_fire_time(at, at + timedelta(microseconds=1))
            found.append(at)
        return found

    def celery(self, count: int) -> list[datetime]:
        minute, hour, day, month, weekday = self.expression.split()
        schedule = crontab(minute, hour, weekday, day, month, nowfun=lambda: self.start)
        schedule.tz = self.tz
        found, at = [], self.start
        for _ in range(count):
            last, delta, _now = schedule.remaining_delta(at, tz=self.tz)
            at = last + delta
            found.append(at)
        return found

    def fresh(self, count: int) -> None:
        """Text to first occurrence; nothing of ours remembers texts, so each time is the first."""
        expression, zone, start = self.expression, self.zone, self.start
        for _ in range(count):
            Recurrence(Cron(expression), timezone=zone).next_after(start)

    def fresh_cronsim(self, count: int) -> None:
        expression, start = self.expression, self.start
        for _ in range(count):
            next(CronSim(expression, start))

    def bulk_cold(self, until: datetime) -> None:
        """A rule never seen before, with all tables of days and times thrown away (those of the zone stay)."""
        for table in (cron_days._shape, cron_days._shapes, cron._seconds):
            table.cache_clear()
        Recurrence(Cron(self.expression), timezone=self.zone).timestamps(self.first, until)
