"""A crontab's lines become contracts with the same instants, or a refusal with its reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.importers.base import Kind
from purista.importers.command import as_command, as_name
from purista.importers.crontab import import_crontab
from purista.importers.module import render


def imported(text, **options):
    return import_crontab(text, **{"timezone": "Europe/Berlin"} | options)


def said(found, kind):
    return [f.message for f in found.findings if f.kind is kind]


def test_a_line_with_everything_around_it():
    text = """
# Makes the backup
# of everything
SHELL=/bin/bash
PATH="/usr/bin:/bin"

# Nightly
0 5 * * mon-fri /usr/local/bin/backup.sh --all
"""
    (job,) = imported(text).jobs
    schedule = job.schedule
    assert (schedule.key, schedule.expression.value, schedule.timezone) == (
        "crontab/1/backup", "0 5 * * mon-fri", "Europe/Berlin",
    )  # fmt: skip
    assert schedule.description == "Nightly"
    assert (str(schedule.concurrency_policy), str(schedule.missed_run_policy)) == ("allow", "skip")
    assert job.where == "line 8"
    body = "\n".join(job.body)
    assert '"/usr/local/bin/backup.sh --all",' in body
    assert 'shell="/bin/bash"' in body
    assert 'env={"PATH": "/usr/bin:/bin"}' in body


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("@reboot /bin/x", "the start of a machine"),
        ("5#2 * * * * /bin/x", "Quartz"),
        ("0 22-2 * * * /bin/x", "never fires"),
        ("0 0 * * fri-mon /bin/x", "never fires"),
        ("0 0 31 2 * /bin/x", "no such day"),
        ("0 5 * *", "expected five fields"),
        ("what is this", "expected five fields"),
        ("* * * * * root purista trigger --sweep", "calls purista already"),
        ("*/5 * * * * /venv/bin/python -m purista trigger x/1/y", "calls purista already"),
    ],
)
def test_what_cannot_be_carried_is_named_with_its_reason(line, reason):
    found = imported(line)
    assert (found.total, len(found.jobs)) == (1, 0)
    (refused,) = found.refused
    assert reason in refused.message
    assert refused.where == "line 1"
    assert refused.fix


def test_every_line_is_accounted_for():
    text = "MAILTO=a@b\n0 5 * * * a\n@reboot b\n\n# words\n@daily c\nbroken line here\n61 * * * * d\n0 5 * * * a\n"
    found = imported(text)
    assert found.total == len(found.jobs) + len(found.refused) == 6
    assert [job.schedule.name for job in found.jobs] == ["a", "c", "a2"]


def test_a_line_that_is_commented_out_is_no_description():
    found = imported("#30 4 * * * /old/job\n0 5 * * * /bin/x\n")
    assert found.jobs[0].schedule.description == ""
    assert any("commented out: 30 4 * * * /old/job" in message for message in said(found, Kind.LOST))


def test_variables_hold_from_their_line_on():
    first, second = imported("0 5 * * * a\nX=1\n0 6 * * * b\n").jobs
    assert "env=" not in "\n".join(first.body)
    assert 'env={"X": "1"}' in "\n".join(second.body)


def test_mail_and_random_delay_are_lost_by_name():
    found = imported("MAILTO=ops@example.org\nRANDOM_DELAY=15\n0 5 * * * a\n")
    assert any("MAILTO=ops@example.org" in message for message in said(found, Kind.LOST))
    assert any("RANDOM_DELAY" in message for message in said(found, Kind.LOST))
    assert not any("to the crontab's owner" in message for message in said(found, Kind.LOST))
    assert any("to the crontab's owner" in message for message in said(imported("0 5 * * * a"), Kind.LOST))


def test_an_empty_mailto_loses_nothing():
    assert said(imported('MAILTO=""\n0 5 * * * a\n'), Kind.LOST) == []


def test_missing_policies_and_zone_are_choices_that_are_named():
    chosen = " ".join(said(imported("0 5 * * * a"), Kind.CHOSEN))
    assert "has no policies" in chosen
    assert "does not name its zone: Europe/Berlin" in chosen


def test_a_secret_in_the_environment_is_pointed_out():
    assert any("DB_PASSWORD" in m for m in said(imported("DB_PASSWORD=x\n0 5 * * * a"), Kind.DIFFERENT))


def test_cron_tz_is_the_zone_and_who_obeys_it_is_said():
    found = imported("CRON_TZ=America/New_York\n30 2 * * * a\n*/5 * * * * b\n")
    assert [job.schedule.timezone for job in found.jobs] == ["America/New_York"] * 2
    about = [f.message for f in found.findings if f.kind is Kind.DIFFERENT and f.job == "a"]
    assert any("Debian's cron ignores it" in message for message in about)
    assert any("when the clocks change" in message for message in about)
    assert not any("when the clocks change" in f.message for f in found.findings if f.job == "b")


def test_tz_is_for_the_command_alone():
    (job,) = imported("TZ=Asia/Tokyo\n0 5 * * * a\n").jobs
    assert job.schedule.timezone == "Europe/Berlin"
    assert 'env={"TZ": "Asia/Tokyo"}' in "\n".join(job.body)


def test_a_zone_nobody_knows_is_refused():
    assert "Mars" in imported("CRON_TZ=Mars/Base\n0 5 * * * a\n").refused[0].message


def test_a_user_column():
    found = imported("17 * * * * root cd / && run-parts /etc/cron.hourly\n", user=True)
    (job,) = found.jobs
    assert job.schedule.name == "run-parts"
    assert 'user="root"' in "\n".join(job.body)
    assert any("cron ran it as root" in message for message in said(found, Kind.DIFFERENT))
    assert "def sh(" in found.prelude
    assert "getpwnam" in found.prelude


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("echo a", "echo a", ""),
        ("cat%one%two", "cat", "one\ntwo\n"),
        ("date +\\%F", "date +%F", ""),
        ("mail -s \\%x a%hi \\%y", "mail -s %x a", "hi %y\n"),
    ],
)
def test_percent(text, command, stdin):
    assert as_command(text) == (command, stdin)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/local/bin/backup.sh --all", "backup"),
        ("cd /srv && python3 bin/report.py", "report"),
        ("A=1 nice -n 10 flock -n /tmp/x.lock /bin/sync-all >/dev/null 2>&1", "sync-all"),
        ("test -x /usr/sbin/anacron || { cd / && run-parts /etc/cron.daily; }", "run-parts"),
        ("timeout 5m /bin/fetch", "fetch"),
        ("sh -c 'echo", "echo"),
        ("", ""),
    ],
)
def test_names(command, name):
    assert as_name(command) == name


def test_windows_line_ends_and_no_final_newline():
    assert [j.schedule.name for j in imported("0 5 * * * a\r\n0 6 * * * b").jobs] == ["a", "b"]


def test_instants_are_those_of_the_line():
    (job,) = imported("30 2 * * sun a").jobs
    after = job.schedule.recurrence().next_after(datetime(2026, 1, 1, tzinfo=UTC))
    assert after == datetime(2026, 1, 4, 1, 30, tzinfo=UTC)


ODD = [
    "@reboot x", "CRON_TZ=UTC", "# words", "#0 5 * * * x", "MAILTO=", "* * * * * a", "0 5 1 1 0 b%c", "@daily d", "A=\x1b[31m",
]  # fmt: skip
FIELDS = (st.integers(0, 70), st.integers(0, 30), st.sampled_from(["0", "7", "8", "mon", "x"]), st.text(max_size=20))
LINES = st.one_of(st.text(max_size=40), st.sampled_from(ODD), st.builds("{} {} * * {} {}".format, *FIELDS))


@given(lines=st.lists(LINES, max_size=8), user=st.booleans())
def test_whatever_stands_there_is_accounted_for(lines, user):
    found = imported("\n".join(lines), user=user)
    assert found.total == len(found.jobs) + len(found.refused)
    text = render(found)
    scope: dict = {"__name__": "made"}
    exec(compile(text, "made.py", "exec"), scope)
    declared = [schedule for service in scope["app"].services for schedule in service.schedules]
    assert declared == [job.schedule for job in found.jobs]
    assert all(c.isprintable() or c == "\n" for c in text)
