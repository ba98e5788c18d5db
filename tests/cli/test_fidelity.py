"""``purista fidelity`` and what ``explain KEY`` says about schedulers. ``PURISTA_GOLDEN=write`` writes the golden files."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import pytest

from purista.cli.adapters import ADAPTERS
from purista.cli.commands import run
from purista.cli.fidelity import Wish, judge
from purista.fidelity import herd
from purista.fidelity.page import page
from purista.recurrence import Cron
from purista.testing import ManualClock
from purista.testing.suites.dialect import NOW, declared
from tests.cli.conftest import Purista

GOLDEN = Path(__file__).parents[1] / "fidelity/golden"
THREE = ("--scheduler", "cron", "--scheduler", "systemd", "--scheduler", "kubernetes")
FORMS = {"screen.txt": (), "report.md": ("--markdown",), "report.json": ("--json",), "report.sarif": ("--sarif",)}


@pytest.mark.parametrize("name", FORMS)
def test_the_report_is_as_it_was(purista: Purista, home: Path, name: str) -> None:
    (home / "shopapp.py").write_text(
        (home / "shopapp.py").read_text().replace(
            "app = App", 'shop.schedule("tick", Interval(10), invoke="cleanup", concurrency_policy="allow", '
            'missed_run_policy="skip")\napp = App'
        )
    )  # fmt: skip
    result = purista("fidelity", *THREE, "--years", "1", *FORMS[name])
    assert result.code == 1, "refused by two"
    if os.environ.get("PURISTA_GOLDEN") == "write":
        (GOLDEN / name).write_text(result.out, "utf-8")
    assert (GOLDEN / name).read_text("utf-8") == result.out


def test_what_is_exact_everywhere_is_0(purista: Purista) -> None:
    result = purista("fidelity", "--scheduler", "systemd", "--years", "1")
    assert result.code == 0
    assert "2 schedules on 1 schedulers" in result.out


def test_every_scheduler_by_default(purista: Purista) -> None:
    assert set(purista("fidelity", "billing", "--years", "1", "--json").json["schedulers"]) == set(ADAPTERS)


def test_one_form_at_a_time(purista: Purista) -> None:
    assert purista("fidelity", "--json", "--markdown").code == 64
    assert purista("fidelity", "--scheduler", "quartz").code == 64
    assert purista("fidelity", "--html", "/nowhere/at/all.html", "--scheduler", "systemd").code == 73


def test_explain_of_one_says_what_schedulers_do(purista: Purista) -> None:
    found = purista("explain", "nightly", "--json").json["schedules"][0]
    assert set(found["fidelity"]["schedulers"]) == set(ADAPTERS)
    assert found["fidelity"]["specialDays"][0]["due"] != []
    assert "around 2026-03-29 (gap" in purista("explain", "nightly").out
    assert "fidelity" not in purista("explain", "--json").json["schedules"][0]


class _Reader(HTMLParser):
    """Which tags and attributes a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_no_name_gets_out_of_the_page() -> None:
    nasty = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;</style>"
    schedules = [declared(nasty, Cron("30 2 * * *"), "Europe/Berlin")]
    report = judge(schedules, Wish(years=1), NOW * 1000, around=True)
    text = page(report, herd(schedules, report.start))
    reader = _Reader()
    reader.feed(text)
    assert reader.tags.isdisjoint({"script", "img", "link", "iframe", "object"})
    assert reader.attributes.isdisjoint({"src", "href", "onerror", "onload"})
    assert nasty in reader.text
    assert text.count("<svg") == 2 + 2, "two maps, two changes of clocks in a year"
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("page", ["README.md", "docs/fidelity.md"])
def test_the_table_in_the_documentation_is_what_is_printed(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root / "examples/billing")
    assert run(["fidelity", "--app", "billing:app"], clock=ManualClock("2026-11-27T15:00:00Z")) == 0
    table = capsys.readouterr().out.split("\n\n")[0]
    assert f"```text\n{table}\n```" in (root / page).read_text("utf-8")
