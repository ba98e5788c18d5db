"""``purista diff OLD NEW``: two manifests, by meaning."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from purista.cli.exits import CONFIG, OK, PROBLEMS, Stop
from purista.cli.output import Cell, Output
from purista.cli.plan import ACT_STYLES, moves_document, moves_lines
from purista.contract.manifest import Manifest, load_manifest
from purista.registration.diff import Difference
from purista.registration.diff import diff as compare

__all__ = ["diff"]


def diff(out: Output, old: Path, new: Path, *, now: int) -> int:
    """Print what differs; exit code 1 when something does."""
    found = compare(_read(old).schedules, _read(new).schedules, now // 1000)
    if out.as_json:
        out.document({
            "differences": [
                {"act": str(d.act), "key": d.key, "former": d.former, "options": list(d.options),
                 "moves": moves_document(d.moves)}
                for d in found
            ]
        })  # fmt: skip
    else:
        out.table(
            ["act", "schedule", "options"],
            [[Cell(str(d.act), ACT_STYLES.get(d.act, "")), d.key, _options(d)] for d in found],
        )
        for one in found:
            if not one.moves.nothing:
                for number, line in enumerate(moves_lines(one.moves, ZoneInfo(one.timezone))):
                    out.line(f"{one.key}: {line}" if number == 0 else f"  {line}")
        if not found:
            out.line("the same contracts", "green")
    return PROBLEMS if found else OK


def _options(one: Difference) -> str:
    renamed = [] if one.former is None else [f"renamed from {one.former}"]
    return ", ".join([*renamed, *one.options])


def _read(path: Path) -> Manifest:
    try:
        return load_manifest(path.read_bytes())
    except OSError as error:
        raise Stop(
            CONFIG, f"expected a manifest at {path}, got: {error.strerror}; write purista manifest -o {path}"
        ) from None
