"""The operations besides ``trigger``, and the app inside other people's apps."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from purista.auth.grant import Grant, Scope
from purista.contract.manifest import load_manifest
from purista.errors import LedgerError, MissingExtra
from purista.gateway.http.app import http_gateway
from purista.ledgers.base import RunState
from tests.gateway.house import house, ms
from tests.gateway.http.door import KEY, NARROW, TOKEN, TRIGGER, bearer, door

AUTH = {"authorization": f"Bearer {TOKEN}"}
BASE = f"/schedules/{KEY}"


async def test_history_comes_in_pages_newest_first():
    async with door(missed_run_policy="backfill", max_catch_up_count=10) as d:
        d.house.at("15:30")
        await d.trigger()
        first = (await d.client.get(f"{BASE}/history?limit=4", headers=AUTH)).json()
        rest = (
            await d.client.get(f"{BASE}/history", params={"limit": 4, "before": first["next"]}, headers=AUTH)
        ).json()
        seen = [one["scheduledAt"][11:16] for one in first["occurrences"] + rest["occurrences"]]
        assert seen == ["15:00", "14:00", "13:00", "12:00", "11:00", "10:00"]
        assert rest["next"] is None
        some = await d.client.get(
            f"{BASE}/history", params={"since": "2026-06-01T11:00:00Z", "until": "2026-06-01T13:00:00Z"}, headers=AUTH
        )
        assert [one["scheduledAt"][11:16] for one in some.json()["occurrences"]] == ["12:00", "11:00"]
        assert (await d.client.get("/schedules/s/1/nothing/history", headers=AUTH)).status_code == 404


async def test_a_pause_says_who_and_a_resume_makes_up_for_it():
    async with door(concurrency_policy="allow") as d:
        made = await d.post("pause", id="p1", reason="the database moves", by="alice", until="2026-06-02T00:00:00Z")
        assert made.json()["by"] == "alice via cron-host"
        assert made.json()["until"] == "2026-06-02T00:00:00.000Z"
        d.house.at("12:30")
        assert (await d.trigger(id="t1")).json()["published"] is False
        ended = (await d.post("resume", id="r1", catchUp="all", max=2)).json()
        assert (ended["answer"], ended["published"], ended["left"]) == ("resumed", 2, True)
        assert (await d.post("resume", id="r2")).json()["answer"] == "not_paused"
        assert (await d.post("pause", id="p2", reason="x", until="2026-06-01T00:00:00Z")).status_code == 400
        assert (await d.post("pause", id="p3", key="s/1/nothing", reason="x")).status_code == 404


async def test_backfill_publishes_what_it_can_without_waiting_and_says_what_is_left():
    async with door() as d:
        d.house.at("13:30")
        words = {"from": "2026-06-01T10:00:00Z", "to": "2026-06-01T13:00:00Z"}
        dry = (await d.post("backfill", id="b0", dryRun=True, **words)).json()
        assert (dry["published"], [slot["state"] for slot in dry["slots"]]) == (0, ["empty"] * 3)
        first = await d.post("backfill", id="b1", **words)
        told = first.json()  # the call itself decided 10 to 13 first: 13:00 runs, so that under forbid the past waits
        assert (first.status_code, told["published"], told["left"]) == (200, 0, True)
        assert told["retryAfterMs"] >= 1
        await d.house.work(RunState.FINISHED)
        second = await d.post("backfill", id="b2", max=1, **words)
        assert (second.status_code, second.json()["published"], second.json()["left"]) == (202, 1, True)
        for wrong in ({"from": words["to"], "to": words["from"]}, {"from": "2025-06-01T10:00:00Z"}):
            assert (await d.post("backfill", id="b3", **wrong)).status_code == 400


async def test_the_manifest_has_what_the_credential_may_see():
    everything = bearer(TOKEN)
    narrow = bearer(NARROW, id="narrow", schedules=("other/*",), scopes=[Scope.MANIFEST])
    async with door(credentials=(everything, narrow)) as d:
        whole = load_manifest((await d.client.get("/schedules/manifest", headers=AUTH)).content)
        assert [schedule.key for schedule in whole.schedules] == [KEY]
        less = await d.client.get("/schedules/manifest", headers={"authorization": f"Bearer {NARROW}"})
        assert load_manifest(less.content).schedules == ()


@pytest.mark.parametrize(
    "operation", [scope for scope in Scope if scope not in (Scope.HISTORY, Scope.MANIFEST, Scope.METRICS)]
)
async def test_every_operation_needs_its_own_scope(operation):
    words = {"pause": {"reason": "x"}, "backfill": {"from": "2026-06-01T09:00:00Z"}, "run": {"request": "r"}}
    for scopes, allowed in (([operation], True), ([scope for scope in Scope if scope is not operation], False)):
        async with door(credentials=(bearer(TOKEN, scopes=scopes),)) as d:
            answer = await d.client.post(f"{BASE}/{operation}", json=words.get(operation, {}), headers=AUTH)
            assert (answer.status_code != 403) is allowed, answer.text


@pytest.mark.parametrize(
    ("pattern", "key", "covered"),
    [
        ("*", "a/1/b", True), ("a/*", "a/1/b", True), ("a/1/*", "a/1/b", True), ("a/1/b", "a/1/b", True),
        ("*/1/b", "a/1/b", True),
        ("a/*/b", "a/2/b", True), ("a/1/b", "a/1/c", False), ("a/2/*", "a/1/b", False), ("a", "a/1/b", False),
        ("a/1", "a/1/b", False), ("ab/*", "a/1/b", False), ("A/*", "a/1/b", False), ("a/*/c", "a/1/b", False),
    ],
)  # fmt: skip
def test_patterns_of_keys(pattern, key, covered):
    grant = Grant(id="x", schedules=(pattern,), scopes=frozenset(Scope))
    assert grant.covers(key) is covered
    assert grant.allows(Scope.TRIGGER, key) is covered


# Inside other apps


CONFIG = {
    "credentials": [
        {
            "id": "ops",
            "kind": "bearer",
            "tokens": ["env:PURISTA_TEST_TOKEN"],
            "schedules": ["*"],
            "scopes": ["trigger", "history"],
        }
    ]
}


def inside_starlette(app):
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/purista", app)])


def inside_fastapi(app):
    from fastapi import FastAPI

    outer = FastAPI()
    outer.mount("/purista", app)
    return outer


def inside_django(app):
    """Django hands nothing on; its own documentation dispatches in ``asgi.py``."""
    from django.conf import settings

    if not settings.configured:
        settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=False)
    from django.core.asgi import get_asgi_application
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/purista", app), Mount("/", get_asgi_application())])


urlpatterns: list[object] = []


@pytest.mark.parametrize("outer", [inside_starlette, inside_fastapi, inside_django])
async def test_it_can_be_mounted(outer, monkeypatch):
    monkeypatch.setenv("PURISTA_TEST_TOKEN", TOKEN)
    async with house() as h:
        h.at("10:00")
        app = outer(http_gateway(h.bridge, config=CONFIG))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x/purista") as client:
            assert (await client.post(TRIGGER)).status_code == 401
            answer = await client.post(TRIGGER, headers=AUTH)
            assert (answer.status_code, answer.json()["schedule"]) == (202, KEY)
            assert (await client.get("/ready")).json()["checks"] == {
                "ledger": True,
                "clock": True,
                "bridge": True,
                "keys": True,
            }
            assert (await client.get("/nothing")).status_code == 404
        assert len(await h.rows()) == 1


async def test_a_bridge_that_was_not_started_is_503_and_says_not_ready(tmp_path, monkeypatch):
    from purista import DefaultEventBridge
    from purista.testing import ManualClock

    monkeypatch.setenv("PURISTA_TEST_TOKEN", TOKEN)
    bridge = DefaultEventBridge(tmp_path / "one.db", clock=ManualClock("2026-06-01T09:30:00Z"))
    app = http_gateway(bridge, config=CONFIG)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        assert (await client.post(TRIGGER, headers=AUTH)).status_code == 503
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["ledger"]) == (503, False)


async def test_without_the_extra_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    monkeypatch.setenv("PURISTA_TEST_TOKEN", TOKEN)
    async with house() as h:
        with pytest.raises(MissingExtra, match=r"pip install 'purista\[http\]'"):
            http_gateway(h.bridge, config=CONFIG)


def test_without_the_other_extra_too(monkeypatch):
    import sys

    from purista.auth.keys import StaticKeys

    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(MissingExtra, match=r"pip install 'purista\[oidc\]'"):
        StaticKeys(json.dumps({"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}).encode())


def test_the_time_of_these_tests():
    assert ms("10:00") == 1_780_308_000_000


def test_answers_do_not_wait_for_acknowledgements():
    """asyncio sets TCP_NODELAY only on sockets that name their protocol: else every second packet of an answer costs 40 ms."""
    import socket

    from purista.gateway.http.server import _listening

    with _listening("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


async def test_a_backfill_that_is_sent_again_fills_once():
    """``again`` fills what is filled: the same signed message must not do it each time."""
    async with door(concurrency_policy="allow") as d:
        d.house.at("10:00")
        await d.house.call()
        d.house.at("10:10")
        words = {"from": "2026-06-01T10:00:00Z", "to": "2026-06-01T10:05:00Z", "again": True, "force": True}
        for _ in range(3):
            await d.house.work()
            answers = await d.post("backfill", id="captured", **words)
            assert answers.status_code in (200, 202)
        assert len([row for row in await d.house.rows() if row.occurrence_class == "replay"]) == 1
        await d.house.work()
        assert (await d.post("backfill", id="another", **words)).json()["published"] == 1


async def test_the_same_signed_pause_three_times_at_once_is_one():
    async with door() as d:
        answers = await asyncio.gather(*(d.post("pause", id="one", reason="x") for _ in range(3)))
        assert sorted(answer.json()["answer"] for answer in answers) == ["duplicate", "duplicate", "paused"]


async def test_what_failed_may_be_sent_again(monkeypatch):
    async with door() as d:
        commit = d.house.bridge.ledger.commit

        async def away(*arguments, **options):
            raise LedgerError("away")

        monkeypatch.setattr(d.house.bridge.ledger, "commit", away)
        assert (await d.post("pause", id="one", reason="x")).status_code == 503
        monkeypatch.setattr(d.house.bridge.ledger, "commit", commit)
        assert (await d.post("pause", id="one", reason="x")).json()["answer"] == "paused"
