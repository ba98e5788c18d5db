"""What planning costs: everything is as it shall be, and nothing is written; beside the scheduler's bare list.

    python bench/bench_plan.py [--quick] [--json]

A plan compares the ledger's contracts and the scheduler's entries with what is declared. Beside it stand the list alone, and
what any plan must do: digest what is declared. ``peak`` is the memory that the plan allocates above what was there before it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from purista import Cron, CronScheduler, DefaultEventBridge, ServiceBuilder
from purista.contract.digest import digest
from purista.schedulers.base import Owner
from purista.testing import ManualClock

START = "2026-03-01T00:00:00Z"


def declared(count: int, edited: int = 0) -> ServiceBuilder:
    """Schedules at some seven hundred different times of the day; ``edited`` of them an hour later."""
    service = ServiceBuilder("fleet", "1")
    for number in range(count):
        hour = (number // 60 % 12) + (number < edited)
        service.schedule(
            f"job{number}", Cron(f"{number % 60} {hour} * * *"), timezone="Europe/Berlin", emit="fleet.due",
            payload={"day": "{scheduled_at:%Y-%m-%d}"}, concurrency_policy="forbid", missed_run_policy="runOnce",
            completed_by="fleet.done",
        )  # fmt: skip
    return service


async def measure(count: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text) / "cron.d"
        folder.mkdir()
        cron = CronScheduler(folder, host_zone="Europe/Berlin", single_host=True)
        bridge = DefaultEventBridge(Path(text) / "plan.db", clock=ManualClock(START), scheduler=cron)
        async with bridge:
            service = declared(count)
            instance = await service.get_instance(bridge)
            await instance.start(consume=False)
            owner = Owner("fleet", bridge.environment, bridge.ledger.ledger_id)
            row = await _rounds(bridge, owner, service, rounds)
            row["edited 1 %"] = await _edited(bridge, count)
            row["peak, MiB"] = await _peak(bridge, service)
            await instance.stop()
        return {"schedules": count, **row}


async def _rounds(bridge: DefaultEventBridge, owner: Owner, service: ServiceBuilder, rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {"list": [], "digests": [], "plan": [], "plan : list": []}
    control = bridge.registrar()._needed().control  # what the plan itself lists through
    for _ in range(rounds):
        begin = time.perf_counter()
        await control.list(owner)
        listed = time.perf_counter()
        for schedule in service.schedules:
            digest(schedule)
        digested = time.perf_counter()
        planned = await bridge.registrar().plan("fleet", {"1": service.schedules})
        done = time.perf_counter()
        assert planned.nothing, planned
        for name, value in (("list", listed - begin), ("digests", digested - listed), ("plan", done - digested)):
            taken[name].append(value)
        taken["plan : list"].append((done - digested) / (listed - begin))
    return {name: statistics.median(values) for name, values in taken.items()}


async def _edited(bridge: DefaultEventBridge, count: int) -> float:
    service = declared(count, edited=count // 100)
    begin = time.perf_counter()
    planned = await bridge.registrar().plan("fleet", {"1": service.schedules})
    assert len(planned.moves) == count // 100
    return time.perf_counter() - begin


async def _peak(bridge: DefaultEventBridge, service: ServiceBuilder) -> float:
    tracemalloc.start()
    await bridge.registrar().plan("fleet", {"1": service.schedules})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes, rounds = ((100, 1_000), 3) if options.quick else ((100, 1_000, 10_000), 5)
    rows = [asyncio.run(measure(size, rounds)) for size in sizes]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    names = list(rows[0])
    print("".join(f"{name:>14}" for name in names))
    for row in rows:
        print("".join(f"{row[name]:>14,.4g}" for name in names), flush=True)


if __name__ == "__main__":
    main()
