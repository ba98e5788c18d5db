"""docs/cron.md and docs/cron-coverage.md say what is so: their commands are run, their tables made again.

``PURISTA_DOCS=write`` writes what was seen into the page.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_docs import AT, WRITE, _commands, _consoles, _replace, _run, blocks

ROOT = Path(__file__).parents[2]
PAGE, COVERAGE = ROOT / "docs/cron.md", ROOT / "docs/cron-coverage.md"


def test_the_commands_of_the_cron_page(tmp_path: Path) -> None:
    """In order, on one ledger, each at the time above it."""
    (app,) = [block for block in blocks(PAGE) if block.mark == "app"]
    (tmp_path / app.about).write_text(app.body, "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.purista]\napp = "billing:app"\n', "utf-8")
    (tmp_path / "cron.d").mkdir()
    for number, block in enumerate(_consoles(PAGE)):
        seen = []
        for command, _ in _commands(block.body):
            words = shlex.split(command.replace("purista-default-billing-HASH", _file(tmp_path)))
            run = [sys.executable, "-c", AT, block.about, *words[1:]] if words[0] == "purista" else words
            seen.append((command, _shown(_run(run, tmp_path, None, codes=(0, 1)), tmp_path)))
        if WRITE:
            _replace(_consoles(PAGE)[number], "".join(f"$ {command}\n{out}" for command, out in seen))
            continue
        assert _commands(block.body) == seen


def _file(folder: Path) -> str:
    return next((path.name for path in (folder / "cron.d").iterdir()), "")


def _shown(out: str, folder: Path) -> str:
    """As on any machine."""
    out = out.replace(str(folder), "/srv/billing")
    out = re.sub(
        r'(?<="digest":")[0-9a-f]+|(?<="ledger":")[0-9a-f]+', "…", out
    )  # the folder is in the first, chance the second
    return re.sub(r"(?m)^((?:\S+ ){5})\w+ (?=/srv/venv)", r"\1app ", out)


def test_every_finding_is_in_the_table() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/purista/schedulers/cron").glob("*.py"))
    said = set(re.findall(r'"(C\d{3})"', source))
    described = set(re.findall(r"\bC\d{3}\b", "\n".join(re.findall(r"(?m)^\| (C.*?) \|", PAGE.read_text("utf-8")))))
    assert said == described


@pytest.mark.slow
def test_the_tables_of_extra_calls_are_those_of_the_lines() -> None:
    run = [sys.executable, "bench/cron_coverage.py"]
    made = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    page = COVERAGE.read_text("utf-8")
    shown = page[page.index("<!-- tables -->\n") + len("<!-- tables -->\n") : page.index("<!-- end -->")]
    assert shown == made, "python bench/cron_coverage.py --write"
