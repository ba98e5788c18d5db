"""How fast virtual time passes: decisions alone, whole occurrences with handlers, and simulated lives under faults.

    python bench/bench_simulation.py [--quick]

The full run decides 365,000 occurrences (a thousand daily schedules for a year) and works 20,000.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from purista import App, Context, Cron, Interval, ServiceBuilder
from purista.clock import from_iso
from purista.simulation.faults import Chances
from purista.simulation.loop import travel
from purista.simulation.simulate import Plan, simulate
from purista.simulation.world import World

HOUR = 3_600_000


def decided_only(schedules: int) -> App:
    """Daily events that nobody subscribes to: nothing but decisions."""
    service = ServiceBuilder("bench", "1")
    for number in range(schedules):
        service.schedule(
            f"s{number}", Cron("0 2 * * *"), timezone="Europe/Berlin", emit="bench.due", payload={"at": "{scheduled_at}"},
            missed_run_policy="skip", concurrency_policy="allow",
        )  # fmt: skip
    return App([service])


def worked(schedules: int, policy: str) -> App:
    """Schedules with a handler that takes a second."""
    service = ServiceBuilder("bench", "1")

    @service.queue_worker("work")
    async def work(context: Context, payload: object) -> None:
        await asyncio.sleep(1)

    for number in range(schedules):
        service.schedule(
            f"s{number}", Interval(3_600, number), enqueue=work, payload={"at": "{scheduled_at}"},
            missed_run_policy="skip", concurrency_policy=policy,
        )  # fmt: skip
    return App([service])


async def run(app: App, days: float, *, consume: bool) -> tuple[int, int, float]:
    """Decided, worked and seconds."""
    async with World(app, consume=consume) as world:
        begin = time.perf_counter()
        await world.run(days=days)
        took = time.perf_counter() - begin
        rows = world.host.file.read(lambda c: c.execute("SELECT count(*) FROM occurrences").fetchone()[0])
        return rows, len(world.journal.work), took


def show(what: str, count: int, took: float) -> None:
    print(f"{what:<52}{count:>10,}{took:>10.2f} s{count / took:>12,.0f}/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(f"{'virtual time':<52}{'count':>10}{'took':>12}{'rate':>14}")
    for policy in ("allow", "forbid"):
        rows, _, took = travel(run(worked(1, policy), 365, consume=True))
        show(f"a year of one hourly schedule, worked, {policy}", rows, took)
    days = 36.5 if quick else 365
    rows, _, took = travel(run(decided_only(1_000), days, consume=False))
    show("decisions: 1,000 daily schedules", rows, took)
    hours = 200 if quick else 2_000
    for policy in ("allow", "forbid"):
        rows, done, took = travel(run(worked(10, policy), hours / 24, consume=True))
        assert done >= rows - 10
        show(f"whole app: decided, worked and ended, {policy}", done, took)
    seeds = 10 if quick else 100
    plan = Plan(from_iso("2026-03-28T22:10:00Z"), 8 * HOUR, Chances(0.1, 0.2, (-2 * HOUR, 2 * HOUR)))
    app = worked(5, "forbid")
    begin = time.perf_counter()
    for seed in range(seeds):
        assert not simulate(app, plan, seed).broken
    show("simulated lives: 8 h of 5 schedules under faults", seeds, time.perf_counter() - begin)


if __name__ == "__main__":
    main()
