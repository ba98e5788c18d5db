"""The Redis queue keeps the laws, on a real server."""

from __future__ import annotations

import asyncio

import pytest

from purista.clock import SystemClock
from purista.delivery import Limits
from purista.messages import job, new_id
from purista.queues.redis import RedisQueue
from purista.redis.server import Server
from purista.testing import ManualClock
from purista.testing.suites import QueueSuite
from purista.testing.suites.common import Inbox, until
from tests.services import redis


class TestRedisQueue(QueueSuite):
    @pytest.fixture(autouse=True)
    def _place(self, redis_prefix: str) -> None:
        self.prefix = redis_prefix

    async def make(self, clock: ManualClock) -> RedisQueue:
        queue = RedisQueue(Server(redis(), prefix=self.prefix), clock=clock)
        await queue.start()
        return queue


async def test_a_job_wakes_a_worker_in_another_process(redis_prefix: str) -> None:
    """Two pools stand for two processes; nobody looks before a second is over, so it was told."""
    mine, other = (RedisQueue(Server(redis(), prefix=redis_prefix)) for _ in range(2))
    await mine.start()
    await other.start()
    inbox, clock, loop = Inbox(), SystemClock(), asyncio.get_running_loop()
    await other.consume("work", inbox, Limits())
    first = job(new_id(), "work", None, created_at=clock.now())
    await mine.enqueue([first])
    await until(lambda: len(inbox) == 1)  # from now on it listens
    begin = loop.time()
    await mine.enqueue([job(new_id(), "work", {"n": 1}, created_at=clock.now())])
    await until(lambda: len(inbox) == 2)
    assert loop.time() - begin < 0.9
    await mine.stop()
    await other.stop()
