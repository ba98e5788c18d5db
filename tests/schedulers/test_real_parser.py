"""What we write is read by Debian's own parser without a word; what it throws away we know."""

from __future__ import annotations

import pytest

from purista.recurrence import Cron
from purista.schedulers.base import Owner
from purista.schedulers.cron.dialect import CronDialect, file_name
from purista.schedulers.cron.place import Place
from purista.schedulers.cron.text import COMMAND_LIMIT
from tests.schedulers.crond import complaints
from tests.schedulers.test_cover import HOSTS, NOW, OWNER, RULES, ZONES, place, schedule
from tests.schedulers.test_quoting import NASTY

pytestmark = pytest.mark.privileged


def rendered(dialect: CronDialect, owner: Owner, schedules: list) -> dict[str, str]:
    return dict(dialect.render(owner, dialect.compile(owner, schedules)))


def test_every_rule_in_every_zone_on_every_host_is_read() -> None:
    files: dict[str, str] = {}
    for host in HOSTS:
        for zone in ZONES:
            schedules = [schedule(rule, zone, f"s{number}") for number, rule in enumerate(RULES)]
            files |= rendered(CronDialect(place(host)), Owner(zone, host, "x"), schedules)
    assert len(files) == len(HOSTS) * len(ZONES)
    assert complaints(files) == []


def test_names_that_need_quoting_are_read() -> None:
    files: dict[str, str] = {}
    for text in NASTY:
        dialect = CronDialect(Place("UTC", "root", ("/bin/x", text), f"/var/{text}/p.db", NOW, single_host=True))
        files |= rendered(dialect, Owner(text, text, "x"), [schedule(Cron("0 5 * * *"), "UTC", text)])
    assert len(files) == len(NASTY)
    assert complaints(files) == []


def test_commands_as_long_as_can_be_are_read() -> None:
    many = [schedule(Cron("0 5 * * *"), "UTC", f"schedule-{n:05d}-%") for n in range(500)]
    files = rendered(CronDialect(place()), OWNER, many)
    longest = max(
        len(line.split(" ", 6)[6]) for line in files[file_name(OWNER)].splitlines() if line.startswith("0 5 ")
    )
    assert COMMAND_LIMIT - 40 < longest <= COMMAND_LIMIT
    assert complaints(files) == []


def test_ten_thousand_schedules_are_read() -> None:
    """Debian's cron ignores a file of more than 10,000 lines, comments among them, and with it every schedule in it."""
    many = [schedule(Cron(f"{n % 60} {n // 60 % 24} {1 + n // 1440} * *"), "UTC", f"s{n}") for n in range(10_000)]
    files = rendered(CronDialect(place()), OWNER, many)
    assert sum(text.count("user/1/s") for text in files.values()) >= 10_000
    assert complaints(files) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* 25 * * * root true\n", "bad hour"),
        ("* * * * * nobody-of-this-name true\n", "bad username"),
        ("* * * * * root true", "Missing newline"),
        (f"* * * * * root {'x' * (COMMAND_LIMIT + 1)}\n", "command too long"),
        ("# a\n* * * * * root true\n" * 5_002, "longer than 10000 lines"),
    ],
)
def test_what_the_parser_throws_away(text: str, said: str) -> None:
    assert said in "\n".join(complaints({"purista-x": text}))


def test_files_that_others_may_write_are_ignored() -> None:
    assert "INSECURE MODE" in "\n".join(complaints({"purista-x": "* * * * * root true\n"}, {"purista-x": 0o664}))
