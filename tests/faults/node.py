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
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from purista import Context, Interval, ServiceBuilder
from purista.assembly import Assembly
from purista.delivery import Limits
from purista.errors import PuristaError
from purista.gateway.carrier import Carrier
from purista.ledgers.base import Outgoing
from purista.schedulers.base import Call

TRUE_TIME = time.time
EVENT, QUEUE, COMMAND = "fleet.due", "fleet.work", "fleetCommand"
PERMIT_MS = 3_000
POLICIES = ("forbid", "allow")


def note(config: dict[str, Any], what: str, context: Context) -> None:
    schedule = context.schedule
    write(
        config,
        what,
        key=None if schedule is None else schedule.key,
        id=None if schedule is None else schedule.occurrence_id,
    )


def write(config: dict[str, Any], what: str, **more: Any) -> None:
    """The true time, whatever this process takes it for."""
    line = json.dumps({"what": what, "pid": os.getpid(), "at": TRUE_TIME(), **more})
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
        try:
            await asyncio.sleep(random.uniform(0.02, 0.3))
        except asyncio.CancelledError:  # its right to work was lost
            note(config, "stopped", context)
            raise
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
        config["url"], ledger=config["ledger"], permit_ms=config.get("permit_ms", PERMIT_MS),
        limits=Limits(concurrency=8, visibility_ms=5_000),
        **config["options"],
    )  # fmt: skip


def skew(ms: int) -> None:
    """Everything in this process finds the host's clock so much ahead of the true time."""
    if ms:
        true_ns = time.time_ns
        time.time_ns = lambda: true_ns() + ms * 1_000_000
        time.time = lambda: TRUE_TIME() + ms / 1_000


def echoes(bridge: Assembly, config: dict[str, Any]) -> None:
    """What is sent is out of order, and some of it is sent once more, later: under the same ids, by the same ways."""
    sent: deque[Any] = deque(maxlen=50)

    class Echo(Carrier):
        async def publish_raw(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
            order = random.sample(range(len(messages)), len(messages))
            results = dict(zip(order, await super().publish_raw([messages[n] for n in order]), strict=True))
            sent.extend(messages)
            if random.random() < 0.5:
                old = random.sample(sent, min(len(sent), random.randrange(1, 4)))
                again = await super().publish_raw(old)
                write(config, "sent again", count=again.count(None))
            return [results[n] for n in range(len(messages))]

    assert bridge.gateway._publishing is not None
    bridge.gateway._publishing._publisher = Echo(bridge.bridge, bridge.queue)


async def gateway(config: dict[str, Any], stop: asyncio.Event) -> None:
    """Calls every schedule again and again, as several impatient schedulers would."""
    bridge = bridge_of(config)
    if config.get("echo"):
        echoes(bridge, config)
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
                    write(config, "refused", key=key)
                    await asyncio.sleep(0.2)
            await asyncio.sleep(0.1)


async def worker(config: dict[str, Any], stop: asyncio.Event) -> None:
    async with await fleet(config).get_instance(bridge_of(config)):
        print("ready", flush=True)
        await stop.wait()


async def main() -> None:
    role, text = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s {role} {os.getpid()} %(levelname)s %(message)s")
    config = json.loads(text)
    skew(config["skew_ms"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await {"gateway": gateway, "worker": worker}[role](config, stop)


if __name__ == "__main__":
    asyncio.run(main())
