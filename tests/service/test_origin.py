"""Errors of declaring say which schedule they are about, and where it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from purista import Cron, ServiceBuilder
from purista.app import load_app
from purista.errors import DeclarationError, InvalidExpression, InvalidSchedule, InvalidTimezone

MODULE = """
from purista import App, Cron, ServiceBuilder

reports = ServiceBuilder("reports", version="1")
reports.schedule(
    "daily",
    Cron("{cron}"),
    timezone="{zone}",
    emit="x", concurrency_policy="forbid", missed_run_policy="skip",
)
app = App(services=[reports])
"""


@pytest.mark.parametrize(
    ("options", "kind", "why"),
    [
        ({"timezone": "Europe/Berln"}, InvalidTimezone, "unknown time zone 'Europe/Berln'"),
        ({"timezone": None}, InvalidSchedule, "timezone: expected a zone with a cron expression"),
        ({"concurrency_policy": "forbit"}, InvalidSchedule, "concurrency_policy: expected one of"),
        ({"emit": None}, InvalidSchedule, "expected one of emit=, enqueue= and invoke=, got 0"),
        ({"emit": ""}, DeclarationError, ""),
        ({"start_deadline": -1}, InvalidSchedule, "start_deadline"),
        ({"paylod": 1}, InvalidSchedule, "expected an option of a schedule, got 'paylod'"),
    ],
)
def test_what_is_wrong_with_a_schedule_begins_with_its_place_and_key(options: Any, kind: Any, why: str) -> None:
    given = {"timezone": "UTC", "emit": "x", "concurrency_policy": "forbid", "missed_run_policy": "skip"} | options
    with pytest.raises(kind) as refused:
        ServiceBuilder("reports").schedule("daily", Cron("0 2 * * *"), **given)
    place, line = refused.value.origin or ("", 0)
    assert place == __file__
    assert str(refused.value).startswith(f"{Path(__file__).relative_to(Path.cwd())}:{line}: reports/1/daily: {why}")
    assert str(refused.value).count("daily") == 1


def test_the_expression_is_given_as_a_dict() -> None:
    with pytest.raises(InvalidExpression, match=r"test_origin.py:\d+: reports/1/daily: minute '61' at") as refused:
        ServiceBuilder("reports").schedule("daily", {"kind": "cron", "value": "61 2 * * *"}, emit="x")
    assert (refused.value.field, refused.value.text) == ("minute", "61")


def test_a_module_that_declares_something_wrong_is_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "originapp.py").write_text(MODULE.format(cron="61 2 * * *", zone="UTC"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidExpression, match=r"^originapp\.py:7: reports/1/daily: minute '61' at") as refused:
        load_app("originapp:app", tmp_path)
    assert refused.value.field == "minute"


def test_an_expression_outside_of_a_schedule_is_named_with_the_line_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alone.py").write_text('from purista import Cron\n\nNIGHTLY = Cron("61 2 * * *")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidExpression, match=r"^alone\.py:3: minute '61' at"):
        load_app("alone:app", tmp_path)


def test_the_command_line_prints_it(tmp_path: Path) -> None:
    (tmp_path / "zoneapp.py").write_text(MODULE.format(cron="1 2 * * *", zone="Mars"))
    words = [sys.executable, "-m", "purista", "--app", "zoneapp:app", "check"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("purista: zoneapp.py:5: reports/1/daily: unknown")) == (78, True)
