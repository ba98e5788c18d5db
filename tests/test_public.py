"""The public surface: what it holds, what it costs to import, and what is in the wheel."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import purista

ROOT = Path(__file__).parent.parent


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_every_public_name_is_there() -> None:
    for name in purista.__all__:
        assert getattr(purista, name) is not None
    assert set(purista.__all__) <= set(dir(purista))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = purista.nonsense


def test_importing_purista_loads_next_to_nothing() -> None:
    loaded = loaded_by("import purista")
    assert not loaded & {"pydantic", "typer", "rich", "asyncio", "sqlite3", "zoneinfo", "json"}


def test_the_triggers_way_is_short(tmp_path: Path) -> None:
    code = (
        "from purista.cli.main import main\n"
        f"code = main(['trigger', 'a/1/b', '--ledger', {str(tmp_path / 'none.db')!r}])\n"
        "assert code == 69, code\n"
    )
    loaded = loaded_by(code)
    assert "purista.gateway.gateway" in loaded
    assert not loaded & {
        "pydantic",
        "pydantic_core",
        "typer",
        "rich",
        "click",
        "purista.service.runtime",
        "purista.app",
    }


LOADED_BY_AIRFLOW = {
    f"purista.schedulers.airflow.{name}" for name in ("operator", "plugin", "standalone", "timetable", "waiting")
} | {"purista.airflow"}


def test_every_module_says_what_it_is_for() -> None:
    for path in sorted((ROOT / "src").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        if name.endswith("__main__") or ".suites" in name:
            continue
        if name in LOADED_BY_AIRFLOW:  # it imports Airflow at its top, and nothing but Airflow imports it
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{name} has no docstring"
            continue
        assert importlib.import_module(name).__doc__, f"{name} has no docstring"


def test_files_have_at_most_four_hundred_lines() -> None:
    long = {
        path.name: count for path in (ROOT / "src").rglob("*.py") if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long


def test_the_wheel_has_what_it_needs_and_no_tests(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"purista/py.typed", "purista/sqlite/migrations/0001.sql", "purista/contract/manifest.schema.json"} <= names
    corpus = {"rules.json", "case.schema.json", "derived.jsonl", "clocks.jsonl", "calendar.jsonl", "distances.jsonl"}
    assert {f"purista/conformance/{name}" for name in corpus} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "examples/"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
