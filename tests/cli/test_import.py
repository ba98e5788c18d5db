"""``purista import``: where it looks, what it prints and writes, how it ends."""

from __future__ import annotations

import ast
import io
import sys

import pytest

from tests.importers.libraries import needed

CRONTAB = "# Nightly\n30 2 * * * /bin/backup\n@reboot /bin/start\n"


@pytest.fixture
def forget(monkeypatch):
    """Modules of one test are not those of the next."""
    for name in ("celeryproj", "jobsproj"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in ("celeryproj", "jobsproj"):
        sys.modules.pop(name, None)


def test_a_file_to_stdout_with_findings_on_stderr(purista, home):
    (home / "tab").write_text(CRONTAB)
    result = purista("import", "crontab", "tab", "--timezone", "Europe/Berlin")
    assert result.code == 1
    ast.parse(result.out)
    assert 'Cron("30 2 * * *")' in result.out
    assert "refused: line 3, start: macro '@reboot'" in result.err
    assert result.err.splitlines()[-1] == "purista: 1 of 2 jobs carried over, 1 not"


def test_stdin_and_nothing_refused(purista, home, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"0 5 * * * /bin/a\n")))
    assert purista("import", "crontab", "-", "--timezone", "UTC").code == 0


def test_to_a_file_that_is_never_written_over(purista, home):
    (home / "tab").write_text(CRONTAB)
    result = purista("import", "crontab", "tab", "--timezone", "UTC", "-o", "made.py")
    assert result.code == 1
    assert "written to made.py" in result.out
    before = (home / "made.py").read_text()
    again = purista("import", "crontab", "tab", "--timezone", "UTC", "-o", "made.py")
    assert again.code == 73
    assert "exists" in again.err
    assert (home / "made.py").read_text() == before


def test_what_was_written_passes_check(purista, home):
    (home / "tab").write_text("30 12 * * * /bin/a\n")
    assert purista("import", "crontab", "tab", "--timezone", "UTC", "-o", "importedtab.py").code == 0
    assert purista("check", "--strict", "--app", "importedtab:app").code == 0


def test_json(purista, home):
    (home / "tab").write_text(CRONTAB)
    document = purista("import", "crontab", "tab", "--timezone", "UTC", "--json").json
    assert document["total"] == 2
    (carried,) = document["carried"]
    assert carried["key"] == "crontab/1/backup"
    assert carried["expression"] == {"kind": "cron", "value": "30 2 * * *"}
    assert {f["kind"] for f in document["findings"]} >= {"refused", "chosen"}
    ast.parse(document["module"])


def test_a_user_column(purista, home):
    (home / "tab").write_text("0 5 * * * root /bin/a\n")
    assert 'user="root"' in purista("import", "crontab", "tab", "--user", "--timezone", "UTC").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["crontab", "nowhere"], 64, "expected a crontab"),
        (["crontab", "tab", "--timezone", "Mars/Base"], 64, "Mars"),
        (["celery", "proj"], 64, "as MODULE:NAME"),
        (["celery", "nowhere_at_all:app"], 78, "cannot be imported"),
        (["celery", "shopapp:nope"], 78, "cannot be imported"),
        (["celery", "shopapp:app"], 78, "expected a Celery app"),
        (["apscheduler", "shopapp:app"], 78, "expected an APScheduler 3 scheduler"),
    ],
)
def test_what_cannot_be_read(purista, home, arguments, code, said):
    (home / "tab").write_text(CRONTAB)
    result = purista("import", *arguments)
    assert result.code == code
    assert said in result.err


def test_a_module_that_fails_or_exits(purista, home, forget):
    (home / "celeryproj.py").write_text("raise SystemExit(3)\n")
    assert purista("import", "celery", "celeryproj:app").code == 78


def test_celery(purista, home, forget):
    needed("celery")
    (home / "celeryproj.py").write_text(
        "from celery import Celery\nfrom celery.schedules import crontab\n"
        "app = Celery('x', broker='memory://', set_as_current=False)\n"
        "app.conf.beat_schedule = {'nightly': {'task': 't', 'schedule': crontab(hour=5, minute=30)}}\n"
        "@app.on_after_finalize.connect\n"
        "def more(sender, **_):\n    sender.add_periodic_task(60, sender.signature('u'), name='late')\n"
    )
    result = purista("import", "celery", "celeryproj:app", "--json")
    assert result.code == 0
    assert {c["key"] for c in result.json["carried"]} == {"beat/1/nightly", "beat/1/late"}


def test_apscheduler_is_not_started(purista, home, forget):
    """A scheduler that blocks when it is started would never come back."""
    needed("apscheduler")
    (home / "jobsproj.py").write_text(
        "from apscheduler.schedulers.blocking import BlockingScheduler\n"
        "def work(): raise AssertionError\n"
        "scheduler = BlockingScheduler(timezone='UTC')\n"
        "scheduler.add_job(work, 'cron', hour=5, id='nightly')\n"
        "scheduler.start()\n"
        "scheduler.add_job(work, 'interval', seconds=1, id='late')\n"
    )
    result = purista("import", "apscheduler", "jobsproj:scheduler", "--json")
    assert result.code == 0
    assert {c["key"] for c in result.json["carried"]} == {"jobs/1/nightly", "jobs/1/late"}
    from apscheduler.schedulers.base import BaseScheduler

    assert BaseScheduler.start.__module__ == "apscheduler.schedulers.base"
