"""``purista check`` and ``purista manifest``: what is declared, judged and written down."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from purista.app import App
from purista.check import Problem, Severity, run_checks
from purista.cli.exits import CANNOT_CREATE, OK, PROBLEMS, Stop
from purista.cli.find import schedules_of
from purista.cli.output import Cell, Output, Row
from purista.contract.manifest import Manifest
from purista.contract.rules import validate_app
from purista.errors import DeclarationError
from purista.settings import Settings

__all__ = ["check", "manifest"]

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def check(app: App, out: Output, *, strict: bool, now: int, sarif: bool = False) -> int:
    """Print every problem; 1 for errors, with ``strict`` for warnings too."""
    with out.progress("checking"):
        problems = [*_illegal(app), *run_checks(app.services, now_ms=now)]
    counts = Counter(str(problem.severity) for problem in problems)
    failed = bool(counts["error"] or (strict and counts["warning"]))
    if sarif:
        from purista.cli.sarif import document  # noqa: PLC0415 - only this form pays for it

        out.document(document(app, problems))
        return PROBLEMS if failed else OK
    if out.as_json:
        out.document(_document(app, problems, counts, strict=strict, failed=failed))
        return PROBLEMS if failed else OK
    rows: list[Row] = [
        [Cell(p.code, "bold"), Cell(str(p.severity), _STYLES[p.severity]), p.key, p.message, Cell(p.fix, "green")]
        for p in problems
    ]
    out.table(["code", "severity", "key", "message", "fix"], rows)
    named = ", ".join(
        f"{counts[word]} {word}{'' if counts[word] == 1 else 's'}" for word in ("error", "warning", "info")
    )
    count = len(schedules_of(app))
    out.line(f"{count} schedule{'' if count == 1 else 's'}: {named}", "red" if failed else "green")
    return PROBLEMS if failed else OK


def _document(
    app: App, problems: Sequence[Problem], counts: Counter[str], *, strict: bool, failed: bool
) -> dict[str, Any]:
    return {
        "ok": not failed, "strict": strict, "schedules": len(schedules_of(app)), "errors": counts["error"],
        "warnings": counts["warning"], "infos": counts["info"],
        "problems": [
            {"code": p.code, "severity": str(p.severity), "key": p.key, "message": p.message, "fix": p.fix} for p in problems
        ],
    }  # fmt: skip


def _illegal(app: App) -> list[Problem]:
    """What starting the app would refuse."""
    try:
        validate_app(app.services)
    except DeclarationError as error:
        message, _, fix = str(error).rpartition("; ")
        return [Problem("P100", Severity.ERROR, "app", message or str(error), fix if message else "")]
    return []


def manifest(app: App, out: Output, *, path: Path | None) -> int:
    """Write the app's manifest: to a file, or as it is to stdout.

    :raises Stop: the file cannot be written.
    """
    settings = Settings.read()
    stated = None if settings.environment == Settings().environment else settings.environment
    text = Manifest(schedules=tuple(schedules_of(app)), revision=settings.revision, environment=stated).to_json()
    if path is None:
        sys.stdout.write(text + "\n")
        return OK
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Stop(CANNOT_CREATE, f"expected a file that can be written, got {path}: {error.strerror}") from None
    if out.as_json:
        out.document({"path": str(path), "schedules": len(schedules_of(app))})
    else:
        out.line(f"{len(schedules_of(app))} schedules written to {path}")
    return OK
