"""`export temporal` and `temporal worker`: what they print, and how they call a gateway over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from purista.cli.temporal import over_http, within
from purista.schedulers.base import Call, CallKind
from purista.schedulers.remote import Remote, remote_of
from purista.schedulers.temporal.worker import Told
from tests.gateway.http.door import KEY, TOKEN, door, listening


def test_export_prints_schedules_and_findings_apart(purista, home):
    result = purista("export", "temporal")
    assert result.code == 0
    made = json.loads(result.out)
    assert {one["key"] for one in made} == {"shop/1/billing", "shop/1/nightly"}
    assert all(one["taskQueue"].startswith("purista-") for one in made)
    assert "purista: info T112: " in result.err
    assert not (home / "shop.db").exists()


def test_export_into_a_folder(purista, home):
    assert purista("export", "temporal", "-o", "out", "--task-queue", "mine").code == 0
    (file,) = (home / "out").iterdir()
    assert {one["taskQueue"] for one in json.loads(file.read_text())} == {"mine"}


def test_apply_needs_the_apps_own_scheduler(purista):
    result = purista("apply", "temporal")
    assert result.code == 78
    assert "TemporalScheduler" in result.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--secret", "env:X"), "expected --gateway"),
        (("--gateway", "http://gateway", "--ledger", "p.db"), "leave out one"),
        (("--gateway", "http://gateway"), "expected --secret or --token"),
        (("--address", "nowhere"), "host:port"),
    ],
)
def test_a_worker_that_cannot_work_says_why(purista, options, words):
    result = purista("temporal", "worker", *options)
    assert result.code not in (0, 70)
    assert words in result.err


def test_a_worker_whose_server_is_away_says_so(purista, home):
    (home / "token").write_text(TOKEN)
    (home / "token").chmod(0o600)
    away = ("--gateway", "http://127.0.0.1:1", "--token", "file:token", "--address", "127.0.0.1:1")
    result = purista("temporal", "worker", *away)
    assert result.code == 69
    assert "expected a Temporal server at 127.0.0.1:1, got none" in result.err


def remote(host: str, port: int, tmp_path: Path, token: str = TOKEN) -> Remote:
    (tmp_path / "token").write_text(token)
    return remote_of(f"http://{host}:{port}", None, f"file:{tmp_path / 'token'}", lambda: 0)[0]


async def test_each_kind_of_call_reaches_its_operation(tmp_path: Path) -> None:
    async with door() as found, listening(found.app) as (host, port):
        found.house.at("10:00:20")
        at = found.house.clock.now() // 3_600_000 * 3_600_000
        trigger = over_http(remote(host, port, tmp_path))
        told = [await trigger(Call(KEY, scheduled_at=when)) for when in (at, at, at - 420_000)]
        assert [one.answer for one in told] == ["accepted", "duplicate", "not_due"]
        assert not any(one.again or one.refused for one in told)
        manual = Call(KEY, CallKind.MANUAL, request="temporal-1")
        assert [(await trigger(manual)).answer for _ in range(2)][1] == "duplicate"
        replay = await trigger(Call(KEY, CallKind.REPLAY, at - 420_000, "temporal-2"))
        assert (replay.answer, replay.again, replay.refused) == ("nothing to fill", False, False)
        assert (await trigger(Call("s/1/nobody"))).refused


async def test_a_stranger_is_refused_and_a_gateway_that_is_away_is_asked_again(tmp_path: Path) -> None:
    async with door() as found, listening(found.app) as (host, port):
        other = remote(host, port, tmp_path, "another-0123456789-abcdefghijklmnopqrst")
        assert (await over_http(other)(Call(KEY))).refused
    away: Told = await over_http(remote(host, port, tmp_path))(Call(KEY))
    assert (away.again, away.refused) == (True, False)


async def test_a_page_of_somebody_elses_is_no_answer(tmp_path: Path) -> None:
    async def login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\nconnection: close\r\n\r\n<html>login</html>"[:-1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(login, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        told = await over_http(remote("127.0.0.1", port, tmp_path))(Call(KEY))
    assert (told.again, told.refused) == (True, False)


@pytest.mark.parametrize("over", ["http", "in process"])
async def test_a_backfill_of_what_nobody_decided_is_decided_by_its_policies_first(tmp_path: Path, over: str) -> None:
    """Else the slot would be filled now, and published again by the next call."""
    async with door(missed_run_policy="backfill", max_catch_up_count=10) as found, listening(found.app) as (host, port):
        found.house.at("12:00:20")
        gateway = found.house.bridge.gateway
        trigger = over_http(remote(host, port, tmp_path)) if over == "http" else within(gateway)
        hour = 3_600_000
        now = found.house.clock.now() // hour * hour
        for at in (now - 2 * hour, now - hour, now):
            await trigger(Call(KEY, CallKind.REPLAY, at, f"temporal-{at}"))
            await found.house.work()
        await trigger(Call(KEY))
        rows = [row for row in await found.house.rows() if row.decision == "published"]
    assert len(rows) == len({row.scheduled_at for row in rows}) == 3
