"""``purista support``: what adapters state, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from purista.cli.adapters import ADAPTERS, adapter
from purista.cli.main import main
from purista.schedulers.support import By, Feature


def test_all_schedulers_are_shown_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["support"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert [name.lower() for name in heading.split()] == ["contract", *ADAPTERS]
    assert len(rows) == len(Feature)
    assert all(row.split()[-1] in set(By) for row in rows)


def test_one_scheduler_is_shown_with_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["support", "cron"]) == 0
    printed = capsys.readouterr().out
    assert all(adapter("cron").support[feature].note in printed for feature in Feature)


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["support", "kubernetes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["schedulers"]["kubernetes"]
    assert found == {f.value: {"by": s.by.value, "how": s.note} for f, s in adapter("kubernetes").support.items()}


def test_an_unknown_scheduler_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["support", "quartz"]) == 64
    assert "expected one of cron, systemd, kubernetes" in capsys.readouterr().err


def test_every_adapter_has_its_say() -> None:
    folders = {path.parent.name for path in (Path(__file__).parents[2] / "src/purista/schedulers").glob("*/dialect.py")}
    assert folders == {one.statement.split(".")[2] for one in ADAPTERS.values()}


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapters_dialect_can_be_had_without_a_host(name: str) -> None:
    dialect = adapter(name).dialect(1_767_225_600, "Europe/Berlin")
    assert dialect.support is adapter(name).support
