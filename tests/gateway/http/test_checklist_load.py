"""Points 22, 23, 31, 36 to 38 and 42 of the security checklist: replays, floods, outages. The names carry the numbers."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from purista import Cron, DefaultEventBridge, ServiceBuilder
from purista.errors import LedgerError
from purista.gateway.gateway import Gateway
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig
from purista.gateway.http.limits import Limits
from purista.testing import ManualClock
from tests.gateway.house import ms
from tests.gateway.http.door import KEY, TOKEN, TRIGGER, door, listening, usual


async def test_22_a_thousand_replays_at_once_are_one_publish_and_one_record():
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("10:00")
        body = d.body(scheduledAt="2026-06-01T10:00:00Z")
        headers = d.signed(body)
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", limits=limits, timeout=60) as client:
            answers = await asyncio.gather(*(client.post(TRIGGER, content=body, headers=headers) for _ in range(1_000)))
        told = [(answer.status_code, answer.json()["answer"]) for answer in answers]
        assert (told.count((202, "accepted")), told.count((200, "duplicate"))) == (1, 999)
        assert (len(await d.house.rows()), d.letters()) == (1, 1)


@pytest.mark.parametrize("words", [{}, {"request": "wish-1"}])
async def test_23_a_replayed_run_now_is_one_run(words):
    async with door(concurrency_policy="allow") as d:
        answers = await asyncio.gather(*(d.post("run", **words) for _ in range(50)))
        told = [answer.json()["answer"] for answer in answers]
        assert (told.count("accepted"), told.count("duplicate")) == (1, 49)
        d.house.at("09:33")
        assert (await d.post("run", **words)).json()["answer"] == "duplicate"
        assert d.letters() == 1
        assert (await d.bear(TOKEN, f"/schedules/{KEY}/run")).status_code == 400, (
            "a run without a name cannot be repeated safely"
        )


async def test_23_a_replayed_pause_does_not_undo_a_resume():
    async with door() as d:
        first = await d.post("pause", id="p", reason="the database moves")
        assert first.json()["answer"] == "paused"
        assert (await d.post("resume", id="r")).json()["answer"] == "resumed"
        assert (await d.post("pause", id="p", reason="the database moves")).json()["answer"] == "duplicate"
        assert (await d.house.lineage()).pause is None


@pytest.mark.slow
async def test_31_a_wrong_signature_takes_as_long_for_a_schedule_as_for_none():
    async with door(config={"limits": Limits(failures_per_minute=10**9)}) as d:
        taken: dict[str, list[float]] = {TRIGGER: [], "/schedules/s/1/nothng/trigger": []}
        headers = d.signed(d.body()) | {"webhook-id": "another"}
        for _ in range(600):
            for path, seen in taken.items():
                begun = time.perf_counter()
                answer = await d.client.post(path, content=d.body(), headers=headers)
                seen.append(time.perf_counter() - begun)
                assert answer.status_code == 401
        known, unknown = (sorted(seen)[:400] for seen in taken.values())
        noise = statistics.stdev(known) + statistics.stdev(unknown)
        assert abs(statistics.median(known) - statistics.median(unknown)) < max(noise, 0.000_1)


# A bridge apart from the ledger


class Apart:
    """A ledger that does not carry messages: a decision is a claim until the bridge has confirmed."""

    transactional = False

    def __init__(self, ledger):
        self._ledger = ledger

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    async def commit(self, changes, counted=(), registration=None, **options):
        return await self._ledger.commit([replace(c, outbox=()) for c in changes], counted, registration)


class Broker:
    """Keeps what it confirmed. ``down`` refuses; ``stuck`` never answers, as if its sender had been killed meanwhile."""

    def __init__(self):
        self.sent, self.down, self.stuck = [], False, False

    async def publish_raw(self, messages):
        if self.stuck:
            await asyncio.Event().wait()
        if self.down:
            return [ConnectionError("amqp://user:password@broker.internal refused")] * len(messages)
        self.sent += messages
        return [None] * len(messages)


@asynccontextmanager
async def apart(d, broker):
    """Another gateway process on the same ledger, with a broker."""
    app = HttpGateway(Gateway(Apart(d.house.bridge.ledger), publisher=broker), GatewayConfig(credentials=usual()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        yield replace(d, app=app, client=client)


@pytest.mark.parametrize("published", [False, True], ids=["before publish", "after publish, before the mark"])
async def test_36_killed_between_claim_and_publish_the_retry_sends_the_same_message(published):
    async with door() as d:
        d.house.at("10:00")
        broker = Broker()
        broker.stuck = True
        async with apart(d, broker) as first:
            attempt = asyncio.create_task(first.trigger())
            while not await d.house.rows():
                await asyncio.sleep(0)
            claimed = (await d.house.rows())[0]
            assert claimed.decision == "claimed"
            attempt.cancel()  # killed: nobody cleans up
            await asyncio.gather(attempt, return_exceptions=True)
        broker.stuck = False
        async with apart(d, broker) as second:
            held = await second.trigger(id="msg-2")
            assert (held.status_code, held.json()["answer"]) == (503, "retry"), "not 200: the first may never publish"
            wait = int(held.headers["retry-after"])
            if published:
                broker.sent.append(None)
            d.house.clock.jump(d.house.clock.now() + wait * 1000)
            again = await second.trigger(id="msg-2")
            assert (again.status_code, again.json()["published"]) == (202, True)
            assert (await second.trigger(id="msg-3")).json()["answer"] == "duplicate"
        row = (await d.house.rows())[0]
        assert (row.decision, row.occurrence_id, row.payload) == ("published", claimed.occurrence_id, claimed.payload)
        assert [m.occurrence_id for m in broker.sent if m] == [claimed.occurrence_id]


async def test_37_a_ledger_that_is_down_is_503_and_nothing_is_published(monkeypatch):
    async with door() as d:
        d.house.at("10:00")

        async def down(*_, **__):
            raise LedgerError("disk I/O error in /var/lib/purista.db")

        for name in ("load", "commit"):
            with monkeypatch.context() as patch:
                patch.setattr(d.house.bridge.ledger, name, down)
                answer = await d.trigger(id=f"m-{name}")
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                assert "/var/lib" not in answer.text
                assert d.letters() == 0
        assert (await d.trigger(id="late")).json()["answer"] in ("accepted", "duplicate")


async def test_37_readiness_says_which_part_is_down(monkeypatch):
    async with door() as d:
        assert (await d.client.get("/ready")).json()["checks"] == {"ledger": True, "clock": True, "keys": True}
        d.house.clock.jump(d.house.clock.now() + 2_000)

        async def down(_):
            raise LedgerError("gone")

        monkeypatch.setattr(d.house.bridge.ledger, "due", down)
        answer = await d.client.get("/ready")
        assert (answer.status_code, answer.json()["checks"]["ledger"]) == (503, False)
        assert "gone" not in answer.text
        monkeypatch.undo()
        d.house.clock.jump(d.house.clock.now() - 3_600_000)
        assert (await d.client.get("/ready")).json()["checks"] == {"ledger": True, "clock": False, "keys": True}
        assert (await d.client.get("/health")).status_code == 200


async def test_37_a_bridge_that_is_down_gives_the_claim_back():
    async with door() as d:
        d.house.at("10:00")
        broker = Broker()
        broker.down = True
        async with apart(d, broker) as first:
            answer = await first.trigger()
            assert (answer.status_code, answer.json()["answer"], answer.json()["published"]) == (503, "retry", False)
            assert "password" not in answer.text
            assert int(answer.headers["retry-after"]) >= 1
            broker.down = False
            d.house.clock.jump(d.house.clock.now() + 15_000)
            assert (await first.trigger(id="msg-2")).status_code == 202
        assert len(broker.sent) == 1


async def flood(app, count):
    """Requests without a right signature, as fast as they go."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": TRIGGER, "raw_path": TRIGGER.encode(), "query_string": b"", "root_path": "", "client": ("10.0.0.1", 1),
        "server": ("x", 80),
        "headers": [(b"webhook-id", b"a"), (b"webhook-timestamp", b"1"), (b"webhook-signature", b"v1,AAAA")],
    }  # fmt: skip
    told = []

    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            told.append(message["status"])

    for _ in range(count):
        await app(dict(scope), receive, send)
    return told


async def test_38_a_flood_of_failures_writes_nothing_and_stops_nobody(caplog):
    async with door() as d:
        d.house.at("10:00")
        before = d.written()
        told = await flood(d.app, 10_000)
        assert (told.count(401), told.count(429)) == (600, 9_400)
        assert d.written() == before
        assert sum(d.app.failures.counted.values()) == 10_000
        assert len(caplog.records) <= 2, "one line a minute"
        assert (await d.trigger()).status_code == 202
        slowed = await d.client.post(TRIGGER)
        assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "60")
        d.house.at("10:01")
        assert (await d.client.post(TRIGGER)).status_code == 401


async def test_38_one_caller_cannot_take_all():
    async with door(config={"limits": Limits(per_minute=60)}) as d:
        answers = [await d.bear(TOKEN) for _ in range(61)]
        assert [answer.status_code for answer in answers] == [200] * 60 + [429]
        assert answers[-1].headers["retry-after"] == "1"
        assert (await d.trigger()).status_code == 200, "another credential has a bucket of its own"
        d.house.clock.jump(d.house.clock.now() + 1_000)
        assert (await d.bear(TOKEN)).status_code == 200


async def test_38_more_at_once_than_allowed_is_503(monkeypatch):
    async with door(config={"limits": Limits(in_flight=1)}) as d:
        reached, go = asyncio.Event(), asyncio.Event()
        decide = d.app.gateway.trigger

        async def slow(call):
            reached.set()
            await go.wait()
            return await decide(call)

        monkeypatch.setattr(d.app.gateway, "trigger", slow)
        first = asyncio.create_task(d.bear(TOKEN))
        await reached.wait()
        second = await d.bear(TOKEN)
        assert (second.status_code, second.headers["retry-after"]) == (503, "1")
        go.set()
        assert (await first).status_code == 200


async def test_42_two_gateways_with_clocks_ninety_seconds_apart_publish_once(tmp_path):
    clocks = [ManualClock("2026-06-01T09:30:00Z") for _ in range(2)]
    bridges = [DefaultEventBridge(tmp_path / "one.db", clock=clock) for clock in clocks]
    service = ServiceBuilder("s", "1", "a service")
    service.schedule(
        "hourly",
        Cron("0 * * * *"),
        timezone="UTC",
        enqueue="work",
        concurrency_policy="allow",
        missed_run_policy="runOnce",
    )
    instance = await service.get_instance(bridges[0])
    await instance.start(consume=False)
    async with bridges[1]:
        for hour, order in enumerate(((0, 1), (1, 0), (0, 1))):
            at = ms("10:00") + 3_600_000 * hour
            clocks[0].jump(at + 1_000)
            clocks[1].jump(at + 91_000)
            for index in order:
                app = HttpGateway(bridges[index].gateway, GatewayConfig(credentials=usual()))
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
                    answer = await client.post(TRIGGER, headers={"authorization": f"Bearer {TOKEN}"})
                    assert answer.status_code in (200, 202)
        letters = bridges[0].file.read(
            lambda c: c.execute(
                "SELECT occurrence_id, count(*) FROM occurrences WHERE decision = 'published' GROUP BY 1"
            ).fetchall()
        )
        assert len(letters) == 3
        assert all(count == 1 for _, count in letters)
        assert bridges[0].file.read(lambda c: c.execute("SELECT count(*) FROM mail").fetchone()[0]) == len(letters)
    await instance.stop()
