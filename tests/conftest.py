"""Shared fixtures: what a test needs, or the reason why it cannot run."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any

import pytest

from purista.testing import ManualClock

if TYPE_CHECKING:
    from tests.subjects import Subjects

pytest.register_assert_rewrite("purista.testing.suites")


def needed(reason: str) -> None:
    """Skip on a laptop, fail where CI is set: a check that silently does not run is worse than none."""
    if os.environ.get("CI"):
        pytest.fail(f"needed in CI: {reason}")
    pytest.skip(reason)


ONE_AFTER_THE_OTHER = {
    "cron": (
        "tests/schedulers/test_golden.py", "tests/schedulers/test_real_parser.py", "tests/schedulers/test_crontab.py",
        "tests/e2e/test_real_cron.py", "tests/e2e/test_life_over_cron.py",
    ),
    "storms": ("tests/faults/", "tests/crash/"),
}  # fmt: skip
"""What shares something that a machine has once: its cron daemon; its disk and its network under a storm."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers a file's tests stay together, and so do files that share something."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = (group for group, starts in ONE_AFTER_THE_OTHER.items() if nodeid.startswith(starts))
            # Parts of what would take one worker for minutes go wherever there is room.
            return next(shared, nodeid if "[part" in nodeid else nodeid.partition("::")[0])

    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test printed goes to another process with several workers, which carries no half of a surrogate pair."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the start of 2026."""
    return ManualClock("2026-01-01T00:00:00Z")


@pytest.fixture
async def redis_prefix() -> AsyncIterator[str]:
    """A prefix in Redis of this test's own."""
    import redis.asyncio

    from tests.services import redis as place

    name = f"test_{secrets.token_hex(6)}"
    yield name
    client = redis.asyncio.from_url(place())
    async for key in client.scan_iter(f"{{{name}}}:*", count=1_000):
        await client.delete(key)
    await client.aclose()


@pytest.fixture
async def subjects() -> AsyncIterator[Subjects]:
    """A NATS with a prefix of this test's own."""
    from tests.subjects import Subjects

    subjects = Subjects()
    yield subjects
    await subjects.end()


@pytest.fixture
async def schema() -> AsyncIterator[str]:
    """A PostgreSQL schema of this test's own."""
    import asyncpg

    from tests.services import postgres

    name = f"test_{secrets.token_hex(6)}"
    yield name
    connection = await asyncpg.connect(postgres())
    await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    await connection.close()
