"""The PostgreSQL queue keeps the laws, on a real server."""

from __future__ import annotations

import asyncio

import pytest

from purista.clock import SystemClock
from purista.delivery import Limits
from purista.messages import job, new_id
from purista.postgres.database import Database
from purista.queues.postgres import PostgresQueue
from purista.testing import ManualClock
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import Inbox, until
from tests.services import postgres


class TestPostgresQueue(QueueSuite):
    @pytest.fixture(autouse=True)
    def _place(self, schema: str) -> None:
        self.schema = schema

    async def make(self, clock: ManualClock) -> PostgresQueue:
        queue = PostgresQueue(Database(postgres(), schema=self.schema), clock=clock)
        await queue.start()
        return queue


async def test_a_job_wakes_a_worker_in_another_process(schema: str) -> None:
    """Two pools stand for two processes; nobody looks before a second is over, so it was told."""
    mine, other = (PostgresQueue(Database(postgres(), schema=schema)) for _ in range(2))
    await mine.start()
    await other.start()
    inbox, clock = Inbox(), SystemClock()
    await other.consume("work", inbox, Limits())
    await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await mine.enqueue([job(new_id(), "work", {"n": 1}, created_at=clock.now())])
    await until(lambda: len(inbox) == 1)
    assert loop.time() - begin < 0.9
    await mine.stop()
    await other.stop()


async def test_a_broken_connection_is_made_anew(schema: str) -> None:
    import asyncpg

    queue = PostgresQueue(Database(postgres(), schema=schema))
    await queue.start()
    inbox, clock = Inbox(), SystemClock()
    await queue.consume("work", inbox, Limits())
    await queue.enqueue([job("a", "work", None, created_at=clock.now())])
    await until(lambda: inbox.ids == ["a"])
    killer = await asyncpg.connect(postgres())
    await killer.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND (query LIKE '%' || $1 || '%' OR pid IN (SELECT pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1))",
        schema,
    )
    await killer.close()
    enqueued = False
    for _ in range(20):
        try:
            await queue.enqueue([job("b", "work", None, created_at=clock.now())])
        except Exception:
            await asyncio.sleep(0.05)
        else:
            enqueued = True
            break
    assert enqueued
    await until(lambda: inbox.ids == ["a", "b"])
    await queue.stop()
