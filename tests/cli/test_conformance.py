"""``purista conformance``: by name, by module, its table, its document and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from purista.testing.corpus import cases
from tests.cli.conftest import Purista

THEIRS = """
from purista.schedulers.base import Compiled, Entry

class Hourly:
    name, lateness_ms = "hourly", 60_000

    def compile(self, owner, schedules):
        return Compiled(tuple(Entry(s.name, (s.key,), "hourly", "1") for s in schedules), ())

    def predict(self, entry, start, end):
        return range(-(-start // 3600) * 3600, end, 3600)

    def render(self, owner, compiled):
        return {}

made = Hourly()

def from_when(now, host_zone):
    assert isinstance(now, int) and host_zone
    return Hourly()

def three(a, b, c):
    return None

number = 7
"""


@pytest.fixture
def theirs(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    import sys

    (home / "theirscheduler.py").write_text(THEIRS)
    monkeypatch.delitem(sys.modules, "theirscheduler", raising=False)
    return "theirscheduler"


def test_one_of_ours_passes(purista: Purista) -> None:
    done = purista("conformance", "cron", "--rule", "gap-together", "--rule", "one-shot")
    assert done.code == 0
    heading, *rows, last = done.out.splitlines()
    assert heading.split() == ["RULE", "CASES", "PASSED", "EXTRA", "CALLS", "LATE", "MISSED", "REFUSED", "SKIPPED"]
    assert [row.split()[0] for row in rows] == ["gap-together", "one-shot"]
    assert last.endswith("passed")


def test_the_document_says_the_same(purista: Purista) -> None:
    done = purista("conformance", "cron", "--rule", "interval", "--host-zone", "Europe/Berlin", "--json")
    found = done.json
    assert (done.code, found["ok"], found["hostZone"]) == (0, True, "Europe/Berlin")
    assert found["cases"] == len(cases(rule="interval"))
    assert found["refused"] == len(found["verdicts"]) > 0
    assert all(one["said"].startswith("C103") for one in found["verdicts"])
    (row,) = [one for one in found["rules"] if one["cases"]]
    assert row["late"] > 0
    assert row["latestSeconds"] < 60


@pytest.mark.parametrize("attribute", ["Hourly", "made", "from_when"])
def test_somebody_elses_misses_are_named_with_the_reason(purista: Purista, theirs: str, attribute: str) -> None:
    done = purista("conformance", f"{theirs}:{attribute}", "--rule", "overlap-midnight")
    assert done.code == 1
    assert "missed: derived/cairo-overlap-fixed: nothing calls in time for 2026-10-29 20:30:00Z" in done.out
    assert "24:00 becomes 23:00" in done.out
    document = purista("conformance", f"{theirs}:{attribute}", "--rule", "overlap-midnight", "--json").json
    assert document["ok"] is False
    assert document["missed"] == len(document["verdicts"])
    assert "2026-10-29T20:30:00.000Z" in document["verdicts"][0]["missed"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["quartz"], 64, "expected one of cron"),
        (["cron", "--rule", "nonsense"], 64, "--rule: expected one of fields"),
        (["cron", "--host-zone", "Mars"], 64, "--host-zone: unknown time zone"),
        (["nosuchmodule:x"], 78, "expected a module 'nosuchmodule'"),
        (["theirscheduler:number"], 78, "got int"),
        (["theirscheduler:nothing"], 78, "got NoneType"),
        (["theirscheduler:three"], 78, "got 3 parameters"),
    ],
)
def test_what_cannot_be_judged_is_said(
    purista: Purista, theirs: str, arguments: list[str], code: int, words: str
) -> None:
    done = purista("conformance", *arguments)
    assert done.code == code
    assert words in done.err
