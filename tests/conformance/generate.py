"""Makes the corpus' data files: ``python -m tests.conformance.generate`` from the project's root.

Expected instants come from ``tests/recurrence/oracle.py`` and from loops over seconds, never from ``purista.recurrence``. The
same tz database gives the same bytes on every machine and Python: what is chosen is chosen by SHA-256 of what it is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conformance import calendar, clocks, distances
from tests.conformance.derived import GIVEN
from tests.conformance.made import Made
from tests.conformance.zones import relied_on, seconds

FOLDER = Path(__file__).parents[2] / "src/purista/conformance"
ZONE_DATA = Path("/usr/share/zoneinfo/tzdata.zi")


def derived() -> Iterator[Made]:
    for given in GIVEN:
        due, day = [], ""
        for word in given.due.split():
            day = word if "-" in word else day
            if "-" not in word:
                due.append(seconds(f"{day} {word}"))
        yield Made(
            f"derived/{given.id}", given.about, given.expression, given.zone, seconds(given.start), seconds(given.end),
            tuple(due), given.why, *(None if one is None else seconds(one) for one in (given.starts_at, given.ends_at)),
        )  # fmt: skip


FILES = {
    "derived.jsonl": derived,
    "clocks.jsonl": clocks.made,
    "calendar.jsonl": calendar.made,
    "distances.jsonl": distances.made,
}


def documents(name: str, edition: str) -> list[dict[str, Any]]:
    """The cases of a file, in their order."""
    return [made.document(edition, relied_on(made.zone, made.start, made.end)) for made in FILES[name]()]


def line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"))


def main() -> None:
    edition = ZONE_DATA.read_text("ascii").splitlines()[0].removeprefix("# version ")
    for name in FILES:
        lines = [line(one) for one in documents(name, edition)]
        (FOLDER / name).write_text("\n".join(lines) + "\n", "ascii")
        print(f"{len(lines):6} {name}")


if __name__ == "__main__":
    main()
