"""One process of the fleet: a gateway that is called, or a worker. Usage: node.py gateway|worker CONFIG (JSON).

The business work notes when it begins and ends in one file, by appending: that is the account the test counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import sys
import time
from datetime import timedelta
from typing import Any

from purista import Context, Interval, ServiceBuilder
from purista.assembly import Assembly
from purista.delivery import Limits
from purista.errors import PuristaError
from purista.schedulers.base import Call

EVENT, QUEUE, COMMAND = "fleet.due", "fleet.work", "fleetCommand"
PERMIT_MS = 3_000
POLICIES = ("forbid", "allow")


def note(config: dict[str, Any], what: str, context: Context) -> None:
    schedule = context.schedule
    line = json.dumps({
        "what": what, "pid": os.getpid(), "at": time.time(), "key": None if schedule is None else schedule.key,
        "id": None if schedule is None else schedule.occurrence_id,
    })  # fmt: skip
    descriptor = os.open(config["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def fleet(config: dict[str, Any]) -> ServiceBuilder:
    """Schedules every few seconds, over event, queue and command, with and without overlap."""
    service = ServiceBuilder("fleet", "1")

    async def work(context: Context) -> None:
        note(config, "begin", context)
        await asyncio.sleep(random.uniform(0.02, 0.3))
        note(config, "end", context)

    @service.queue_worker(QUEUE)
    async def from_queue(context: Context, payload: object) -> None:
        await work(context)

    @service.subscription("onDue", event=EVENT, once=True)
    async def from_event(context: Context, payload: object) -> None:
        await work(context)

    @service.command(COMMAND)
    async def from_command(context: Context, payload: object) -> str:
        await work(context)
        return "done"

    for number in range(config["schedules"]):
        policy = POLICIES[number % 2]
        kind: dict[str, Any] = ({"enqueue": from_queue}, {"emit": EVENT}, {"invoke": from_command})[number % 3]
        service.schedule(
            f"s{number}", Interval(timedelta(seconds=config["every"]), timedelta(seconds=number % config["every"])),
            payload={"at": "{scheduled_at}"}, concurrency_policy=policy,
            missed_run_policy="backfill", max_catch_up_count=1_000, **kind,
        )  # fmt: skip
    return service


def bridge_of(config: dict[str, Any]) -> Assembly:
    """By what the test names: RabbitMQ or NATS, PostgreSQL or Redis."""
    from purista import distributed

    kind = getattr(distributed, config["bridge"])
    return kind(
        config["url"], ledger=config["ledger"], permit_ms=PERMIT_MS, limits=Limits(concurrency=8, visibility_ms=5_000),
        **config["options"],
    )  # fmt: skip


async def gateway(config: dict[str, Any], stop: asyncio.Event) -> None:
    """Calls every schedule again and again, as several impatient schedulers would."""
    bridge = bridge_of(config)
    keys = [f"fleet/1/s{number}" for number in range(config["schedules"])]
    async with bridge:
        print("ready", flush=True)
        while not stop.is_set():
            random.shuffle(keys)
            for key in keys:
                try:
                    await bridge.gateway.trigger(Call(key, source="fleet"))
                    await bridge.gateway.sweep()
                except (PuristaError, OSError) as error:
                    logging.getLogger("fleet").warning("call failed: %s", error)
                    await asyncio.sleep(0.2)
            await asyncio.sleep(0.1)


async def worker(config: dict[str, Any], stop: asyncio.Event) -> None:
    async with await fleet(config).get_instance(bridge_of(config)):
        print("ready", flush=True)
        await stop.wait()


async def main() -> None:
    role, text = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {role} {os.getpid()} %(levelname)s %(message)s")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await {"gateway": gateway, "worker": worker}[role](json.loads(text), stop)


if __name__ == "__main__":
    asyncio.run(main())
