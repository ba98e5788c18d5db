"""``kill -9`` at every step between ingress and end report. The work itself keeps the account."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from purista.testing import SharedClock
from tests.crash import actors

KILLS = int(os.environ.get("PURISTA_KILLS", "200"))
ROUNDS_AT_MOST = 60
HOUR = 3_600_000


class Theatre:
    """The processes, the clock and the log of one story."""

    def __init__(self, directory: Path) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.crash.actors", "purista.embedded", "purista.service.runtime"])
        self.db, self.clock_file, self.log = (str(directory / name) for name in ("purista.db", "clock", "work.log"))
        self.clock = SharedClock(self.clock_file, "2026-01-01T00:30:00Z")
        self.kills: Counter[str] = Counter()

    def start(self, actor: Any, step: str | None = None) -> Any:
        process = self.context.Process(target=actor, args=(self.db, self.clock_file, self.log, step))
        process.start()
        return process

    def end(self, process: Any, step: str | None = None, *, within: float = 20.0) -> bool:
        """Wait for a process; True if it was killed (and written down as dead before anything else goes on)."""
        process.join(within)
        assert process.exitcode is not None, f"{step or 'a process'} hangs"
        killed = process.exitcode == -9
        if killed:
            self.kills[str(step)] += 1
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(descriptor, f'{{"what": "killed", "occurrence": "", "pid": {process.pid}}}\n'.encode())
            os.close(descriptor)
        else:
            assert process.exitcode == 0, f"{step}: exit code {process.exitcode}"
        return killed

    def run(self, actor: Any, step: str | None = None) -> bool:
        return self.end(self.start(actor, step), step)

    def occurrence(self, trigger_step: str | None, worker_step: str | None) -> None:
        """One hour: a call, a worker that may die, another that takes over."""
        self.clock.set(self.clock.now() // HOUR * HOUR + HOUR)
        if self.run(actors.trigger, trigger_step):
            self.clock.move(minutes=1)
            self.run(actors.trigger)
        if worker_step is None:
            assert not self.run(actors.worker)
            return
        first, second = self.start(actors.worker, worker_step), self.start(actors.worker)
        deadline = time.monotonic() + 20
        while first.exitcode is None and second.exitcode is None:
            assert time.monotonic() < deadline, f"{worker_step}: nobody ended"
            time.sleep(0.002)
        if first.exitcode is None:  # the other one was faster and did all of it
            self.end(first, worker_step)
        elif self.end(first, worker_step):
            # Only time frees a dead worker's lease and permit; it is moved after the death was written down.
            while second.exitcode is None and time.monotonic() < deadline:
                self.clock.move(seconds=3)
                time.sleep(0.01)
        self.end(second)


def overlaps(lines: list[dict[str, Any]]) -> list[str]:
    """Places where one schedule's work ran twice at a time. A killed process works no more.

    The root and the job of one run may work side by side: the job is enqueued before the root has ended.
    """
    found: list[str] = []
    busy: dict[tuple[int, str], dict[str, Any]] = {}
    for number, line in enumerate(lines):
        part, _, step = line["what"].partition("-")
        if part == "killed":
            busy = {place: other for place, other in busy.items() if place[0] != line["pid"]}
        elif step == "begin":
            for (_, other_part), other in busy.items():
                if other["occurrence"] != line["occurrence"] or other_part == part:
                    found.append(f"line {number}: {line} while {other}")
            busy[line["pid"], part] = line
        else:
            busy.pop((line["pid"], part), None)
    return found


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    theatre = Theatre(tmp_path)
    yield theatre
    theatre.clock.close()


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_runs_twice_at_a_time(theatre: Theatre) -> None:
    """At least 200 kills over all steps of trigger, worker and service."""
    for step in actors.SERVICE_STEPS:
        theatre.run(actors.service, step)
        assert not theatre.run(actors.service)
    hours, steps = 0, {*actors.SERVICE_STEPS, *actors.TRIGGER_STEPS, *actors.WORKER_STEPS}
    for _ in range(ROUNDS_AT_MOST):
        for step in actors.TRIGGER_STEPS:
            theatre.occurrence(step, None)
            hours += 1
        for step in actors.WORKER_STEPS:
            theatre.occurrence(None, step)
            hours += 1
        if sum(theatre.kills.values()) >= KILLS and steps <= set(theatre.kills):
            break
    lines = actors.log_lines(theatre.log)
    ended = Counter(line["occurrence"] for line in lines if line["what"] == "job-end")
    rows = _rows(theatre.db)
    assert overlaps(lines) == []
    assert len(rows) == hours, "an occurrence has no decision"
    assert {row[1] for row in rows} == {"published"}
    assert {row[2] for row in rows} == {"finished"}, Counter(row[2] for row in rows)
    assert {row[0] for row in rows} == set(ended), "an occurrence was decided but never worked"
    total = sum(theatre.kills.values())
    print(f"\n{total} kills, {hours} occurrences, worked {sum(ended.values())} times: {dict(theatre.kills)}")
    assert not steps - set(theatre.kills), f"never killed at {steps - set(theatre.kills)}"
    assert total >= KILLS


def _rows(db: str) -> list[tuple[str, str, str]]:
    import sqlite3

    connection = sqlite3.connect(db)
    try:
        return connection.execute(
            "SELECT occurrence_id, decision, run FROM occurrences ORDER BY scheduled_at"
        ).fetchall()
    finally:
        connection.close()


def test_the_account_would_show_an_overlap() -> None:
    """The check itself can fail: two occurrences at once, one part twice at once; and not: side by side, after a death."""

    def line(what: str, occurrence: str, pid: int) -> dict[str, Any]:
        return {"what": what, "occurrence": occurrence, "pid": pid}

    assert overlaps([line("job-begin", "a", 1), line("job-begin", "b", 2)])
    assert overlaps([line("job-begin", "a", 1), line("job-begin", "a", 2)])
    assert not overlaps([line("sub-begin", "a", 1), line("job-begin", "a", 2)])
    assert not overlaps([line("job-begin", "a", 1), line("killed", "", 1), line("job-begin", "a", 2)])
    assert not overlaps([line("job-begin", "a", 1), line("job-end", "a", 1), line("job-begin", "b", 2)])
