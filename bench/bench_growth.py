"""Decisions over RabbitMQ and PostgreSQL while the ledger grows: a second, and CPU of gateway and database for each.

    python bench/bench_growth.py [--quick] [--large]

The same decisions are timed beside 1,000 and 100,000 ended records; with `--large`, beside 10,000,000, which takes minutes and
5 GB of the database's disk. Sizes take turns: each round times all of them. SQLite's growth is in bench_decisions.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import time
from typing import Any

import asyncpg
from bench_brokers import IN_FLIGHT, POSTGRES, Ours, in_flight, in_sequence
from processes import Meter

SCHEDULES = 1_000
FILL = """
INSERT INTO occurrences (lineage, scheduled_at, class, request, occurrence_id, key, last_at, count, decision, reason, digest,
  fence, attempt, decided_at, source, payload, roots, run, run_ended_at, open)
SELECT lineage, 1704067200000 + n * 60000, 'scheduled', '', md5(lineage || n), key, 1704067200000 + n * 60000, 1, 'published',
  'due', md5(lineage), n, 1, 1704067200100 + n * 60000, 'bench', '{"at":"2024-01-01T00:00:00.000Z"}', '["sub:bench/1/work"]',
  'finished', 1704067210000 + n * 60000, 0
FROM lineages, generate_series($1::bigint, $2::bigint) AS n"""
AT_ONCE = 200_000


class Grown(Ours):
    """A ledger with so many records of runs that ended, the same number for each of its schedules."""

    def __init__(self, records: int) -> None:
        super().__init__("RabbitMQ", "PostgreSQL", SCHEDULES)
        self.records, self.name = records, f"{records:,} records"

    async def start(self) -> None:
        await super().start()
        begin, each = time.perf_counter(), self.records // SCHEDULES
        connection: Any = await asyncpg.connect(POSTGRES, server_settings={"search_path": self.prefix})
        step = AT_ONCE // SCHEDULES
        for first in range(1, each + 1, step):
            await connection.execute(FILL, first, min(first + step - 1, each))
        await connection.execute("VACUUM ANALYZE occurrences")  # now, and not while it is measured
        size = await connection.fetchval("SELECT pg_total_relation_size('occurrences')")
        await connection.close()
        print(f"{self.name}: filled in {time.perf_counter() - begin:,.0f} s, {size / 2**20:,.0f} MiB", flush=True)


async def timed(row: Grown, measure: Any, count: int) -> dict[str, float]:
    meter, begin = Meter({"gateway": os.getpid()}), time.perf_counter()
    rate = await measure(row, count)
    took = time.perf_counter() - begin
    cores = meter.stop()
    spent = {name: cores[name] * took / count * 1e6 for name in ("gateway", "PostgreSQL")}
    return {"rate": rate, **spent}


def show(title: str, found: dict[str, list[dict[str, float]]]) -> None:
    print(f"\n{title:<24}{'decisions/s':>13}{'x fewest':>10}{'spread':>14}{'gateway µs':>12}{'PostgreSQL µs':>15}")
    fewest = next(iter(found.values()))
    for name, rounds in found.items():
        ratios = [one["rate"] / other["rate"] for one, other in zip(rounds, fewest, strict=True)]
        middle = {figure: statistics.median(one[figure] for one in rounds) for figure in rounds[0]}
        line = f"{name:<24}{middle['rate']:>13,.0f}{statistics.median(ratios):>10.2f}"
        line += f"{f'{min(ratios):.2f} - {max(ratios):.2f}':>14}"
        print(f"{line}{middle['gateway']:>12.0f}{middle['PostgreSQL']:>15.0f}", flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true", help="to 10,000,000 records")
    options = parser.parse_args()
    rounds, few = (2, 200) if options.quick else (7, 500)
    sizes = [1_000, 100_000, *([10_000_000] if options.large else [])]
    async with contextlib.AsyncExitStack() as stack:
        rows = [Grown(records) for records in sizes]
        for row in rows:
            await row.start()
            stack.push_async_callback(row.stop)
        for title, measure, count in (
            ("one after another", in_sequence, few),
            (f"{IN_FLIGHT} in flight", in_flight, SCHEDULES),
        ):
            found: dict[str, list[dict[str, float]]] = {row.name: [] for row in rows}
            for row in rows:  # reads contracts, opens connections
                await timed(row, measure, count)
            for _ in range(rounds):
                for row in rows:
                    found[row.name].append(await timed(row, measure, count))
            show(title, found)


if __name__ == "__main__":
    asyncio.run(main())
