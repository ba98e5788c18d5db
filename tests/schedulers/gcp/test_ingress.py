"""Calls as Google sends them, in the shapes of ``recorded/``, to a gateway that checks tokens with keys of our own issuer."""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from purista.auth import oidc
from purista.auth.credentials import Visitor
from purista.auth.grant import Grant, Scope
from purista.auth.keys import JwksKeys, StaticKeys
from purista.errors import InvalidGateway, LedgerError
from purista.gateway.http.config import GatewayConfig, read_config
from purista.recurrence import Cron
from purista.schedulers.gcp.ingress import Unreadable, message_of, pushed
from purista.testing import ManualClock
from tests.auth.issuer import AUDIENCE, EMAIL, Issuer, rsa_key
from tests.gateway.house import KEY, ms
from tests.gateway.http.door import TOKEN, Door, bearer, door
from tests.schedulers.gcp.world import DOOR, OWNER, dialect, schedule

GOOGLE = "https://accounts.google.com"
SUBSCRIPTION = "projects/my-shop/subscriptions/purista"
RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    return found


class Google(Issuer):
    """Its tokens, good for as long as a test lasts."""

    def bearer(self, **over: Any) -> dict[str, str]:
        usual = {"iss": GOOGLE, "exp": self.now + 4 * 3_600}
        return {"authorization": f"Bearer {self.token(**(usual | over))}"}


@pytest.fixture(scope="module")
def google() -> Google:
    return Google(ms("09:30") // 1000)


def visitor(keys: Any, schedules: tuple[str, ...] = ("s/*",)) -> Visitor:
    grant = Grant(id="google", schedules=schedules, scopes=frozenset([Scope.TRIGGER]))
    issuers = (GOOGLE, "accounts.google.com")
    return Visitor(grant, oidc.Issuer(issuers=issuers, audience=AUDIENCE, keys=keys, emails=(EMAIL,)))


@asynccontextmanager
async def gateway(google: Google, **options: Any) -> AsyncIterator[Door]:
    credentials = (visitor(StaticKeys(google.jwks()), **options),)
    async with door(credentials=credentials, config={"subscriptions": frozenset([SUBSCRIPTION])}) as found:
        yield found


async def push(d: Door, google: Google, envelope: Any = "push", **over: Any) -> httpx.Response:
    sent = recorded(envelope) if isinstance(envelope, str) else envelope
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    headers = {"content-type": "application/json"} | google.bearer(**over)
    return await d.client.post("/pubsub", content=body, headers=headers)


async def called(d: Door, google: Google, name: str = "http") -> httpx.Response:
    asked = recorded(name)
    headers = asked["headers"] | google.bearer()
    return await d.client.request(asked["method"], asked["path"], content=asked["body"], headers=headers)


# Pub/Sub push


@pytest.mark.parametrize("shape", ["push", "push-with-dead-letter-topic"])
async def test_a_pushed_message_is_decided_once(google: Google, shape: str) -> None:
    async with gateway(google) as d:
        d.house.at("10:00:01")
        first = await push(d, google, shape)
        assert (first.status_code, first.content) == (204, b"")
        assert (await push(d, google, shape)).status_code == 204  # delivered again
        assert await d.house.decisions() == ["10:00 published"]


async def test_a_message_that_comes_hours_late_decides_what_is_due_then(google: Google) -> None:
    """By the schedule's own policy: the message has no time that could mean another slot."""
    async with gateway(google) as d:
        d.house.at("10:00:01")
        assert (await push(d, google)).status_code == 204
        await d.house.work()
        d.house.at("10:40")
        assert (await push(d, google)).status_code == 204
        assert await d.house.decisions() == ["10:00 published"]
        d.house.at("11:00:02")
        assert (await push(d, google)).status_code == 204
        assert await d.house.decisions() == ["10:00 published", "11:00 published"]


async def test_at_least_once_is_once(google: Google) -> None:
    """Every publish has an id of its own: duplicates are known by the occurrence, not by the message."""
    async with gateway(google) as d:
        d.house.at("10:00:01")
        for number in range(5):
            again = recorded("push")
            again["message"]["messageId"] = str(number)
            assert (await push(d, google, again)).status_code == 204
        assert await d.house.decisions() == ["10:00 published"]


async def test_a_sweep_finds_what_nobody_called_for(google: Google) -> None:
    async with gateway(google) as d:
        d.house.at("10:05")
        assert (await push(d, google, "push-sweep")).status_code == 204
        assert [text[:5] for text in await d.house.decisions()] == ["10:00"]


def changed(**fields: Any) -> dict[str, Any]:
    envelope = recorded("push")
    envelope["message"] |= fields
    return envelope


BAD: dict[str, Any] = {
    "no JSON": b"\xff{",
    "unwrapped": b'{"some": "body"}',
    "a list": [],
    "no attributes": changed(attributes=None),
    "no schedule": changed(attributes={"other": "x"}),
    "both": changed(attributes={"schedule": KEY, "sweep": "all"}),
    "numbers": changed(attributes={"schedule": 5}),
    "bad base64": changed(data="%%%"),
    "data is no text": changed(data=7),
    "no key": changed(attributes={"schedule": "hourly"}),
    "control characters": changed(attributes={"schedule": "s/1/a\nb"}),
    "long": changed(attributes={"schedule": "s/1/" + "x" * 5_000}),
    "another subscription": recorded("push") | {"subscription": "projects/my-shop/subscriptions/other"},
    "no subscription": {"message": recorded("push")["message"]},
    "somebody else's schedule": changed(attributes={"schedule": "other/1/hourly"}),
    "deep": b"[" * 20_000,
}


@pytest.mark.parametrize("name", BAD)
async def test_what_will_never_be_right_is_recorded_and_taken(
    google: Google, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Sent back it would come again for days."""
    async with gateway(google) as d:
        d.house.at("10:00:01")
        with caplog.at_level(logging.ERROR, "purista.gateway.pubsub"):
            assert (await push(d, google, BAD[name])).status_code == 204
        (record,) = [one for one in caplog.records if one.name == "purista.gateway.pubsub"]
        assert record.action == "message_rejected"  # type: ignore[attr-defined]
        assert "\n" not in record.getMessage()
        assert await d.house.decisions() == []


async def test_what_cannot_be_decided_now_comes_again(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway(google) as d:
        d.house.at("10:00:01")

        async def down(call: Any) -> Any:
            raise LedgerError("down")

        with monkeypatch.context() as patched:
            patched.setattr(d.house.bridge.gateway, "trigger", down)
            answer = await push(d, google)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert (await push(d, google)).status_code == 204
        assert await d.house.decisions() == ["10:00 published"]


async def test_a_service_that_has_not_registered_yet_is_waited_for(google: Google) -> None:
    async with gateway(google, schedules=("*",)) as d:
        unknown = await push(d, google, changed(attributes={"schedule": "later/1/hourly"}))
        assert unknown.status_code in (204, 503)
        gone = await push(d, google, changed(attributes={"schedule": "s/1/gone"}))
        assert gone.status_code in (204, 503)
        d.house.at("10:30")
        assert (await push(d, google, changed(attributes={"schedule": "s/1/gone"}))).status_code == 204


STRANGERS: dict[str, tuple[dict[str, Any], int]] = {
    "another issuer": ({"iss": "https://evil.example"}, 401),
    "another audience": ({"aud": "https://other.example"}, 401),
    "no audience": ({"aud": None}, 401),
    "expired": ({"exp": ms("09:00") // 1000}, 401),
    "no expiry": ({"exp": None}, 401),
    "from the future": ({"iat": ms("11:00") // 1000}, 401),
    "another account": ({"email": "scheduler@theirs.example"}, 403),
    "no account": ({"email": None}, 403),
    "an address that nobody verified": ({"email_verified": False}, 403),
    "an unknown key": ({"kid": "k9"}, 401),
    "another key of that name": ({"key": rsa_key()}, 401),
    "no key id": ({"kid": None}, 401),
}


@pytest.mark.parametrize("name", STRANGERS)
async def test_strangers_are_not_let_in(google: Google, name: str) -> None:
    over, status = STRANGERS[name]
    async with gateway(google) as d:
        d.house.at("10:00:01")
        assert (await push(d, google, **over)).status_code == status
        bare = await d.client.post("/pubsub", json=recorded("push"))
        assert bare.status_code == 401
        assert await d.house.decisions() == []


async def test_keys_are_kept_and_rotated() -> None:
    google = Google(ms("09:30") // 1000)
    clock = ManualClock("2026-06-01T09:30:00Z")
    keys = JwksKeys("https://www.googleapis.com/oauth2/v3/certs", clock=clock, fetch=google.fetch)
    config = {"subscriptions": frozenset([SUBSCRIPTION])}
    async with door(credentials=(visitor(keys),), config=config) as d:
        d.house.at("10:00:01")
        assert [(await push(d, google)).status_code for _ in range(3)] == [204] * 3
        assert google.asked == 1
        google.keys = {"k2": rsa_key(), "k1": google.keys["k1"]}
        clock.jump(clock.now() + 60_000)
        assert (await push(d, google, kid="k2")).status_code == 204
        google.keys.pop("k1")
        clock.jump(clock.now() + 400_000)
        assert (await push(d, google, kid="k2")).status_code == 204
        assert (await push(d, google, key=rsa_key())).status_code == 401  # k1 is gone
        google.fault = OSError("down")
        clock.jump(clock.now() + 2 * 3_600_000)
        assert (await push(d, google, kid="k2")).status_code == 503  # nobody knows: it comes again


async def test_only_who_may_trigger_may_push(google: Google) -> None:
    reader = bearer(TOKEN, scopes=[Scope.HISTORY])
    async with door(credentials=(reader,), config={"subscriptions": frozenset([SUBSCRIPTION])}) as d:
        d.house.at("10:05")
        answer = await d.bear(TOKEN, "/pubsub", json=recorded("push-sweep"))
        assert answer.status_code == 403
        assert await d.house.decisions() == []


async def test_without_subscriptions_there_is_nothing_there(google: Google) -> None:
    async with door(credentials=(visitor(StaticKeys(google.jwks())),)) as d:
        assert (await push(d, google)).status_code == 404


def test_the_configuration_names_subscriptions(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(Google(0).jwks())
    credential = {
        "id": "pubsub", "kind": "oidc", "issuers": [GOOGLE], "audience": AUDIENCE, "keys": f"file:{tmp_path}/jwks.json",
        "emails": [EMAIL], "schedules": ["*"], "scopes": ["trigger"],
    }  # fmt: skip
    table = {"credentials": [credential], "pubsub": {"subscriptions": [SUBSCRIPTION]}}
    config = read_config(table, clock=ManualClock("2026-06-01T00:00:00Z"))
    assert isinstance(config, GatewayConfig)
    assert config.subscriptions == {SUBSCRIPTION}
    for wrong in ([], ["purista"], [5]):
        with pytest.raises(InvalidGateway, match="pubsub"):
            read_config(table | {"pubsub": {"subscriptions": wrong}}, clock=ManualClock("2026-06-01T00:00:00Z"))


# HTTP


async def test_a_job_calls_over_http(google: Google) -> None:
    async with gateway(google) as d:
        d.house.at("10:00:01")
        assert (await called(d, google)).status_code == 202
        again = await called(d, google)
        assert (again.status_code, again.json()["answer"]) == (200, "duplicate")
        assert await d.house.decisions() == ["10:00 published"]


async def test_a_forced_run_with_the_next_time_does_not_swallow_it(google: Google) -> None:
    """It carries 11:00 at 10:20. It asks what is due, which is nothing; 11:00 runs when it is 11:00."""
    async with gateway(google) as d:
        d.house.at("10:00:01")
        assert (await called(d, google)).status_code == 202
        await d.house.work()
        d.house.at("10:20")
        forced = await called(d, google, "http-forced")
        assert (forced.status_code, forced.json()["published"]) == (200, False)
        d.house.at("11:00:01")
        assert (await called(d, google, "http-forced")).status_code == 202  # the real one has the same header
        assert await d.house.decisions() == ["10:00 published", "11:00 published"]


async def test_a_forced_run_makes_up_for_what_was_missed(google: Google) -> None:
    async with gateway(google) as d:
        d.house.at("10:20")
        await called(d, google, "http-forced")
        assert [text[:5] for text in await d.house.decisions()] == ["10:00"]


async def test_a_slow_answer_delays_the_next_call_and_loses_nothing() -> None:
    """The calls of 10:01 and 10:02 wait until 10:00 is answered, at 10:02:30: the gateway knows what was due meanwhile."""
    google = Google(ms("09:30") // 1000)
    async with door(
        credentials=(visitor(StaticKeys(google.jwks())),), cron="* * * * *", concurrency_policy="allow",
        missed_run_policy="backfill", start="09:59:30", max_catch_up_count=10,
    ) as d:  # fmt: skip
        d.house.at("10:00:01")
        assert (await called(d, google)).status_code == 202
        d.house.at("10:02:30")
        assert (await called(d, google)).status_code == 202
        assert (await called(d, google)).status_code == 200
        assert await d.house.decisions() == ["10:00 published", "10:01 published", "10:02 published"]


async def test_headers_without_a_token_mean_nothing(google: Google) -> None:
    async with gateway(google) as d:
        d.house.at("10:00:01")
        asked = recorded("http")
        answer = await d.client.post(asked["path"], content=asked["body"], headers=asked["headers"])
        assert answer.status_code == 401


async def test_what_is_compiled_is_what_the_gateway_takes(google: Google) -> None:
    """The job's own address, method, headers and body, sent as they are; the recorded shape is the same."""
    one = replace(schedule(Cron("0 * * * *"), "UTC", "hourly"), service="s")
    (entry,) = dialect(target=DOOR).compile(OWNER, [one]).entries
    target = json.loads(entry.body)["httpTarget"]
    path = target["uri"].removeprefix("https://gateway.example.com")
    assert (path, b64decode(target["body"]).decode()) == (recorded("http")["path"], recorded("http")["body"])
    async with gateway(google) as d:
        d.house.at("10:00:01")
        headers = target["headers"] | google.bearer()
        answer = await d.client.request(target["httpMethod"], path, content=b64decode(target["body"]), headers=headers)
        assert answer.status_code == 202


# Reading


def test_a_message_of_a_job_is_read_as_it_was_written() -> None:
    entry, sweep = dialect().compile(OWNER, [schedule(Cron("0 * * * *"), "UTC", "日本 %")]).entries
    assert message_of("1", json.loads(entry.body)["pubsubTarget"]["attributes"]).key == "user/1/日本 %"
    assert message_of("1", json.loads(sweep.body)["pubsubTarget"]["attributes"]).key is None


def test_what_is_unreadable_names_its_message() -> None:
    with pytest.raises(Unreadable) as told:
        pushed(json.dumps(changed(attributes={})).encode(), frozenset([SUBSCRIPTION]))
    assert told.value.id == "2070443601311540"
