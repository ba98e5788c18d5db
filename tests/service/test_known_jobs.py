"""A queue that remembers keys drops a job; the run that wanted it must not wait for it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from purista.ledgers.base import RunState
from purista.messages import Address, RunInfo
from purista.permits import End, Spawn, Spawned
from purista.queues.base import Enqueued
from purista.service.context import Context
from purista.testing import ManualClock


class Permits:
    transactional = False

    def __init__(self, answer: Spawned) -> None:
        self.answer, self.ended = answer, list[End]()

    async def spawn(self, key: str, ask: Spawn) -> Spawned:
        return self.answer

    async def end(self, key: str, report: End) -> bool:
        self.ended.append(report)
        return True


class Queue:
    def __init__(self, *, duplicate: bool) -> None:
        self.duplicate = duplicate

    async def enqueue(self, jobs: Any) -> list[Enqueued]:
        return [Enqueued(job["id"], duplicate=self.duplicate) for job in jobs]


def context(permits: Permits, queue: Queue) -> Context:
    node: Any = SimpleNamespace(permits=permits, queue=queue, clock=ManualClock("2026-01-01T00:00:00Z"))
    delivery: Any = SimpleNamespace(id="d1", address="sub:s/1/a", lease="l")
    run = RunInfo(run="r1", key="s/1/hourly", at=0, fence=1, permit=True)
    return Context({"id": "m"}, 1, logging.getLogger("test"), node, delivery, Address("s", "1", "a", "i"), run, 2)


@pytest.mark.parametrize(
    ("spawned", "duplicate", "ended"),
    [
        (Spawned.NEW, False, 0),  # enqueued: it will report its own end
        (Spawned.NEW, True, 1),  # another run's job has the key
        (Spawned.KNOWN, True, 0),  # our own, from before this handler was tried again
    ],
)
async def test_a_job_that_was_there_already_is_ended_for_this_run(
    spawned: Spawned, duplicate: bool, ended: int
) -> None:
    permits = Permits(spawned)
    id_ = await context(permits, Queue(duplicate=duplicate)).enqueue("bill", {"n": 1}, idempotency_key="2026-01")
    assert [(report.part, report.outcome) for report in permits.ended] == [(id_, RunState.FINISHED)] * ended
