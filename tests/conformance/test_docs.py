"""docs/corpus.md: its rules are those of the data, its commands are run, its example is a line of the corpus."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from purista.cli.main import main
from purista.testing.corpus import cases, rules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/corpus.md").read_text("utf-8")


def test_every_rule_is_on_the_page_in_its_own_words() -> None:
    for one in rules():
        assert f"| `{one.id}` | {one.words} |" in PAGE


def test_the_commands_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    (body,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    command, _, expected = body.partition("\n")
    assert main(shlex.split(command.removeprefix("$ "))[1:]) == 0
    assert capsys.readouterr().out == expected


def test_the_line_that_is_shown_is_one_of_the_corpus() -> None:
    (shown,) = re.findall(r"^```text\n(\{.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    read = json.loads(shown)
    lines = (ROOT / "src/purista/conformance/derived.jsonl").read_text("ascii").splitlines()
    (stored,) = [one for one in map(json.loads, lines) if one["id"] == read["id"]]
    assert stored.pop("explanation").startswith(read.pop("explanation").rstrip("…"))
    assert (read, sorted(read)) == (stored, sorted(stored))


def test_the_numbers_of_the_page() -> None:
    assert f"{len(cases(origin='derived'))} are derived by hand" in PAGE
    assert "more than 2,800 cases" in PAGE
    assert len(cases()) > 2_800
