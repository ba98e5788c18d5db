"""The text that is written, as files to read. ``PURISTA_GOLDEN=write pytest tests/schedulers/test_golden.py`` writes them
again; the difference is reviewed like code, because it changes what runs on people's machines.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from purista.contract.schedule import Schedule
from purista.recurrence import Cron, Interval, OneShot
from purista.schedulers.base import Owner
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.cron.text import parse
from tests.schedulers.crond import complaints
from tests.schedulers.test_cover import OWNER, place, schedule

GOLDEN = Path(__file__).parent / "golden"
HOSTS = {"utc": "UTC", "berlin": "Europe/Berlin"}
JULY_MS, AUGUST_MS = 1_782_864_000_000, 1_785_542_400_000

# What each shows → its contracts.
CONTRACTS: dict[str, list[Schedule]] = {
    "monthly": [schedule(Cron("0 2 1 * *"), "Europe/Berlin", "monthlyBillingCycle")],
    "first-of-month": [schedule(Cron("0 0 1 * *"), "Europe/Berlin", "month"), schedule(Cron("@yearly"), "Asia/Tokyo", "year")],
    "clock-change": [
        schedule(Cron("30 2 * * *"), "Europe/Berlin", "fixed"),
        schedule(Cron("*/30 2 * * *"), "Europe/Berlin", "wildcard"),
        schedule(Cron("15 2 * * SUN"), "Australia/Lord_Howe", "halfAnHour"),
    ],
    "weekdays": [schedule(Cron("45 23 * * MON-FRI"), "America/New_York", "closing"), schedule(Cron("0 9 * * 1"), "UTC", "utc")],
    "either-day": [schedule(Cron("0 0 13 * FRI"), "Europe/Berlin", "either"), schedule(Cron("0 0 */10 * 1"), "UTC", "both")],
    "intervals": [
        schedule(Interval(timedelta(minutes=15)), "UTC", "quarter"),
        schedule(Interval(timedelta(minutes=7)), "UTC", "notDividing"),
        schedule(Interval(timedelta(hours=36), timedelta(minutes=10)), "UTC", "dayAndAHalf"),
        schedule(Interval(90), "UTC", "minuteAndAHalf"),
    ],
    "bounded": [schedule(Cron("0 6 * * *"), "UTC", "july", start_ms=JULY_MS, end_ms=AUGUST_MS)],
    "one-shot": [
        schedule(OneShot("2026-10-25T00:30:00Z"), "UTC", "inTheOverlap"),
        schedule(OneShot("2027-02-28T23:59:30Z"), "UTC", "lateInFebruary"),
        schedule(OneShot("2020-01-01T00:00:00Z"), "UTC", "over"),
    ],
    "grouped": [schedule(Cron("0 5 * * *"), "UTC", f"report-{number:03d}-of-many") for number in range(40)],
    "nasty-names": [
        schedule(Cron("0 5 * * *"), "UTC", name)
        for name in ("100%", "it's", "$(id)", "`id`", "a b", "日本", "--sweep", "#x", "a\\")
    ],
    "nothing": [],
}  # fmt: skip


def texts(contracts: str, host: str) -> str:
    owner = Owner("it's 100%", "te st", "0123456789abcdef") if contracts == "nasty-names" else OWNER
    where = (
        replace(place(HOSTS[host]), ledger="/var/lib/a b%/p.db") if contracts == "nasty-names" else place(HOSTS[host])
    )
    dialect = CronDialect(where)
    rendered = dialect.render(owner, dialect.compile(owner, CONTRACTS[contracts]))
    assert len(rendered) <= 1
    return "".join(rendered.values())


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("contracts", CONTRACTS)
def test_the_text_is_as_it_was(contracts: str, host: str) -> None:
    path, text = GOLDEN / f"{contracts}-on-{host}.cron", texts(contracts, host)
    if os.environ.get("PURISTA_GOLDEN") == "write":
        path.write_text(text, "utf-8", newline="\n")
    assert path.read_bytes().decode() == text, "what cron is told has changed; PURISTA_GOLDEN=write shows how"
    assert not text or parse(text).jobs[-1].name == "recover"


def test_no_file_is_left_over() -> None:
    expected = {f"{contracts}-on-{host}.cron" for contracts in CONTRACTS for host in HOSTS}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.privileged
def test_cron_reads_every_one() -> None:
    files = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.cron")}
    assert len(files) == len(CONTRACTS) * len(HOSTS)
    assert complaints(files) == []
