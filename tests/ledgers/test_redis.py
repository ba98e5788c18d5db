"""The Redis ledger keeps the laws, on a real server, as far as Redis keeps anything."""

from __future__ import annotations

import json
import logging

import pytest

from purista import App, ServiceBuilder
from purista.assembly import Assembly, Parts
from purista.bridges.local import LocalBridge
from purista.errors import LedgerError, LedgerMismatch
from purista.ledgers.base import Query
from purista.ledgers.redis import RedisLedger
from purista.queues.sqlite import SqliteQueue
from purista.redis.server import Server
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from purista.testing.suites import LedgerSuite
from purista.testing.suites.ledger import KEY, after, born, row
from tests.services import redis


class TestRedis(LedgerSuite):
    @pytest.fixture(autouse=True)
    def _place(self, redis_prefix: str) -> None:
        self.prefix = redis_prefix

    async def make(self, clock: ManualClock) -> RedisLedger:
        return await RedisLedger(Server(redis(), prefix=self.prefix), clock=clock).__aenter__()

    async def again(self, ledger: object, clock: ManualClock) -> RedisLedger:
        return await self.make(clock)


APPEND_ONLY = "appendonly"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({APPEND_ONLY: "no"}, "Redis keeps no decisions across a restart: set appendonly yes"),
        ({APPEND_ONLY: "yes", "appendfsync": "everysec"}, "set appendfsync always"),
        ({APPEND_ONLY: "yes", "appendfsync": "always"}, None),
    ],
)
async def test_it_says_what_a_restart_of_the_server_would_take(
    redis_prefix: str, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str | None
) -> None:
    async with RedisLedger(Server(redis(), prefix=redis_prefix)) as ledger:

        async def do(*_: object) -> dict[str, str]:
            return settings

        monkeypatch.setattr(ledger.server, "do", do)
        lost = await ledger.losses()
        assert lost is None if said is None else said in str(lost)
        monkeypatch.undo()


async def test_opening_it_says_nothing_and_a_worker_says_it_once(
    redis_prefix: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def losses(_: object) -> str:
        return "Redis keeps no decisions across a restart: set appendonly yes"

    monkeypatch.setattr(RedisLedger, "losses", losses)
    with caplog.at_level(logging.WARNING):
        async with RedisLedger(Server(redis(), prefix=redis_prefix)) as ledger:
            assert not caplog.records
            bridge = Assembly(
                Parts(LocalBridge(SqliteFile(":memory:")), SqliteQueue(SqliteFile(":memory:")), ledger),
                clock=ledger.clock, environment="default",
            )  # fmt: skip
            shop = ServiceBuilder("shop", version="1")
            for consume in (False, True):
                app = App(services=[shop], bridge=bridge)
                await app.start(consume=consume)
                await app.stop()
                assert len(caplog.records) == consume
    assert caplog.records[0].getMessage() == await losses(None)


async def test_another_environment_is_refused(redis_prefix: str) -> None:
    async with RedisLedger(Server(redis(), prefix=redis_prefix), environment="production"):
        pass
    with pytest.raises(LedgerMismatch, match="PURISTA_ENVIRONMENT=production"):
        await RedisLedger(Server(redis(), prefix=redis_prefix), environment="staging").__aenter__()
    async with RedisLedger(Server(redis(), prefix=redis_prefix), environment=None) as ledger:
        assert ledger.environment == "production"


async def test_a_server_that_is_not_there_is_an_error_that_shows_no_password() -> None:
    with pytest.raises(LedgerError) as caught:
        await RedisLedger(Server("redis://:s3cret@127.0.0.1:1/0")).__aenter__()
    assert "s3cret" not in str(caught.value)


async def test_large_numbers_and_empty_lists_are_kept_as_they_are(redis_prefix: str) -> None:
    """No script reads a value: Redis' own JSON would round the one and lose the other."""
    async with RedisLedger(Server(redis(), prefix=redis_prefix), clock=ManualClock()) as ledger:
        await ledger.commit([born("l1")])
        view = (await ledger.load([KEY]))[0]
        assert view is not None
        payload = '{"big":12345678901234567,"none":[],"one":1.0,"path":"a/b"}'
        await ledger.commit([after(view, rows=(row(12_345_678_901_234_567, payload=payload),))])
        (run,) = (await ledger.history(Query(key=KEY))).rows
        assert (run.row.scheduled_at, run.row.payload) == (12_345_678_901_234_567, payload)


async def test_the_clock_is_the_servers(redis_prefix: str) -> None:
    async with RedisLedger(Server(redis(), prefix=redis_prefix)) as ledger:
        seconds, micros = await ledger.server.do("TIME")
        assert abs(ledger.clock.now() - (int(seconds) * 1000 + int(micros) // 1000)) < 2_000


async def test_a_purge_leaves_no_notes_behind(redis_prefix: str) -> None:
    from purista.gateway import pauses
    from purista.ledgers.base import Counted

    clock = ManualClock("2026-01-01T00:00:00Z")
    server = Server(redis(), prefix=redis_prefix)
    async with RedisLedger(server, clock=clock) as ledger:
        await ledger.commit([born("l1")])
        await pauses.pause(ledger, KEY, by="alice", reason="x")
        await ledger.commit([], [Counted(KEY, clock.now(), "not_due")])
        assert await server.do("LLEN", server.name("audit")) > 0
        clock.jump(clock.now() + 3 * 86_400_000)
        await pauses.pause(ledger, KEY, by="bob", reason="y")
        assert await ledger.purge(clock.now(), 100) > 0
        left = [json.loads(text) for text in await server.do("LRANGE", server.name("audit"), 0, -1)]
        assert [entry[3] for entry in left] == ["bob"]
        assert await server.do("SMEMBERS", server.name("called")) in ([], set())
