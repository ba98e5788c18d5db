"""Other people's texts are shown, never obeyed; terminals get tables, pipes get aligned text."""

from __future__ import annotations

import json
import sys

import pytest

from purista.cli.commands import run
from purista.cli.output import Cell, Output, complain, safe

NASTY = "[red]x[/red] \x1b[31mboo\x1b[0m\r\n\u202eabc\u009b2J\ud800"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\x9b2J", "\\x9b2J"),
        ("\ud800", "\\ud800"),
        ("Zürich 請求", "Zürich 請求"),
    ],
)
def test_what_cannot_be_printed_is_an_escape(text, shown):
    assert safe(text) == shown


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_of_a_name_reaches_the_terminal_as_an_order(capsys, terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    out = Output(terminal=terminal)
    out.line(NASTY)
    out.table(["key", "reason"], [[NASTY, Cell(NASTY, "red")]])
    complain(NASTY)
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert "[red]x[/red]" in text
        assert "\x1b[31mboo" not in text
        assert not {"\r", "\u202e", "\x9b"} & set(text)


def test_a_pipe_gets_aligned_text_without_boxes_or_colour(capsys):
    Output(terminal=False).table(["key", "n", "note"], [["a", "10", ""], [Cell("請求", "red"), "2", "x"]])
    assert capsys.readouterr().out == "KEY   N   NOTE\na     10\n請求  2   x\n"


def test_a_terminal_gets_a_table_without_empty_columns(capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    Output(terminal=True).table(["key", "nothing", "state"], [["a", "", Cell("failed", "red")]])
    text = capsys.readouterr().out
    assert "─" in text
    assert "\x1b[31mfailed" in text
    assert "nothing" not in text


def test_no_rows_no_table(capsys):
    Output(terminal=False).table(["key"], [])
    assert capsys.readouterr().out == ""


def test_json_is_ascii_and_exact(capsys):
    Output(as_json=True).document({"key": NASTY})
    text = capsys.readouterr().out
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"key": NASTY}
    assert not Output(as_json=True, terminal=True).terminal


def test_a_narrow_terminal_loses_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    long = "a reason that is longer than a cell can be in any table"
    Output(terminal=True).table(["key", "decision", "state", "reason"], [["shop/1/x", "skipped_overlap", "", long]])
    out = capsys.readouterr().out
    assert [line.split(": ")[0].strip() for line in out.splitlines()[:3]] == [
        "\x1b[1mshop/1/x\x1b[0m",
        "decision",
        "reason",
    ]
    assert "skipped_overlap" in out
    assert "".join(out.split()).endswith("areasonthatislongerthanacellcanbeinanytable")


def test_help_on_a_terminal_keeps_what_is_in_brackets(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    for words, shown in (
        (["serve", "-h"], "purista[http]"),
        (["prune", "-h"], "[only list it]"),
        (["-h"], "purista[http]"),
    ):
        assert run(words) == 0
        assert shown in capsys.readouterr().out
