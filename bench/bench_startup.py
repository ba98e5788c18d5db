"""What `purista trigger` costs to start, beside the bare interpreter; whole processes, taking turns.

python bench/bench_startup.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from purista import Cron, DefaultEventBridge, ServiceBuilder

KEY = "bench/1/minutely"


async def prepare(ledger: Path) -> None:
    service = ServiceBuilder("bench", "1", "one schedule")
    service.schedule(
        "minutely",
        Cron("* * * * *"),
        timezone="Europe/Berlin",
        enqueue="work",
        concurrency_policy="allow",
        missed_run_policy="skip",
    )
    instance = await service.get_instance(DefaultEventBridge(ledger))
    await instance.start(consume=False)
    await instance.stop()


def once(arguments: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        ledger = Path(text) / "purista.db"
        asyncio.run(prepare(ledger))
        commands = {
            "python -c pass": ["-c", "pass"],
            "import purista": ["-c", "import purista"],
            "import asyncio, sqlite3, json": ["-c", "import asyncio, sqlite3, json"],
            "import typer": ["-c", "import typer"],
            "import pydantic": ["-c", "import pydantic"],
            "purista trigger KEY": ["-m", "purista", "trigger", KEY, "--ledger", str(ledger)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(5 if options.quick else 21):
            for name, arguments in commands.items():
                times[name].append(once(arguments))
    bare = statistics.median(times["python -c pass"])
    rows = {
        name: {"ms": statistics.median(v), "over bare ms": statistics.median(v) - bare, "min": min(v), "max": max(v)}
        for name, v in times.items()
    }
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'process':<32}{'ms':>8}{'over bare':>12}{'min':>8}{'max':>8}   target: trigger at most 120 ms over bare")
    for name, row in rows.items():
        print(f"{name:<32}{row['ms']:>8.1f}{row['over bare ms']:>12.1f}{row['min']:>8.1f}{row['max']:>8.1f}")


if __name__ == "__main__":
    main()
