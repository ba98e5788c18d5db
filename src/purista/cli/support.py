"""``purista support``: who sees to what a contract can say, on each scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from purista.cli.adapters import ADAPTERS, adapter
from purista.cli.output import Cell, Output, Row
from purista.schedulers.support import By, Feature, Support

__all__ = ["support"]

STYLES = {By.NATIVE: "green", By.GATEWAY: "cyan", By.REFUSED: "red"}


def support(out: Output, schedulers: Sequence[str]) -> int:
    """Print one scheduler's statement with its notes, or several side by side.

    :raises Stop: there is no such scheduler.
    """
    stated = {name: adapter(name).support for name in schedulers or ADAPTERS}
    if out.as_json:
        out.document({"schedulers": {name: _document(one) for name, one in stated.items()}})
    elif len(stated) == 1:
        (one,) = stated.values()
        out.table(["contract", "by", "how"], [[feature, _cell(one, feature), one[feature].note] for feature in Feature])
    else:
        rows: list[Row] = [[feature, *(_cell(one, feature) for one in stated.values())] for feature in Feature]
        out.table(["contract", *stated], rows)
    return 0


def _cell(one: Support, feature: Feature) -> Cell:
    return Cell(one[feature].by, STYLES[one[feature].by])


def _document(one: Support) -> dict[str, Any]:
    return {feature.value: {"by": one[feature].by.value, "how": one[feature].note} for feature in Feature}
