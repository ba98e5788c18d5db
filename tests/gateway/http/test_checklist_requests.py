"""Points 24 to 30, 35 of the security checklist: what requests carry, and what answers give away. Names carry the numbers."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import tracemalloc

import httpx
import pytest

from purista.gateway.http.limits import Limits
from tests.gateway.http.door import KEY, NARROW, TOKEN, TRIGGER, door, listening

LIMIT = Limits().body_bytes
BEARER = {"authorization": f"Bearer {TOKEN}"}
JSON = {"content-type": "application/json"}
BERLIN = {"timezone": "Europe/Berlin", "cron": "30 2 * * *"}


# Times


@pytest.mark.parametrize(
    ("at", "status", "words"),
    [
        ("2027-06-01T10:00:00Z", 503, "lies ahead"),
        ("2026-06-01T10:00:01Z", 200, "not an occurrence"),
        ("2026-06-01T10:00:00.500Z", 200, "not an occurrence"),
        ("2026-05-01T10:00:00Z", 200, "not an occurrence"),
        ("2026-06-01T10:00:00", 400, "with its offset"),
        ("2026-06-01T10:00:00+25:00", 400, "scheduledAt"),
        ("2026-06-01", 400, "with its offset"),
        ("2026-13-01T10:00:00Z", 400, "scheduledAt"),
        ("0000-06-01T10:00:00Z", 400, "scheduledAt"),
        ("9999-12-31T23:59:59-14:00", 400, "the years 1 to 9999"),
        ("２０２６-06-01T10:00:00Z", 400, "with its offset"),
        ("2026-W23-1T10:00:00Z", 400, "with its offset"),
        (1_780_308_000_000, 400, "as text"),
        (True, 400, "as text"),
        (["2026-06-01T10:00:00Z"], 400, "as text"),
    ],
    ids=ascii,
)
async def test_24_a_time_that_is_no_occurrence_publishes_nothing(at, status, words):
    async with door() as d:
        answer = await d.trigger(scheduledAt=at)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"]
        assert (await d.published(), d.letters()) == (0, 0)


async def test_24_a_time_in_the_gap_is_due_once_right_after_it():
    async with door(cron="30 2 * * *", timezone="Europe/Berlin", start="2026-03-28T12:00") as d:
        d.house.clock.jump("2026-03-29T01:00:02Z")
        # 02:30 local does not exist on that day: read with either offset it is no occurrence
        for number, wall in enumerate(("2026-03-29T02:30:00+01:00", "2026-03-29T02:30:00+02:00")):
            answer = await d.trigger(scheduledAt=wall, id=f"gap-{number}")
            assert answer.json()["detail"] == "not an occurrence of this schedule"
        rows = await d.house.rows()
        assert [row.scheduled_at for row in rows] == [1_774_746_000_000], "01:00Z: right after the gap, decided once"


async def test_25_spellings_of_one_instant_are_one_occurrence():
    async with door() as d:
        d.house.at("10:00")
        spelled = [
            "2026-06-01T10:00:00Z", "2026-06-01T10:00:00+00:00", "2026-06-01T11:00:00+01:00", "2026-06-01T10:00:00.000Z",
            "2026-06-01t10:00:00z", "2026-06-01 10:00:00-00:00", "2026-06-01T04:30:00-05:30",
        ]  # fmt: skip
        told = [(await d.trigger(scheduledAt=at, id=f"m{n}")).json() for n, at in enumerate(spelled)]
        assert [one["answer"] for one in told] == ["accepted"] + ["duplicate"] * 6
        assert len(await d.house.rows()) == 1


# Size


async def test_26_the_limit_and_one_more():
    async with door() as d:
        for size, status in ((LIMIT, 400), (LIMIT + 1, 413)):
            body = b" " * size
            answer = await d.client.post(TRIGGER, content=body, headers=BEARER | JSON)
            assert answer.status_code == status
        full = d.body() + b" " * (LIMIT - len(d.body()))
        assert (await d.client.post(TRIGGER, content=full, headers=BEARER | JSON)).status_code == 200


async def test_26_chunks_are_counted_and_memory_stays_flat():
    async with door() as d, listening(d.app) as (host, port):
        sent = 0

        async def endless():
            nonlocal sent
            for _ in range(2_000):
                sent += 65_536
                yield b"x" * 65_536

        tracemalloc.start()
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            try:
                answer = await client.post(TRIGGER, content=endless(), headers=BEARER | JSON)
                assert answer.status_code == 413
            except httpx.HTTPError:
                pass  # the connection ended while we were still sending: as good
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000_000
        assert sent < 100_000_000, "it was not read to its end"


async def raw(host, port, request: bytes, *, more: bytes = b"") -> bytes:
    """What the server says to some bytes, until it ends the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        await writer.drain()
        if more:
            writer.write(more)
        async with asyncio.timeout(10):
            return await reader.read(100_000)
    finally:
        writer.close()


def head(*headers: str, method: str = "POST", path: str = TRIGGER) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *headers, "", ""]).encode()


async def test_26_a_length_smaller_than_the_body_is_another_request_that_says_nothing():
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("10:00")
        body = d.body()
        sent = head(f"authorization: Bearer {TOKEN}", "content-type: application/json", "content-length: 10") + body
        answer = await raw(host, port, sent)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b" 202 " not in answer
        assert await d.house.rows() == []


@pytest.mark.parametrize(
    "lengths",
    [["content-length: 2", "content-length: 3"], ["content-length: -1"], ["content-length: +2"], ["content-length: 1e3"],
     ["content-length: 99999999999999999999"], ["content-length: 4", "transfer-encoding: chunked"]],
)  # fmt: skip
async def test_26_lengths_that_contradict_themselves_publish_nothing(lengths):
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("10:00")
        answer = await raw(
            host, port, head(f"authorization: Bearer {TOKEN}", "connection: close", *lengths) + b"{}\r\n\r\n"
        )
        assert answer.split(b" ")[1] in (b"400", b"413")
        assert await d.house.rows() == []


async def test_26_compressed_bodies_are_415_and_are_not_unpacked():
    async with door() as d:
        bomb = gzip.compress(b" " * 10_000_000)
        for encoding in ("gzip", "deflate", "br", "identity", "x"):
            headers = BEARER | JSON | {"content-encoding": encoding}
            assert (await d.client.post(TRIGGER, content=bomb, headers=headers)).status_code == 415


async def test_27_a_slow_body_is_cut_and_others_are_served():
    async with door(config={"limits": Limits(body_seconds=0.3)}) as d, listening(d.app) as (host, port):
        d.house.at("10:00")
        slow = asyncio.create_task(
            raw(host, port, head(f"authorization: Bearer {TOKEN}", "content-length: 1000"), more=b"x")
        )
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            assert (await client.post(TRIGGER, headers=BEARER)).status_code == 202
        answer = await slow
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer
        assert d.app._in_flight == 0


@pytest.mark.parametrize(
    "begun", [b"", b"POST /sched", b"POST / HTTP/1.1\r\nhost: x\r\nx: "], ids=["nothing", "line", "headers"]
)
async def test_27_a_head_that_does_not_come_is_cut_too(begun):
    async with door(config={"limits": Limits(body_seconds=0.3)}) as d, listening(d.app) as (host, port):
        assert not (await raw(host, port, begun)).startswith(b"HTTP/1.1 2")
        if not begun:
            return
        reader, writer = await asyncio.open_connection(host, port)
        try:
            async with asyncio.timeout(10):
                writer.write(head(f"authorization: Bearer {TOKEN}", "content-length: 0"))
                assert (await reader.readuntil(b'"more": 0}')).startswith(b"HTTP/1.1 200")
                writer.write(begun)  # the second head on a connection that was kept alive
                assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        finally:
            writer.close()


# JSON

NOT_JSON = {
    "duplicate keys": b'{"attempt": 1, "attempt": 2}',
    "NaN": b'{"attempt": NaN}',
    "infinity": b'{"attempt": -Infinity}',
    "brackets": b"[" * 60_000,
    "objects": b'{"a":' * 10_000,
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-16 without BOM": '{"attempt": 1}'.encode("utf-16-le"),
    "lone surrogate": b'{"schedule": "\\ud800"}',
    "lone surrogate as key": b'{"\\ud800": 1}',
    "huge int": b'{"attempt": ' + b"9" * 50_000 + b"}",
    "huge float": b'{"attempt": 1e999}',
    "not UTF-8": b'{"schedule": "\xff"}',
    "no object": b"[]",
    "text": b'"x"',
    "null": b"null",
    "two": b"{}{}",
    "nothing but blanks": b"   ",
    "unknown key": b'{"payload": {"a": 1}}',
    "wrong type": b'{"attempt": "1"}',
    "float for int": b'{"attempt": 1.5}',
    "true for int": b'{"attempt": true}',
    "python's spelling": b'{"scheduled_at": "2026-06-01T10:00:00Z"}',
}


@pytest.mark.parametrize("name", NOT_JSON)
async def test_28_json_that_can_be_read_in_two_ways_is_400(name):
    async with door() as d:
        d.house.at("10:00")
        for headers in (BEARER | JSON, d.signed(NOT_JSON[name])):
            answer = await d.client.post(TRIGGER, content=NOT_JSON[name], headers=headers)
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"] == "malformed"
            assert len(answer.content) < 1_500
        assert await d.house.rows() == []


# Keys


@pytest.mark.parametrize(
    "part",
    ["..", "../../etc/passwd", "a%0ab", "a%0d%0aset-cookie:x", "a%00b", "x" * 10_000, "%ff", "%e2%80%ae", "ho%75rly%20",
     "%D0%BEurly", "a%E2%80%A8b", "%EF%BC%88", "%252e%252e", "hourly;x=1", "hourly%23"],
)  # fmt: skip
async def test_29_odd_keys_are_400_or_404_and_a_log_line_stays_one_line(part, caplog):
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("09:40")  # so late that unknown schedules are 404
        caplog.set_level(logging.DEBUG)
        answer = await raw(
            host,
            port,
            head(f"authorization: Bearer {TOKEN}", "connection: close", path=f"/schedules/s/1/{part}/trigger"),
        )
        assert answer.split(b" ")[1] in (b"400", b"404"), answer
        assert b"set-cookie" not in answer.split(b"\r\n\r\n")[0].lower()
        d.client.headers["authorization"] = f"Bearer {NARROW}"
        await d.client.post("/schedules/s/1/evil%0aline/trigger")
        assert all("\n" not in record.getMessage() for record in caplog.records)
        assert await d.house.rows() == []


# Answers


async def test_30_error_answers_give_nothing_away():
    async with door() as d, listening(d.app) as (host, port):
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
            known = await client.post(TRIGGER, headers={"authorization": "Bearer wrong"})
            unknown = await client.post("/schedules/no/1/such/trigger", headers={"authorization": "Bearer wrong"})
            nobody = await client.post(TRIGGER)
            assert known.status_code == unknown.status_code == nobody.status_code == 401
            assert known.content == unknown.content == nobody.content
            others = [
                await client.get("/nothing"), await client.get(TRIGGER), await client.post("/schedules/s/1/x/trigger/"),
                await client.post(TRIGGER, headers=BEARER | JSON, content=b"{"), await client.get("/openapi.json"),
                await client.post(TRIGGER, content=b" " * (LIMIT + 1)), known,
            ]  # fmt: skip
        for answer in others:
            everything = answer.text + str(answer.headers)
            for word in (
                "Traceback",
                'File "',
                "/src/",
                "purista/",
                "uvicorn",
                "starlette",
                "pydantic",
                "0.1.0",
                TOKEN,
                ".py",
            ):
                assert word not in everything, (answer.request.url, word)


async def test_30_what_goes_wrong_inside_is_for_the_log(caplog, monkeypatch):
    async with door() as d:
        monkeypatch.setattr(d.app.gateway, "trigger", None)  # a slip of ours
        answer = await d.bear(TOKEN)
        assert (answer.status_code, answer.json()) == (
            500,
            {"error": "failed", "detail": "this is our mistake; the log has it"},
        )
        assert "NoneType" in caplog.text


async def test_30_a_contract_that_cannot_be_decided_is_not_explained_to_callers(monkeypatch):
    async with door() as d:
        d.house.at("10:00")

        def broken(*_):
            raise RuntimeError("secret detail")

        monkeypatch.setattr(type(d.app.gateway._composer), "compose", broken)
        answer = await d.bear(TOKEN)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert "secret detail" not in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_35_only_post_triggers(method):
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("10:00")
        asked = ["origin: https://evil.example", "access-control-request-method: POST", "connection: close"]
        answer = await raw(host, port, head(f"authorization: Bearer {TOKEN}", *asked, method=method))
        assert answer.startswith(b"HTTP/1.1 405")
        assert b"allow: POST" in answer
        assert b"access-control" not in answer.lower()
        assert await d.house.rows() == []


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonx",
             "multipart/form-data; boundary=x", "application/json, text/plain"],
)  # fmt: skip
async def test_35_a_body_that_is_not_called_json_is_415(kind):
    async with door() as d:
        headers = BEARER | ({} if kind is None else {"content-type": kind})
        assert (await d.client.post(TRIGGER, content=b"{}", headers=headers)).status_code == 415
        twice = [*BEARER.items(), ("content-type", "application/json"), ("content-type", "text/plain")]
        assert (await d.client.post(TRIGGER, content=b"{}", headers=twice)).status_code == 415
        for kind in ("application/json; charset=utf-8", "Application/JSON"):
            answer = await d.client.post(TRIGGER, content=b"{}", headers=BEARER | {"content-type": kind})
            assert answer.status_code == 200


async def test_35_a_query_on_the_trigger_path_changes_nothing():
    async with door() as d:
        assert (await d.bear(TOKEN, f"{TRIGGER}?force=true&method=GET")).status_code == 200
        for query in ("limit=1&limit=2", "limit=0", "limit=x", "unknown=1", "before=x", "since=yesterday"):
            answer = await d.bear(TOKEN, f"/schedules/{KEY}/history?{query}", method="GET")
            assert (answer.status_code, answer.json()["error"]) == (400, "malformed")


def test_28_the_parser_is_given_no_more_than_it_is_meant_to_read():
    assert LIMIT == 65_536
    assert json.loads(b" " * 10 + b"{}") == {}
