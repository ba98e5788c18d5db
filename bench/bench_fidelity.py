"""What every scheduler will really do, for a fleet: schedules × schedulers × years.

    python bench/bench_fidelity.py [--schedules 10000] [--years 2] [--processes 2]

The mix is that of examples/fleet/fleet.py. Also one schedule's report, after start; memory is the most that this process or one
of its processes had.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from purista.cli.adapters import ADAPTERS
from purista.contract.schedule import Schedule
from purista.fidelity import Report, judge_fleet

START = 1_767_225_600  # 2026-01-01T00:00:00Z
YEAR = 366 * 86_400


def schedules_of(count: int) -> list[Schedule]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples/fleet"))
    from fleet import fleet

    return [schedule for service in fleet(count) for schedule in service.schedules]


def judged(schedules: list[Schedule], years: int, processes: int) -> tuple[float, Report]:
    dialects = {name: found.dialect(START, "UTC") for name, found in ADAPTERS.items()}
    begin = time.perf_counter()
    report = judge_fleet(schedules, dialects, START, START + years * YEAR, processes=processes)
    return time.perf_counter() - begin, report


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--years", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    schedules = schedules_of(asked.schedules)
    rules = len({schedule.recurrence() for schedule in schedules})
    before = cpu()
    took, report = judged(schedules, asked.years, asked.processes)
    spent = cpu() - before
    one = statistics.median(judged(schedules[:1], asked.years, 1)[0] for _ in range(5))
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    load = os.getloadavg()[0]
    print(f"{len(schedules)} schedules ({rules} rules) × {len(report.schedulers)} schedulers × {asked.years} years")
    print(
        f"{took:.1f} s with {asked.processes} processes, {spent:.1f} s of CPU (load {load:.1f}), {memory:.0f} MiB at most"
    )
    print(f"one schedule: {one * 1000:.0f} ms")


if __name__ == "__main__":
    main()
