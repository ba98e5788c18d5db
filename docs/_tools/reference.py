"""Writes the reference pages and the tables of who sees to what from the code (a test compares them).

Run: ``python docs/_tools/reference.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import purista
from purista import errors
from purista.cli.adapters import ADAPTERS, adapter
from purista.schedulers.support import Feature

DOCS = Path(__file__).parents[1]
MADE = "<!-- Made from the code by docs/_tools/reference.py; edit the docstrings instead. -->"


def python_page() -> str:
    """Every public name with its signature and docstring."""
    parts = [
        "# Python",
        MADE,
        "Everything in `purista.__all__`. What is not on this page or in `purista.testing` is not public.",
    ]
    for name in sorted(purista.__all__, key=str.lower):
        found = getattr(purista, name)
        if isinstance(found, str):
            continue
        parts += [f"## {name}", _signature(name, found), _prose(found)]
        if inspect.isclass(found):
            parts += _methods(found)
    return "\n\n".join(part for part in parts if part) + "\n"


def codes_page() -> str:
    """Every rule of `check`, and the tree of errors."""
    parts = ["# Codes and errors", MADE, "## What `purista check` says"]
    rows = ["| code | about |", "|---|---|"]
    for path in sorted((DOCS.parent / "src/purista/check").glob("p[0-9]*.py")):
        module = importlib.import_module(f"purista.check.{path.stem}")
        about = (module.__doc__ or "").partition(": ")[2]
        rows.append(f"| {path.stem.split('_')[0].upper()} | {_cell(about)} |")
    parts += [
        "\n".join(rows),
        "## Errors",
        "Every error is a `PuristaError`. Each says what was expected, what was got and what to write instead.",
    ]
    rows = ["| error | is a | meaning |", "|---|---|---|"]
    for name, found in vars(errors).items():
        if inspect.isclass(found) and issubclass(found, errors.PuristaError) and found is not errors.PuristaError:
            bases = ", ".join(f"`{base.__name__}`" for base in found.__bases__)
            rows.append(f"| `{name}` | {bases} | {_cell(found.__doc__)} |")
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n"


def _signature(name: str, found: object) -> str:
    try:
        signature = inspect.signature(found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    shown = [parameter for parameter in signature.parameters.values() if not parameter.name.startswith("_")]
    text = str(signature.replace(parameters=shown, return_annotation=inspect.Signature.empty)).replace("'", "")
    return f"```text\n{name}{text}\n```"


def _methods(found: type) -> list[str]:
    parts = []
    for name, member in sorted(vars(found).items()):
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)) and member.__doc__:
            call = "" if isinstance(member, property) else "()"
            parts.append(f"- `{name}{call}`: {_first(member.__doc__)}")
    return ["\n".join(parts)] if parts else []


def _prose(found: object) -> str:
    return _plain(inspect.getdoc(found) or "").split("\n\n:raises")[0]


def _first(text: str) -> str:
    return " ".join(_plain(inspect.cleandoc(text)).split("\n\n")[0].split())


def _cell(text: str | None) -> str:
    return _first(text or "").replace("|", "\\|")


def _plain(text: str) -> str:
    """reStructuredText's roles and literals as Markdown."""
    text = re.sub(r":\w+:`~?([\w.]+)`", lambda match: f"`{match[1].rpartition('.')[2]}`", text)
    text = text.replace("``", "`")
    return re.sub(
        r"::\n\n((?:    .*\n?|\n)+)", lambda match: ":\n\n```text\n" + inspect.cleandoc(match[1]) + "\n```\n", text
    )


def support_page() -> str:
    """Every scheduler beside the others."""
    words = (
        "What a contract can say, and who sees to it: the scheduler itself (`native`), the gateway, or nobody (`refused`: "
        "you are told)."
    )
    rows = ["| contract | " + " | ".join(ADAPTERS) + " |", "|---" * (len(ADAPTERS) + 1) + "|"]
    stated = [adapter(name).support for name in ADAPTERS]
    rows += [f"| {feature} | " + " | ".join(str(one[feature].by) for one in stated) + " |" for feature in Feature]
    more = "`purista support SCHEDULER` says how, and so does the table on each scheduler's page."
    return "\n\n".join(["# Who sees to what", MADE, words, "\n".join(rows), more]) + "\n"


def with_support(text: str) -> str:
    """A page with its ``<!-- support: NAME -->`` tables made anew."""
    return re.sub(
        r"(<!-- support: (\S+) -->\n).*?(<!-- /support -->)",
        lambda m: m[1] + _support_rows(m[2]) + m[3],
        text,
        flags=re.DOTALL,
    )


def _support_rows(scheduler: str) -> str:
    stated = adapter(scheduler).support
    rows = [f"| {feature} | {stated[feature].by} | {_cell(stated[feature].note)} |" for feature in Feature]
    return "\n".join(["| contract | by | how |", "|---|---|---|", *rows]) + "\n"


PAGES = {"support.md": support_page, "reference-python.md": python_page, "reference-codes.md": codes_page}

if __name__ == "__main__":
    for page, made in PAGES.items():
        (DOCS / page).write_text(made(), "utf-8")
    for path in DOCS.glob("*.md"):
        path.write_text(with_support(path.read_text("utf-8")), "utf-8")
