"""The billing service in a process of its own, by the demo's clock. Usage: worker.py CLOCK LEDGER CRON_D LOG.

What is added to the service is time: an invoice takes 20 seconds of the demo's clock, a long import of payments six minutes,
and each of them notes in LOG when it began and ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import billing

from purista import App, CronScheduler, DefaultEventBridge
from purista.delivery import Limits
from purista.testing import SharedClock

INVOICE_SECONDS = 20
LONG_IMPORT_SECONDS = 6 * 60
PERMIT_MS = VISIBILITY_MS = 28_000


class Work:
    """What the business work does on stage: it takes time, and leaves notes."""

    def __init__(self, clock: SharedClock, log: str) -> None:
        self._clock, self._log = clock, log

    def write_invoice(self, customer: str, cycle: str) -> None:
        self.note("begin", f"invoice {cycle}", customer)
        self.take(INVOICE_SECONDS)
        self.note("end", f"invoice {cycle}", customer)

    def import_from_bank(self, until: str) -> None:
        self.note("begin", f"import {until}")
        if Path(f"{self._log}.long").exists():
            self.take(LONG_IMPORT_SECONDS)
        self.note("end", f"import {until}")

    def note(self, what: str, work: str, about: str = "") -> None:
        """One line; appending it is one act of the system."""
        line = json.dumps({"what": what, "work": work, "about": about, "pid": os.getpid(), "at": self._clock.now()})
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def take(self, seconds: int) -> None:
        """Blocks its thread, as real work does, until the demo's clock has moved on."""
        until = self._clock.now() + seconds * 1000
        while self._clock.now() < until:
            time.sleep(0.005)


async def main() -> None:
    clock_file, ledger, cron_d, log = sys.argv[1:]
    clock = SharedClock(clock_file)
    work = Work(clock, log)
    billing.write_invoice, billing.import_from_bank = work.write_invoice, work.import_from_bank
    bridge = DefaultEventBridge(
        ledger, clock=clock, scheduler=CronScheduler(cron_d, single_host=True, user="app", command=("purista",)),
        permit_ms=PERMIT_MS, limits=Limits(visibility_ms=VISIBILITY_MS), registration="apply",
    )  # fmt: skip
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with App([billing.user_service], bridge=bridge):
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
