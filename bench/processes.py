"""CPU seconds of processes and of the machine, from /proc: which of them saturates."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

SERVERS = {"postgres": "PostgreSQL", "beam.smp": "RabbitMQ", "nats-server": "NATS", "redis-server": "Redis"}
TICKS = os.sysconf("SC_CLK_TCK")
FULL = 0.9


def cpu_of(pid: int) -> float:
    """Seconds in user and kernel, its own and those of its children that ended; 0 where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def cpu_of_servers() -> dict[str, float]:
    """Seconds of each kind of server on this machine, all of its processes, whoever they work for."""
    found = dict.fromkeys(SERVERS.values(), 0.0)
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                name = (place / "comm").read_text().strip()
            except OSError:
                continue
            if name in SERVERS:
                found[SERVERS[name]] += cpu_of(int(place.name))
    return found


def idle_of_machine() -> float:
    """Seconds that all cores together were idle or waited for a disk."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / TICKS


class Meter:
    """Cores that were busy between ``start`` and ``stop``: of each named process, of each server, of the machine."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids = dict(pids)
        self.start()

    def start(self) -> None:
        self.begun, self.before, self.idle = time.perf_counter(), self._seconds(), idle_of_machine()

    def stop(self) -> dict[str, float]:
        """Cores by name; ``machine`` is all of them together, whoever used them."""
        took = time.perf_counter() - self.begun
        cores = {name: (now - self.before.get(name, 0.0)) / took for name, now in self._seconds().items()}
        return {**cores, "machine": max(0.0, (os.cpu_count() or 1) - (idle_of_machine() - self.idle) / took)}

    def _seconds(self) -> dict[str, float]:
        return {**{name: cpu_of(pid) for name, pid in self.pids.items()}, **cpu_of_servers()}


def saturated(cores: Mapping[str, float], groups: Mapping[str, tuple[str, ...]]) -> str:
    """What is full: a process that has one core, or the machine (then: most of it for which group), or nothing of it."""
    full = [name for names in groups.values() for name in names if cores[name] >= FULL and name not in SERVERS.values()]
    if cores["machine"] >= FULL * (os.cpu_count() or 1):
        used = {group: sum(cores[name] for name in names) for group, names in groups.items()}
        return f"the machine; most of it: {max(used, key=lambda group: used[group])}"
    return " and ".join(full) or "no core: it waits for servers or disk"
