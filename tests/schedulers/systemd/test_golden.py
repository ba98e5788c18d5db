"""The text that is written, as files to read. ``PURISTA_GOLDEN=write pytest tests/schedulers/systemd/test_golden.py`` writes
them again; the difference is reviewed like code, because it changes what runs on people's machines.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from purista.contract.schedule import Schedule
from purista.recurrence import Cron
from purista.schedulers.base import Owner
from tests.schedulers.systemd.analyze import verify
from tests.schedulers.systemd.world import OWNER, dialect
from tests.schedulers.test_cover import schedule
from tests.schedulers.test_golden import CONTRACTS as OF_CRON

GOLDEN = Path(__file__).parent / "golden"
CONTRACTS: dict[str, list[Schedule]] = {
    **OF_CRON,
    "jitter": [schedule(Cron("0 5 * * *"), "UTC", name, jitter_window_ms=90_000) for name in ("one", "two")],
    "odd-zones": [
        schedule(Cron("50 2 * * *"), "Pacific/Chatham", "stuck"),
        schedule(Cron("30 0 1 11 *"), "America/Havana", "secondPass"),
        schedule(Cron("30 2 * * *"), "Africa/Casablanca", "ramadan"),
    ],
}


def files(contracts: str) -> dict[str, str]:
    nasty = contracts == "nasty-names"
    owner = Owner("it's 100%", "te st", "0123456789abcdef") if nasty else OWNER
    there = dialect(ledger="/var/lib/a b%/p.db") if nasty else dialect()
    return dict(there.render(owner, there.compile(owner, CONTRACTS[contracts])))


@pytest.mark.parametrize("contracts", CONTRACTS)
def test_the_text_is_as_it_was(contracts: str) -> None:
    path, text = GOLDEN / f"{contracts}.units", "".join(files(contracts).values())
    if os.environ.get("PURISTA_GOLDEN") == "write":
        path.write_text(text, "utf-8", newline="\n")
    assert path.read_bytes().decode() == text, "what systemd is told has changed; PURISTA_GOLDEN=write shows how"


def test_no_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{contracts}.units" for contracts in CONTRACTS}


@pytest.mark.parametrize("contracts", CONTRACTS)
def test_systemd_takes_every_one(contracts: str, tmp_path: Path) -> None:
    """Without a word, and as many timers as were written."""
    written = files(contracts)
    if not written:
        return
    said, read = verify(written, tmp_path)
    assert said == ""
    for name, text in written.items():
        if name.endswith(".timer"):
            lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("OnCalendar=")]
            assert sorted(read[name]["OnCalendar"]) == sorted(lines)
            assert read[name]["Persistent"] == ["yes"]
            assert read[name]["Accuracy"] == ["1s"]
