"""The local runner beside APScheduler, celery beat, taskiq and a bare heap: adding, looking, firing, lateness.

    python bench/bench_local.py [--quick] [--json]

Each round builds every contestant once per size, one after the other; a ratio is taken inside a round, the median of the
rounds is shown with its spread. ``>1`` means purista is faster. Lateness is real time: a thousand due at the same second.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections import defaultdict
from typing import Any

from local_lateness import CONTESTANTS, lateness
from local_peers import PEERS, texts

SIZES = {False: (1_000, 10_000, 100_000), True: (1_000, 10_000)}
DUE = 1_000
MEASURES = ("add", "idle", "fire")
AIMS = {"add": 8.0, "idle": 5.0, "fire": 3.0}
"""Against APScheduler."""
Rows = dict[tuple[str, str, int], list[float]]


async def one(kind: Any, size: int, rows: Rows) -> None:
    """One contestant, one size: seconds to add all, per look with nothing due, per firing with its next occurrence."""
    rules, at = texts(size, min(DUE, size))
    peer, due = kind(), min(DUE, size)
    gc.collect()
    gc.disable()
    try:
        rows[peer.name, "add", size].append(await peer.add(rules, due, at))
        await peer.idle()
        rows[peer.name, "idle", size].append(await per_call(peer.idle))
        begin = time.perf_counter()

        def ready() -> None:
            nonlocal begin
            begin = time.perf_counter()

        peer.ready = ready
        fired = await peer.fire(due)
        rows[peer.name, "fire", size].append((time.perf_counter() - begin) / max(1, fired))
        await peer.close()
    finally:
        gc.enable()


async def per_call(work: Any, least: float = 0.05) -> float:
    """Seconds per call, of as many calls as fill a little time."""
    calls, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < least:
        await work()
        calls += 1
    return took / calls


def ratios(rows: Rows, peer: str, measure: str, size: int) -> list[float]:
    """How many times faster than ``peer`` we were, round by round."""
    ours = rows["purista", measure, size]
    return [theirs / own for theirs, own in zip(rows[peer, measure, size], ours, strict=True)]


def unit(seconds: float) -> str:
    """A duration with three digits."""
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:,.3g} {name}"
    return f"{seconds * 1e9:.0f} ns"


def show(rows: Rows, sizes: tuple[int, ...]) -> None:
    """Growth, then ratios, as the tables of docs/bench.md."""
    names = [kind.name for kind in PEERS]
    for measure, title in zip(MEASURES, ("add all", "a look, nothing due", "fire, each"), strict=True):
        print(f"\n| {title} |" + "".join(f" {size:,} |" for size in sizes) + "\n|---|" + "---:|" * len(sizes))
        for name in names:
            print(f"| {name} |" + "".join(f" {unit(statistics.median(rows[name, measure, s]))} |" for s in sizes))
    print("\n| times faster than | schedules | add | a look | fire |\n|---|---:|---:|---:|---:|")
    for name in names[2:]:
        for size in sizes:
            print(f"| {name} | {size:,} |" + "".join(f" {spread(ratios(rows, name, m, size))} |" for m in MEASURES))
    print(f"\n| aim, {sizes[-1]:,} schedules, against APScheduler | least | median | |\n|---|---:|---:|---|")
    for measure, aim in AIMS.items():
        found = statistics.median(ratios(rows, "APScheduler", measure, sizes[-1]))
        print(f"| {measure} | {aim:g} | {found:,.3g} | {'met' if found >= aim else '**missed**'} |")


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):,.3g} ({min(values):,.3g}–{max(values):,.3g})"


def show_lateness(found: dict[str, dict[str, float]]) -> None:
    """Who fired how late."""
    print("\n| a thousand due at once among 10,000 | p50 | p99 | fired |\n|---|---:|---:|---:|")
    for name, row in found.items():
        print(f"| {name} | {unit(row['p50'])} | {unit(row['p99'])} | {row['fired']:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes, rounds = SIZES[options.quick], 3
    rows: Rows = defaultdict(list)
    for size in sizes:
        for _ in range(rounds):
            for kind in PEERS:
                asyncio.run(one(kind, size, rows))
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(1 if options.quick else 3):
        for name, contestant in CONTESTANTS.items():
            found[name].append(lateness(contestant))
    late = {name: {k: statistics.median(r[k] for r in rs) for k in rs[0]} for name, rs in found.items()}
    if options.json:
        print(json.dumps({"rows": {"/".join(map(str, key)): value for key, value in rows.items()}, "lateness": late}))
    else:
        show(rows, sizes)
        show_lateness(late)


if __name__ == "__main__":
    main()
