"""Every occurrence is covered by a call, in every combination of zones; what is called besides is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from purista.contract.schedule import Schedule, Target, TargetKind
from purista.recurrence import Cron, Interval, OneShot
from purista.schedulers.base import Owner, Severity
from purista.schedulers.cron.dialect import CronDialect
from purista.schedulers.cron.place import Place

NOW = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
TWO_YEARS = NOW + 2 * 365 * 86_400
OWNER = Owner("user", "test", "0123456789abcdef")
CRONS = """30 2 * * *|0 2 * * *|0 * * * *|*/15 * * * *|0 2 1 * *|0 0 13 * 5|0 0 */10 * 1|0 9-17 * * MON-FRI|15 0 * * MON
0 0 29 2 *|59 23 31 12 *|0 0 1,15 * *|45 23 * * SUN|30 0 * 3,10 *|7-59/15 8-18 * * *|0 0 * * */2|0 0-23 * * *|*/7 2,3 * * *"""
RULES = [
    *(Cron(text) for line in CRONS.splitlines() for text in line.split("|")),
    *(Interval(timedelta(minutes=m)) for m in (5, 7, 45, 60, 90, 25 * 60)),
    Interval(90),
    Interval(timedelta(hours=6), timedelta(minutes=17)),
    OneShot("2026-10-25T00:30:00Z"),
    OneShot("2027-03-01T12:00:30Z"),
]
ZONES = (  # noqa: SIM905 - a list of names
    "Europe/Berlin America/New_York Asia/Kolkata Australia/Lord_Howe Africa/Casablanca America/St_Johns Asia/Tokyo"
    " Pacific/Apia Europe/Dublin America/Santiago Asia/Beirut Antarctica/Troll UTC"
).split()
HOSTS = ["UTC", "Europe/Berlin", "Australia/Lord_Howe"]


def place(host: str = "UTC", **options: object) -> Place:
    return Place(host, "root", ("/usr/bin/python3", "-m", "purista"), "/var/lib/p.db", NOW, single_host=True, **options)  # type: ignore[arg-type]


def schedule(rule: Cron | Interval | OneShot, zone: str, name: str = "s", **options: object) -> Schedule:
    target = Target(TargetKind.EVENT, "x.due", "user", "1")
    return Schedule(
        service="user", version="1", name=name, description="", expression=rule, timezone=zone, target=target, **options
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("host", HOSTS)
def test_two_years_of_occurrences_are_covered(host: str) -> None:
    dialect = CronDialect(place(host))
    occurrences = calls = 0
    for zone in ZONES:
        for rule in RULES if zone in ("UTC", "Europe/Berlin") else RULES[:18]:
            one = schedule(rule, zone)
            compiled = dialect.compile(OWNER, [one])
            called: set[int] = set()
            for entry in compiled.entries:
                if not entry.sweep:
                    called.update(dialect.predict(entry, NOW, TWO_YEARS))
            due = one.recurrence().timestamps(NOW, TWO_YEARS - 60)
            missing = [t for t in due if -(-t // 60) * 60 not in called]
            assert not missing, f"{rule} in {zone} on a {host} host: {len(missing)} not covered, first {missing[0]}"
            occurrences, calls = occurrences + len(due), calls + len(called)
    print(f"\nhost {host}: {occurrences} occurrences, {calls} calls, {calls / occurrences - 1:.1%} extra")
    assert calls < occurrences * 2


def test_a_monthly_job_on_a_utc_host_is_not_called_every_day() -> None:
    dialect = CronDialect(place())
    compiled = dialect.compile(OWNER, [schedule(Cron("0 2 1 * *"), "Europe/Berlin")])
    year = NOW + 365 * 86_400
    calls = [t for entry in compiled.entries if not entry.sweep for t in dialect.predict(entry, NOW, year)]
    assert len(calls) <= 24


def test_the_hosts_own_zone_is_exact() -> None:
    dialect = CronDialect(place("Europe/Berlin"))
    compiled = dialect.compile(OWNER, [schedule(Cron("30 2 * * MON"), "Europe/Berlin")])
    line = compiled.entries[0].body.splitlines()[1]
    assert line.startswith("30 2 * * 1 root ")


def test_equal_lines_are_grouped_and_the_owner_is_swept() -> None:
    dialect = CronDialect(place())
    compiled = dialect.compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC", name) for name in ("b", "a", "c")])
    assert [(entry.keys, entry.sweep) for entry in compiled.entries] == [
        (("user/1/a", "user/1/b", "user/1/c"), False),
        ((), True),
        ((), True),
    ]


def test_the_same_input_gives_the_same_bytes_in_any_order() -> None:
    dialect = CronDialect(place())
    schedules = [schedule(rule, "Europe/Berlin", f"s{number}") for number, rule in enumerate(RULES[:10])]
    one = dialect.render(OWNER, dialect.compile(OWNER, schedules))
    other = dialect.render(OWNER, dialect.compile(OWNER, schedules[::-1]))
    assert one == other


@pytest.mark.parametrize(
    ("rule", "code", "severity", "entries"),
    [
        (Interval(30), "C103", Severity.REFUSED, 0),
        (Interval(90), "C105", Severity.WARNING, 3),
        (OneShot("2020-01-01T00:00:00Z"), "C102", Severity.INFO, 0),
        (Cron("0 2 * * *"), "C106", Severity.INFO, 4),
        (Interval(420), "C107", Severity.INFO, 3),
    ],
)
def test_nothing_is_dropped_silently(
    rule: Cron | Interval | OneShot, code: str, severity: Severity, entries: int
) -> None:
    compiled = CronDialect(place()).compile(OWNER, [schedule(rule, "Europe/Berlin")])
    assert (code, severity) in {(finding.code, finding.severity) for finding in compiled.findings}
    assert len(compiled.entries) == entries, "its own lines, and those for sweeping and recovering"


@pytest.mark.parametrize(
    ("zone", "host"), [("UTC", "Etc/UTC"), ("Europe/Berlin", "Europe/Paris"), ("Europe/Berlin", "Arctic/Longyearbyen")]
)
def test_zones_that_show_the_same_are_one_whatever_their_names(zone: str, host: str) -> None:
    compiled = CronDialect(place(host)).compile(OWNER, [schedule(Cron("30 2 * * MON"), zone)])
    assert compiled.entries[0].body.splitlines()[1].startswith("30 2 * * 1 root ")
    assert not [finding for finding in compiled.findings if finding.code == "C106"]
