"""``purista check --sarif``: problems as SARIF 2.1.0, which code hosts and editors show beside the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from purista import __version__
from purista.app import App
from purista.check import RULES, Problem, Severity

__all__ = ["document"]

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_P100 = ("P100", "what starting the app would refuse")


def document(app: App, problems: Sequence[Problem]) -> dict[str, Any]:
    """One run. Places are relative to the current directory where they lie below it."""
    places = dict(_places(app))
    codes = [_P100, *((rule.code, rule.title) for rule in RULES)]
    index = {code: number for number, (code, _) in enumerate(codes)}
    rules = [{"id": code, "name": _name(title), "shortDescription": {"text": title}} for code, title in codes]
    driver = {"name": "purista", "semanticVersion": __version__, "rules": rules}
    results = [_result(problem, index[problem.code], places.get(problem.key)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"version": "2.1.0", "runs": [run]}


def _name(title: str) -> str:
    """SARIF asks for one word."""
    return "".join(word.capitalize() for word in "".join(c if c.isalnum() else " " for c in title).split())


def _result(problem: Problem, rule: int, place: tuple[str, int] | None) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": problem.key}]}
    if place is not None:
        location["physicalLocation"] = _physical(*place)
    text = f"{problem.key}: {problem.message}" + (f"; {problem.fix}" if problem.fix else "")
    return {
        "ruleId": problem.code, "ruleIndex": rule, "level": _LEVELS[problem.severity], "message": {"text": text},
        "locations": [location],
        # What stays the same when lines move: the same problem of the same schedule is the same alert.
        "partialFingerprints": {"purista/v1": sha256(f"{problem.code}:{problem.key}".encode()).hexdigest()[:32]},
    }  # fmt: skip


def _physical(file: str, line: int) -> dict[str, Any]:
    path = Path(file).resolve()
    try:
        artifact = {"uri": _quoted(path.relative_to(Path.cwd().resolve())), "uriBaseId": "%SRCROOT%"}
    except ValueError:
        artifact = {"uri": path.as_uri()}
    return {"artifactLocation": artifact, "region": {"startLine": line}}


def _quoted(path: Path) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only where there is a place

    return quote(path.as_posix())


def _places(app: App) -> Iterator[tuple[str, tuple[str, int]]]:
    """Schedules and handlers with the line of their declaration; where a key is both, the schedule's."""
    for service in app.services:
        for found in (*service.subscriptions, *service.queue_workers, *service.commands):
            code = getattr(found.handler, "__code__", None)
            if code is not None:
                yield f"{service.name}/{service.version}/{found.name}", (code.co_filename, code.co_firstlineno)
    for service in app.services:
        for definition in (*service.forgotten, *service.definitions):
            if definition.origin is not None:
                yield definition.key, definition.origin
