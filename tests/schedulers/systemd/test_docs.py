"""docs/systemd.md says what is so: its commands are run, its table made again.

``PURISTA_DOCS=write`` writes what was seen into the page.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from purista.recurrence import Cron
from purista.schedulers.systemd.dialect import SystemdDialect
from tests.docs.test_docs import AT, WRITE, _commands, _consoles, _replace, _run, blocks
from tests.schedulers.systemd.world import NOW, OWNER, place
from tests.schedulers.test_cover import schedule

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/systemd.md"
TWO_YEARS = NOW + 730 * 86_400
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham"]
CRONS = ["0 * * * *", "*/15 * * * *", "0 2 * * *", "30 2 * * *", "0 9 * * 1-5", "15 0 * * 1", "0 0 1 * *", "0 0 13 * 5"]


def test_the_commands_of_the_systemd_page(tmp_path: Path) -> None:
    """In order, on one ledger, each at the time above it."""
    (app,) = [block for block in blocks(PAGE) if block.mark == "app"]
    (tmp_path / app.about).write_text(app.body, "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.purista]\napp = "billing:app"\n', "utf-8")
    (tmp_path / "units").mkdir()
    for number, block in enumerate(_consoles(PAGE)):
        seen = []
        for command, _ in _commands(block.body):
            words = shlex.split(command.replace("NAME", _name(tmp_path)))
            run = [sys.executable, "-c", AT, block.about, *words[1:]] if words[0] == "purista" else words
            seen.append((command, _shown(_run(run, tmp_path, None, codes=(0, 1)), tmp_path)))
        if WRITE:
            _replace(_consoles(PAGE)[number], "".join(f"$ {command}\n{out}" for command, out in seen))
            continue
        assert _commands(block.body) == seen


def _name(folder: Path) -> str:
    return next((path.stem for path in (folder / "units").glob("*Europe-Berlin*.timer")), "")


def _shown(out: str, folder: Path) -> str:
    """As on any machine; of many files the first two."""
    out = "# ---- ".join(out.split("# ---- ")[:3])
    out = out.replace(str(folder), "/srv/billing")
    return re.sub(r'(?<=Digest=)[0-9a-f]+|(?<="ledger":")[0-9a-f]+', "…", out)


def test_every_finding_is_in_the_table() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/purista/schedulers/systemd").glob("*.py"))
    said = set(re.findall(r'"(S\d{3})"', source))
    described = set(re.findall(r"(?m)^\| (S\d{3}) \|", PAGE.read_text("utf-8")))
    assert said == described


def table() -> str:
    """How many are due in a year, and how many calls come besides."""
    rows = [f"| contract | {' | '.join(ZONES)} |", "|---" * (len(ZONES) + 1) + "|"]
    for text in CRONS:
        rows.append(f"| `{text}` | {' | '.join(_cell(text, zone) for zone in ZONES)} |")
    return "\n".join(rows) + "\n"


def _cell(text: str, zone: str) -> str:
    there, one = SystemdDialect(place()), schedule(Cron(text), zone)
    (entry,) = [entry for entry in there.compile(OWNER, [one]).entries if not entry.sweep]
    calls, due = there.predict(entry, NOW, TWO_YEARS), one.recurrence().timestamps(NOW, TWO_YEARS)
    assert set(due) <= set(calls)
    extra, lines = len(calls) - len(due), entry.body.count("OnCalendar=")
    shown = f"{-(-len(due) // 2)} " + (f"+ {extra / 2:g}" if extra else "exact")
    return shown + (f" ({lines} lines)" if lines > 1 else "")


def test_the_table_of_extra_calls_is_that_of_the_lines() -> None:
    page, made = PAGE.read_text("utf-8"), table()
    if WRITE:
        PAGE.write_text(
            re.sub(r"(?s)(<!-- tables -->\n).*(<!-- end -->)", lambda m: f"{m[1]}{made}{m[2]}", page), "utf-8"
        )
        return
    assert page.partition("<!-- tables -->\n")[2].partition("<!-- end -->")[0] == made
