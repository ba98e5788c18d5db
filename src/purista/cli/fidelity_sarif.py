"""``purista fidelity --sarif``: what is missed, refused or late as SARIF 2.1.0."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from purista import __version__
from purista.fidelity import Report, Verdict
from purista.fidelity.words import long_words

__all__ = ["document"]

_RULES = {
    Verdict.REFUSED: ("fidelity-refused", "a scheduler cannot carry a schedule", "error"),
    Verdict.MISSES: ("fidelity-misses", "a scheduler has no call for an instant", "error"),
    Verdict.LATE: ("fidelity-late", "a scheduler calls late", "warning"),
}


def document(report: Report) -> dict[str, Any]:
    """One run, worst first."""
    index = {verdict: number for number, verdict in enumerate(_RULES)}
    rules = [{"id": code, "shortDescription": {"text": title}} for code, title, _ in _RULES.values()]
    results = [
        {
            "ruleId": _RULES[cell.verdict][0], "ruleIndex": index[cell.verdict], "level": _RULES[cell.verdict][2],
            "message": {"text": f"{row.key} on {cell.scheduler}: {long_words(report, cell)}"},
            "locations": [{"logicalLocations": [{"fullyQualifiedName": row.key}]}],
            # The same schedule on the same scheduler is the same alert, whatever the dates are.
            "partialFingerprints": {
                "purista/v1": sha256(
                    f"{_RULES[cell.verdict][0]}:{cell.scheduler}:{row.key}".encode("utf-8", "surrogatepass")
                ).hexdigest()[:32]
            },
        }
        for row in report.rows
        for cell in row.cells
        if cell.verdict in _RULES
    ]  # fmt: skip
    driver = {"name": "purista", "semanticVersion": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"version": "2.1.0", "runs": [run]}
