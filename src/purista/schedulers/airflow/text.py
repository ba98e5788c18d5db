"""The owner's file of DAGs: Python that Airflow reads, with a mark by which it is found again and known to be unedited.

Every text of a contract stands in a literal that ``ascii`` wrote, so nothing breaks out of it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from purista.schedulers.base import Owner

__all__ = ["Found", "body_of", "dag_id", "digest_of", "file_name", "file_text", "read_file", "tags"]

MARK = "# purista: "
MAKER = 1
"""Raised when the code around the entries changes its meaning: it is part of every digest."""
LIBRARY = """\
from purista.schedulers.airflow import build

globals().update(build(ENTRIES))
"""
BROKER = LIBRARY.replace("purista.schedulers.airflow", "purista.airflow")
_NAMED = re.compile(r"[^A-Za-z0-9_]+")
TAG_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What a live file says. ``whole``: nobody edited it."""

    owner: Owner
    entries: Sequence[Mapping[str, Any]]
    whole: bool


def dag_id(environment: str, key: str, *, repairs: bool) -> str:
    """Letters, digits, dots and dashes, with a hash of what it stands for: neither order nor neighbours change it."""
    slug = ".".join(_NAMED.sub("-", part).strip("-")[:60] or "x" for part in key.split("/", 2))
    return f"purista.{slug}.{_hash(environment, key)}{'.clock-changes' if repairs else ''}"


def tags(environment: str, service: str) -> list[str]:
    """What DAGs are filtered by in Airflow's pages and in its API."""
    return ["purista", f"{environment}/{service}"[:TAG_LIMIT]]


def body_of(entry: Mapping[str, Any]) -> str:
    """An entry as JSON."""
    return json.dumps(entry, sort_keys=True)


def digest_of(entry: Mapping[str, Any]) -> str:
    """Of its meaning. From when it calls is none: a file that is written again says the same."""
    meaning = {name: value for name, value in entry.items() if name != "since"}
    return hashlib.sha256(json.dumps([MAKER, meaning], sort_keys=True).encode()).hexdigest()[:32]


def file_name(owner: Owner) -> str:
    """Tells owners apart, whatever they are called."""
    slug = _NAMED.sub("_", f"{owner.environment}_{owner.service}").strip("_")[:80] or "x"
    return f"purista_{slug}_{_hash(owner.environment, owner.service)}.py"


def file_text(owner: Owner, entries: Sequence[Mapping[str, Any]], *, standalone: bool) -> str:
    """The whole file. Its first words name Airflow and DAGs: it passes over files that do not."""
    lines = "".join(f"    {dict(entry)!a},\n" for entry in entries)
    over = BROKER if any("broker" in entry for entry in entries) else LIBRARY
    program = _standalone() if standalone else over
    rest = (
        f'"""Airflow DAGs of purista, one for each schedule of a service. Written by purista: edits are lost."""\n\n'
        f"ENTRIES = [\n{lines}]\n\n{program}"
    )
    mark = {"service": owner.service, "environment": owner.environment, "ledger": owner.ledger_id}
    return f"{MARK}{json.dumps({**mark, 'sha256': _sum(rest)})}\n{rest}"


def read_file(text: str) -> Found | None:
    """What :func:`file_text` wrote; None for a file that does not carry our mark."""
    first, _, rest = text.partition("\n")
    if not first.startswith(MARK):
        return None
    try:
        mark = json.loads(first.removeprefix(MARK))
        owner = Owner(str(mark["service"]), str(mark["environment"]), str(mark["ledger"]))
    except (ValueError, KeyError, TypeError):
        return None
    entries = _entries(rest)
    return Found(owner, entries or (), whole=entries is not None and mark.get("sha256") == _sum(rest))


def _entries(text: str) -> list[dict[str, Any]] | None:
    """The entries, without running anything; None where somebody made something else of them."""
    try:
        tree = ast.parse(text)
        (found,) = (
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["ENTRIES"]
        )
        entries = ast.literal_eval(found)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    named = isinstance(entries, list) and all(isinstance(e, dict) and isinstance(e.get("dag"), str) for e in entries)
    return entries if named else None


@lru_cache(maxsize=1)
def _standalone() -> str:
    """Our own module, which is checked and tested like any other, as text."""
    source = files("purista.schedulers.airflow").joinpath("standalone.py").read_text("utf-8")
    return f"{source[source.index('import ') :]}\n\nglobals().update(build(ENTRIES))\n"


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
