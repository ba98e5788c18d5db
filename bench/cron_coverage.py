"""How often cron calls for nothing: the tables of docs/cron-coverage.md. ``--write`` puts them there.

Counted from the lines that are written, not from the contracts, over two years; a line is a process, so two lines at one
instant are two calls. Numbers of a year, rounded up.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from purista.contract.schedule import Schedule, Target, TargetKind
from purista.recurrence import Cron, Expression, Interval
from purista.schedulers.base import Owner
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.cron.place import Place

PAGE = Path(__file__).parents[1] / "docs/cron-coverage.md"
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime(2028, 1, 1, tzinfo=UTC).timestamp())
OWNER = Owner("user", "prod", "ledger")
HOSTS = ["UTC", "Europe/Berlin", "America/New_York"]
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
]  # fmt: skip
CRONS = [
    "0 * * * *", "*/15 * * * *", "0 2 * * *", "30 2 * * *", "0 9 * * 1-5", "15 0 * * 1", "0 0 1 * *", "0 2 1 * *", "0 0 13 * 5",
    "@yearly",
]  # fmt: skip
INTERVALS = [timedelta(minutes=minutes) for minutes in (5, 7, 15, 45, 60, 90, 6 * 60, 36 * 60)]


def counted(rule: Expression, zone: str, host: str) -> tuple[int, int, int]:
    """Occurrences of a year, calls for them, and lines."""
    place = Place(host, "app", ("purista",), "/var/lib/purista.db", START, single_host=True)
    dialect, target = CronDialect(place), Target(TargetKind.EVENT, "x.due", "user", "1")
    schedule = Schedule(
        service="user", version="1", name="s", description="", expression=rule, timezone=zone, target=target
    )
    entries = [entry for entry in dialect.compile(OWNER, [schedule]).entries if not entry.sweep]
    called = [set(dialect.predict(entry, START, END)) for entry in entries]
    due = schedule.recurrence().timestamps(START, END - 60)
    assert {-(-at // 60) * 60 for at in due} <= set().union(*called), f"{rule} in {zone} on {host} is not covered"
    return -(-len(due) // 2), -(-sum(map(len, called)) // 2), len(entries)


def tables() -> Iterator[str]:
    """Markdown."""
    for host in HOSTS:
        yield f"### A host in {host}\n"
        yield f"| contract | {' | '.join(ZONES)} |"
        yield "|---" * (len(ZONES) + 1) + "|"
        for text in CRONS:
            cells = [_cell(*counted(Cron(text), zone, host)) for zone in ZONES]
            yield f"| `{text}` | {' | '.join(cells)} |"
        yield ""
    yield "### Intervals\n"
    yield f"| every | due in a year | {' | '.join(HOSTS)} |"
    yield "|---" * (len(HOSTS) + 2) + "|"
    for every in INTERVALS:
        found = [counted(Interval(every), "UTC", host) for host in HOSTS]
        cells = " | ".join(_cell(*numbers).partition(" ")[2] for numbers in found)
        yield f"| {every.total_seconds() / 60:g} min | {found[0][0]} | {cells} |"


def _cell(due: int, calls: int, lines: int) -> str:
    extra = f"+ {calls - due}" if calls > due else "exact"
    return f"{due} {extra}" + (f" ({lines} lines)" if lines > 1 else "")


def page(text: str) -> str:
    """The page with new tables."""
    made = "\n".join(tables())
    return re.sub(r"(?s)(<!-- tables -->\n).*(<!-- end -->\n)", lambda m: f"{m[1]}{made}\n{m[2]}", text)


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    else:
        sys.stdout.write("\n".join(tables()) + "\n")
