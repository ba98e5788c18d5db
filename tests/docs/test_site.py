"""The documentation as a site: builds without a warning, fetches nothing from elsewhere, has every page as Markdown too."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_every_page_is_there_as_html_and_as_markdown(site: Path) -> None:
    for name in PAGES:
        folder = site if name == "index" else site / name
        assert (folder / "index.html").is_file(), f"docs/{name}.md is not in the navigation of mkdocs.yml"
        assert (folder / "index.md").read_text("utf-8").strip() == (ROOT / f"docs/{name}.md").read_text("utf-8").strip()


def test_the_lists_for_machines_name_every_page(site: Path) -> None:
    listed = re.findall(r"\]\(([^)]*)index\.md\)", (site / "llms.txt").read_text("utf-8"))
    assert sorted(name.strip("/") or "index" for name in listed) == PAGES
    assert all((site / name / "index.md").is_file() for name in listed)
    assert len((site / "llms-full.txt").read_text("utf-8")) > 50_000


def test_a_reader_fetches_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        found = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:)?//[^\"]*", path.read_text("utf-8"))
        assert not found, path


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/_tools/reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    for page, made in _reference().PAGES.items():
        assert (ROOT / "docs" / page).read_text("utf-8") == made(), "run: python docs/_tools/reference.py"


def test_each_schedulers_page_says_who_sees_to_what() -> None:
    reference, told = _reference(), set[str]()
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text("utf-8")
        told |= set(re.findall(r"<!-- support: (\S+) -->", text))
        assert reference.with_support(text) == text, f"{page.name}; run: python docs/_tools/reference.py"
    assert told == set(reference.ADAPTERS)
