"""A whole life over the real cron daemon: deploy, edit, rename, version, pause, crash, downtime, rollback, removal.

Debian's cron, the services and the commands all run for real, a few seconds at a time; libfaketime tells them all the same
other day, so that three seconds before a full minute are three seconds before the one that matters.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import needed

HERE = Path(__file__).parent
CRON_D = Path("/etc/cron.d")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class Life:
    """A place with a ledger, and what happens there at some other time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ledger = place / "life.db"
        self.app: dict[str, str] = {}
        self.now = ""
        self.at("2026-03-26T12:00:00")
        script = f'#!/bin/sh\n. "{place}/clock.sh"\nexec "{sys.executable}" -m purista "$@"\n'
        (place / "purista").write_text(script, "utf-8")
        (place / "purista").chmod(0o755)

    def at(self, utc: str) -> None:
        """Everything that is started from now on lives at this time, which goes on as usual."""
        offset = datetime.fromisoformat(f"{utc}+00:00").timestamp() - time.time()
        self.clock = {
            "LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{offset:+.3f}", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1", "TZ": "UTC",
        }  # fmt: skip
        text = "".join(f"export {name}='{value}'\n" for name, value in self.clock.items())
        (self.place / "clock.sh").write_text(text, "utf-8")

    @property
    def environment(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("PURISTA_", "LIFE_"))}
        here = {"PURISTA_LEDGER": str(self.ledger), "PURISTA_ENVIRONMENT": "life", "LIFE_PLACE": str(self.place)}
        return {**plain, **self.clock, **here, "PYTHONPATH": str(HERE), **self.app}

    def deploy(
        self, *, rule: str | None, name: str = "nightly", revision: int, former: str = "", version: str = "1"
    ) -> None:
        """What the next worker is built from."""
        self.app = {
            "LIFE_NAME": name,
            "LIFE_FORMER": former,
            "LIFE_VERSION": version,
            "PURISTA_REVISION": str(revision),
        }
        if rule is not None:
            self.app["LIFE_RULE"] = rule

    def purista(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "purista", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A service that has registered; it is asked to end, unless it was killed."""
        errors = self.place / "worker.log"
        with errors.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "purista", "worker", "--app", "lifeapp:app", "--json"],
                env=self.environment, stdout=subprocess.DEVNULL, stderr=stream,
            )  # fmt: skip
        try:
            started = wait_for(lambda: '"started"' in errors.read_text("utf-8") or process.poll() is not None, 20)
            assert started, errors.read_text("utf-8")
            assert process.poll() is None, errors.read_text("utf-8")
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)

    @contextmanager
    def cron(self) -> Iterator[None]:
        """Debian's daemon at this life's time."""
        process = subprocess.Popen(
            ["cron", "-f"], env={**os.environ, **self.clock}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
            assert process.poll() is None, "cron ended by itself: is another one running?"
        finally:
            process.terminate()
            process.wait(10)

    def log(self) -> list[str]:
        path = self.place / "work.log"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def night(self, utc: str, line: str | None) -> None:
        """A worker and cron live through the full minute three seconds after ``utc``; ``line`` is what is then in the log."""
        self.at(utc)
        with self.worker(), self.cron():
            seen = len(self.log())
            if line is None:
                time.sleep(5)  # nothing must happen, and only the real time shows it
                assert self.log()[seen:] == []
            else:
                assert wait_for(lambda: line in self.log()[seen:], 12), (self.log(), self.files())

    def files(self) -> list[str]:
        return [path.read_text("utf-8") for path in CRON_D.glob("purista-life-*")]

    def lines(self) -> list[str]:
        """Fields and keys of what cron was given."""
        found = [line for text in self.files() for line in text.splitlines() if line[:1] in set("0123456789*")]
        return [f"{' '.join(x.split()[:5])} {x.rpartition(' -- ')[2]}" for x in found if " -- " in x]


def wait_for(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    if os.geteuid() != 0 or shutil.which("cron") is None or FAKETIME is None:
        needed("root, Debian's cron and libfaketime (apt-get install cron faketime)")
    yield Life(tmp_path)
    for path in CRON_D.glob("purista-life-*"):
        path.unlink()


@pytest.mark.privileged
@pytest.mark.slow
def test_a_whole_life_ends_with_exactly_the_expected_runs(life: Life) -> None:
    life.deploy(rule="30 2 * * *", revision=1)
    life.night("2026-03-27T01:29:57", "end 2026-03-27T02:30:00+01:00")

    life.deploy(rule="45 2 * * *", revision=2)
    life.night("2026-03-28T01:29:57", None)
    life.night("2026-03-28T01:44:57", "end 2026-03-28T02:45:00+01:00")

    # Renamed on the day before 02:45 does not exist: due once, right after the gap, under the new name alone.
    life.deploy(rule="45 2 * * *", name="clearing", former="nightly", revision=3)
    life.night("2026-03-29T00:59:57", "end 2026-03-29T03:00:00+02:00")
    assert not any("nightly" in line for line in life.lines())

    life.deploy(rule="45 2 * * *", name="clearing", former="nightly", revision=4, version="2")
    life.night("2026-03-30T00:44:57", "end 2026-03-30T02:45:00+02:00")
    assert {line.rpartition(" ")[2] for line in life.lines()} == {"life/2/clearing"}
    ours = life.lines()
    life.deploy(rule="45 2 * * *", name="clearing", former="nightly", revision=3)
    life.at("2026-03-30T10:00:00")
    with life.worker():
        assert life.lines() == ours, "an old replica that restarts changes nothing"

    life.deploy(rule="45 2 * * *", name="clearing", former="nightly", revision=4, version="2")
    life.purista("pause", "life/2/clearing", "--reason", "audit", "--by", "ann")
    life.night("2026-03-31T00:44:57", None)
    life.at("2026-03-31T08:00:00")
    assert json.loads(life.purista("resume", "life/2/clearing", "--json"))["wasPaused"] is True

    (life.place / "hang").touch()
    life.at("2026-04-01T00:44:57")
    with life.worker() as doomed, life.cron():
        assert wait_for(lambda: life.log()[-1] == "begin 2026-04-01T02:45:00+02:00", 12)
        doomed.send_signal(signal.SIGKILL)
        doomed.wait(10)
    (life.place / "hang").unlink()
    life.at("2026-04-01T00:46:00")
    with life.worker():
        assert wait_for(lambda: life.log()[-1] == "end 2026-04-01T02:45:00+02:00", 20), "nobody took the work over"

    # Off from April to the day after the clocks went back: half a year asks a person, who says yes.
    life.at("2026-10-26T09:00:00")
    with life.worker():
        asked = json.loads(life.purista("recover", "--json"))
        assert (asked["decided"], len(asked["waiting"])) == (0, 1)
        done = json.loads(life.purista("recover", "--consent", "--json"))
        assert (done["decided"], done["published"]) == (208, 1)
        assert wait_for(lambda: life.log()[-1] == "end 2026-10-26T02:45:00+01:00", 12)

    # Rolled back to the second deploy's rule and name, as a new revision.
    life.deploy(rule="30 2 * * *", name="clearing", revision=5, version="2")
    life.night("2026-10-27T01:29:57", "end 2026-10-27T02:30:00+01:00")

    life.deploy(rule=None, revision=6, version="2")
    life.night("2026-10-28T01:29:57", None)
    assert life.files() == [], "the last schedule took cron's file with it"

    expected = [
        "2026-03-27T02:30:00+01:00", "2026-03-28T02:45:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:45:00+02:00",
        "2026-04-01T02:45:00+02:00", "2026-10-26T02:45:00+01:00", "2026-10-27T02:30:00+01:00",
    ]  # fmt: skip
    assert [line.split()[1] for line in life.log() if line.startswith("end ")] == expected
    begun = [line.split()[1] for line in life.log() if line.startswith("begin ")]
    assert begun == sorted([*expected, "2026-04-01T02:45:00+02:00"]), "only the killed one began twice"
    history = json.loads(life.purista("history", "life/2/clearing", "-n", "500", "--json"))["occurrences"]
    assert [o["decision"] for o in history].count("paused") == 1
