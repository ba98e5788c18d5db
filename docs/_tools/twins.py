"""A hook of MkDocs: the Markdown of each page beside it, and ``llms.txt`` with ``llms-full.txt`` over all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PAGES: list[tuple[str, str, str, str]] = []


def on_pre_build(config: Any) -> None:
    """A server that builds again begins anew."""
    _PAGES.clear()


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> None:
    """Remember what a page says, in the order of the navigation."""
    _PAGES.append((page.url, str(page.title), _first_sentence(markdown), markdown))


def on_post_build(config: Any) -> None:
    """Write the twins and both lists."""
    site = Path(config["site_dir"])
    for url, _, _, markdown in _PAGES:
        folder = site / url
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.md").write_text(markdown, "utf-8")
    lines = [f"# {config['site_name']}", "", f"> {config['site_description']}", "", "## Pages", ""]
    lines += [f"- [{title}]({url}index.md): {sentence}" for url, title, sentence, _ in _PAGES]
    (site / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")
    whole = "\n\n".join(f"<!-- {url}index.md -->\n{markdown.strip()}" for url, _, _, markdown in _PAGES)
    (site / "llms-full.txt").write_text(whole + "\n", "utf-8")


def _first_sentence(markdown: str) -> str:
    for part in markdown.split("\n\n"):
        text = " ".join(part.split())
        if text and not text.startswith(("#", "```", "|", "<!--", "-")):
            return text.split(". ")[0].rstrip(".:") + "."
    return ""
