"""One, two and four gateway processes on one PostgreSQL ledger and one RabbitMQ: decisions in flight, and what is full.

    python bench/bench_gateways.py [--quick]

Each process calls for its share of the schedules, a hundred at a time. Cores are measured over each round from /proc: of each
gateway, of PostgreSQL's and RabbitMQ's processes, and of the machine, on which all of them run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
from collections.abc import Sequence
from typing import Any

from bench_brokers import IN_FLIGHT, Ours
from gateway_process import Gateway
from processes import Meter, saturated

PROCESSES = (1, 2, 4)
SERVERS = ("PostgreSQL", "RabbitMQ")


async def decided(everybody: Sequence[Gateway], processes: int, count: int) -> dict[str, Any]:
    """A minute passes for all, and so many share the calls; cores by name, and decisions a second."""
    await asyncio.gather(*[gateway.ask("next") for gateway in everybody])
    gateways = everybody[:processes]
    share = count // len(gateways)
    meter = Meter({f"gateway {number}": gateway.process.pid for number, gateway in enumerate(gateways)})
    begin = asyncio.get_running_loop().time()
    asks = [gateway.ask("decide", n * share, (n + 1) * share, IN_FLIGHT) for n, gateway in enumerate(gateways)]
    await asyncio.gather(*asks)
    took = asyncio.get_running_loop().time() - begin
    return {"rate": share * len(gateways) / took, **meter.stop()}


def show(found: dict[int, list[dict[str, Any]]]) -> None:
    heads = "".join(f"{name:>12}" for name in (*SERVERS, "others", "machine"))
    print(f"\n{'gateways':>8}{'decisions/s':>13}{'x one':>8}{'spread':>14}{'a gateway':>12}{heads}  full")
    for processes, rounds in found.items():
        ratios = [one["rate"] / alone["rate"] for one, alone in zip(rounds, found[1], strict=True)]
        cores = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        gateways = tuple(f"gateway {number}" for number in range(processes))
        each = statistics.mean(cores[name] for name in gateways)
        line = f"{processes:>8}{cores['rate']:>13,.0f}{statistics.median(ratios):>8.2f}"
        line += f"{f'{min(ratios):.2f} - {max(ratios):.2f}':>14}{each:>12.2f}"
        groups = {"gateways": gateways, **{name: (name,) for name in SERVERS}}
        cores["others"] = cores["machine"] - sum(cores[name] for names in groups.values() for name in names)
        line += "".join(f"{cores[name]:>12.2f}" for name in (*SERVERS, "others", "machine"))
        print(f"{line}  {saturated(cores, {**groups, 'others': ('others',)})}", flush=True)
    print("cores: 1.00 is one core, all of the time")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, count = (2, 1_000) if quick else (7, 4_000)
    async with contextlib.AsyncExitStack() as stack:
        row = Ours("RabbitMQ", "PostgreSQL", count)
        await row.start()
        stack.push_async_callback(row.stop)
        gateways = []
        for _ in range(max(PROCESSES)):
            gateways.append(await Gateway.started(row))
            stack.push_async_callback(gateways[-1].stop)
        for processes in PROCESSES:  # reads contracts, opens connections
            await decided(gateways, processes, count)
        found: dict[int, list[dict[str, Any]]] = {processes: [] for processes in PROCESSES}
        for _ in range(rounds):
            for processes in PROCESSES:
                found[processes].append(await decided(gateways, processes, count))
        show(found)


if __name__ == "__main__":
    asyncio.run(main())
