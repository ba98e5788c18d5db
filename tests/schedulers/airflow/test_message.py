"""A task that calls gateways over a broker: signed, confirmed, decided as a call over HTTP is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from purista import AirflowScheduler, Context, Cron, ServiceBuilder
from purista.auth.secret import read_secret
from purista.auth.webhook import key_of
from purista.clock import SystemClock, to_iso
from purista.distributed import NatsBridge, NatsOutpost
from purista.errors import BridgeError, DeclarationError
from purista.gateway.desk import PermitDesk
from purista.ledgers.base import Query
from purista.permits.calls import read_call, read_told
from purista.schedulers.base import Call, CallKind, Owner
from purista.testing.suites.common import until
from tests.schedulers.airflow.world import ask
from tests.services import nats
from tests.subjects import Subjects

KEY = "shop/1/minutely"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw="
NOW = SystemClock().now() // 60_000 * 60_000


@asynccontextmanager
async def shop(subjects: Subjects, place: Path, done: list[str]) -> AsyncIterator[NatsBridge]:
    """A gateway that answers signed asks, and a service that works, with a schedule that was paused a while."""
    service = ServiceBuilder("shop", "1")

    @service.queue_worker("count")
    async def count(context: Context) -> None:
        done.append("counted")

    service.schedule(
        "minutely", Cron("* * * * *"), timezone="UTC", enqueue=count, concurrency_policy="allow", missed_run_policy="skip",
    )  # fmt: skip
    bridge = NatsBridge(nats(), ledger=place, prefix=subjects.prefix)
    desk = PermitDesk(
        bridge, bridge.gateway, instance=bridge.instance, keys=[key_of(read_secret("env:K", {"K": SECRET}))]
    )
    async with bridge, await service.get_instance(bridge):
        await desk.start()
        yield bridge
        await desk.stop()


async def rows(bridge: NatsBridge) -> list[Any]:
    return [run.row for run in (await bridge.ledger.history(Query(key=KEY))).rows]


async def test_airflows_task_calls_over_nats(subjects: Subjects, tmp_path: Path) -> None:
    done: list[str] = []
    scheduler = AirflowScheduler(tmp_path, broker="env:SHOP_BROKER", secret="env:SHOP_KEY").at(NOW // 1000)
    async with shop(subjects, tmp_path / "p.db", done) as bridge:
        ((_, (lineage,)),) = await bridge.ledger.registered()
        (entry,) = scheduler.dialect.compile(Owner("shop", "default", ""), [lineage.contracts[-1].schedule]).entries
        said = {**json.loads(entry.body), "prefix": subjects.prefix}
        manual = {"run_type": "manual", "run_id": "manual__x", "at": {"run_after": NOW // 1000}}
        before = {"run_type": "scheduled", "run_id": "s", "at": {"run_after": NOW // 1000 - 86_400}}
        unknown = {**said, "schedule": "shop/1/nowhere"}
        asked = [[said, manual, False], [said, manual, False], [said, before, False], [said, {**manual}, False]]
        more = {"SHOP_BROKER": nats(), "SHOP_KEY": SECRET, "PURISTA_PREFIX": subjects.prefix}
        found = await asyncio.to_thread(ask, tmp_path, "messages", about=[*asked, [unknown, manual, False]], **more)
        assert [how for how, _ in found[:4]] == ["done"] * 4, found
        assert [what["answer"] for _, what in found[:4]] == ["accepted", "duplicate", "not_due", "duplicate"]
        assert found[4][0] in ("AirflowException", "AirflowFailException"), "nobody registered it: retry, then refused"
        await until(lambda: "counted" in done)
        ((made, *_),) = [[row for row in await rows(bridge) if row.request == "manual__x"]]
        assert (str(made.occurrence_class), made.source) == ("manual", "bridge")


async def test_an_ask_that_is_not_signed_is_refused(subjects: Subjects, tmp_path: Path) -> None:
    async with shop(subjects, tmp_path / "p.db", []), NatsOutpost(nats(), prefix=subjects.prefix) as outpost:
        with pytest.raises(BridgeError, match="not authenticated"):
            await outpost.call(Call(KEY))


async def test_a_replay_fills_what_did_not_run_once(subjects: Subjects, tmp_path: Path) -> None:
    """Asked for again, it is a duplicate; what is no occurrence is none."""
    (secret := tmp_path / "key").write_text(SECRET)
    secret.chmod(0o600)
    async with (
        shop(subjects, tmp_path / "p.db", []),
        NatsOutpost(nats(), prefix=subjects.prefix, secret=f"file:{secret}") as outpost,
    ):
        at = NOW - 86_400_000
        for wanted in (("accepted", True), ("duplicate", False)):
            told = await outpost.call(Call(KEY, CallKind.REPLAY, at, to_iso(at)))
            assert (told.answer, told.published) == wanted
        told = await outpost.call(Call(KEY, CallKind.REPLAY, at + 1_000, "x"))
        assert (told.answer, told.published) == ("duplicate", False)
        told = await outpost.call(Call("shop/1/nowhere", CallKind.REPLAY, NOW, "x"))
        assert (told.answer, told.published) in (("refused", False), ("retry", False))


@pytest.mark.parametrize(
    "said",
    [
        {}, {"key": 1}, {"key": "k", "request": 1}, {"key": "k", "kind": "sweep"}, {"key": "k", "kind": "replay"},
        {"key": "k", "kind": "scheduled", "at": "now"}, {"key": "k", "kind": "manual", "force": "yes"},
        {"key": "k", "kind": "scheduled", "at": True},
    ],
)  # fmt: skip
def test_what_is_no_call_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="call: expected"):
        read_call(said, "bridge")


@pytest.mark.parametrize("said", [{}, {"answer": 1, "detail": ""}, {"answer": "x", "detail": "", "retryAfterMs": "1"}])
def test_what_is_no_answer_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected an answer"):
        read_told(said)


@pytest.mark.parametrize(
    "given",
    [
        {"broker": "amqp://user:hunter2@host"}, {"broker": "env:A", "gateway": "http://g", "secret": "env:B"}, {},
        {"broker": "env:A", "standalone": True}, {"broker": "env:A", "token": "env:T"}, {"broker": "env:A", "group": "a b"},
        {"broker": "env:A", "secret": "hunter2"},
    ],
)  # fmt: skip
def test_an_address_with_a_password_is_never_written(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DeclarationError) as refused:
        AirflowScheduler(tmp_path, **given)
    assert "hunter2" not in str(refused.value)
