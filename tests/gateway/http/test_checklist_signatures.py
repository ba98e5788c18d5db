"""Points 1 to 8 of the security checklist: signatures. The names carry the numbers."""

from __future__ import annotations

import ast
import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from purista.auth.webhook import Signed, key_of, sign, verify
from purista.errors import InvalidSecret, NotAuthenticated
from purista.gateway.http.config import GatewayConfig
from tests.gateway.http.door import KEY, NEW, OLD, TRIGGER, door, secret, signer

ROOT = Path(__file__).parents[3]
NOW = 1_780_000_000


async def send(d, body, headers):
    return await d.client.post(TRIGGER, content=body, headers=headers)


async def test_01_a_body_changed_by_one_byte_is_401_and_the_ledger_stays_empty():
    async with door() as d:
        d.house.at("10:00")
        body = d.body()
        headers = d.signed(body)
        before = d.written()
        for index in range(0, len(body), 7):
            changed = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
            assert (await send(d, changed, headers)).status_code == 401
        assert (await d.house.rows(), d.letters(), d.written()) == ([], 0, before)
        assert (await send(d, body, headers)).status_code == 202


@pytest.mark.parametrize(("name", "value"), [("webhook-id", "msg-2"), ("webhook-timestamp", "+1")])
async def test_02_another_id_or_timestamp_under_the_same_signature_is_401(name, value):
    async with door() as d:
        headers = d.signed(d.body())
        headers[name] = value if value[0] != "+" else str(int(headers[name]) + 1)
        assert (await send(d, d.body(), headers)).status_code == 401


@pytest.mark.parametrize(("offset", "status"), [(-300, 202), (-299, 202), (-301, 401), (299, 202), (301, 401)])
async def test_03_the_window_is_five_minutes_either_way(offset, status):
    async with door() as d:
        d.house.at("10:00")
        now = d.house.clock.now() // 1000
        assert (await send(d, d.body(), d.signed(d.body(), at=now + offset))).status_code == status


BAD_TIMES = ["", "-1", "1e9", "123.0", "nan", "inf", "１２３", "9" * 400, " 5", "0x10", "+5", "1_000"]


@pytest.mark.parametrize("text", BAD_TIMES, ids=ascii)
async def test_04_a_timestamp_that_is_no_number_of_seconds_is_401(text):
    async with door() as d:
        headers = d.signed(d.body()) | {"webhook-timestamp": text}
        answer = await d.client.post(
            TRIGGER, content=d.body(), headers=[(k.encode(), v.encode("utf-8")) for k, v in headers.items()]
        )
        assert answer.status_code == 401


BAD_SIGNATURES = [
    b"", b"v1", b"v1,", b"v1,***", b"v2,AAAA", "v1,ü".encode(), "v1,ü".encode("latin-1"), b"v1a,AAAA", b",", b" ", b"v1,AAAA",
    b" ".join([b"v1,AAAA"] * 10_000), b"v1," + b"A" * 100_000, b"\xff\xfe",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_SIGNATURES, ids=lambda value: ascii(value[:20]))
async def test_05_a_signature_that_is_none_is_401(value):
    async with door() as d:
        headers = d.signed(d.body())
        del headers["webhook-signature"]
        sent = [(k.encode(), v.encode()) for k, v in headers.items()] + [(b"webhook-signature", value)]
        assert (await d.client.post(TRIGGER, content=d.body(), headers=sent)).status_code == 401


async def test_05_more_than_ten_signatures_are_refused_though_one_fits():
    async with door() as d:
        headers = d.signed(d.body())
        right = headers["webhook-signature"]
        headers["webhook-signature"] = " ".join(["v1,AAAA"] * 10 + [right])
        assert (await send(d, d.body(), headers)).status_code == 401
        headers["webhook-signature"] = " ".join(["v1a,AAAA", "v1,***", right])
        assert (await send(d, d.body(), headers)).status_code == 200


async def test_06_raw_bytes_are_what_is_signed():
    async with door() as d:
        headers = d.signed(d.body())
        decoded = json.loads(d.body())
        again = json.dumps(dict(reversed(decoded.items()))).encode()
        assert json.loads(again) == decoded
        assert (await send(d, again, headers)).status_code == 401


async def test_07_old_and_new_secret_count_until_the_old_one_is_removed():
    async with door(credentials=(signer(OLD, NEW),)) as d:
        for number, raw in enumerate((OLD, NEW)):
            headers = d.signed(d.body(), id=f"msg-{number}", raw=raw)
            assert (await send(d, d.body(), headers)).status_code == 200
        both = (
            d.signed(d.body(), id="both")["webhook-signature"]
            + " "
            + d.signed(d.body(), id="both", raw=NEW)["webhook-signature"]
        )
        assert (await send(d, d.body(), d.signed(d.body(), id="both") | {"webhook-signature": both})).status_code == 200
        d.app.reload(GatewayConfig(credentials=(signer(NEW),)))
        assert (await send(d, d.body(), d.signed(d.body(), raw=OLD))).status_code == 401
        assert (await send(d, d.body(), d.signed(d.body(), raw=NEW))).status_code == 200


SECRET_NAME = re.compile(r"secret|token|signature|digest|hash|password|mac$", re.IGNORECASE)
COMPARED = [
    "src/purista/auth",
    "src/purista/gateway/http",
    "src/purista/schedulers/remote.py",
    "src/purista/cli/serve.py",
]


def test_08_no_secret_is_compared_with_an_operator():
    """An ``==`` (or ``in``) ends at the first byte that differs; ``compare_digest`` does not."""
    used = 0
    for where in COMPARED:
        path = ROOT / where
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            text = file.read_text("utf-8")
            used += "compare_digest(" in text
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Compare) and not _harmless(node):
                    pytest.fail(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    assert used == 2, "signatures and tokens"


def _harmless(node: ast.Compare) -> bool:
    operands = [node.left, *node.comparators]
    named = [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in operands]
    equal = any(isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops)
    return (
        not equal or any(isinstance(one, ast.Constant) for one in operands) or not any(map(SECRET_NAME.search, named))
    )


# The oracle


@settings(max_examples=300, deadline=None)
@given(
    body=st.dictionaries(st.text(), st.integers()).map(lambda d: json.dumps(d).encode()),
    raw=st.binary(min_size=24, max_size=64),
    id=st.from_regex(r"[A-Za-z0-9_:-]{1,60}", fullmatch=True),
)
def test_01_what_we_sign_the_oracle_accepts_and_the_other_way_round(body, raw, id):
    now = int(datetime.now(UTC).timestamp())
    text = base64.b64encode(raw).decode()
    ours = {"webhook-id": id, "webhook-timestamp": str(now), "webhook-signature": sign(raw, id, now, body)}
    Webhook(f"whsec_{text}").verify(body, ours)
    theirs = Webhook(text).sign(id, datetime.fromtimestamp(now, UTC), body.decode())
    assert theirs == ours["webhook-signature"]
    assert verify(Signed(id, str(now), theirs), body, [b"x" * 32, raw], now * 1000) == 1
    for broken in (ours | {"webhook-id": id + "x"}, ours | {"webhook-timestamp": str(now - 301)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(text).verify(body, broken)
        with pytest.raises(NotAuthenticated):
            verify(Signed(*broken.values()), body, [raw], now * 1000)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=200), st.binary(max_size=50))
def test_04_05_whatever_comes_there_is_one_error(id, timestamp, signature, body):
    with pytest.raises(NotAuthenticated):
        verify(Signed(id, timestamp, signature), body, [bytes(32)], NOW * 1000)


@pytest.mark.parametrize("id", ["", "a.b", "a b", "ü", "a\n", "x" * 101])
def test_02_an_id_that_could_be_read_in_two_ways_is_neither_signed_nor_accepted(id):
    with pytest.raises(ValueError, match="without a dot"):
        sign(bytes(32), id, NOW, b"")
    with pytest.raises(NotAuthenticated):
        verify(Signed(id, str(NOW), "v1,AAAA"), b"", [bytes(32)], NOW * 1000)


@pytest.mark.parametrize("text", [b"", b"AAAA", b"*" * 40, base64.b64encode(bytes(65)), base64.b64encode(bytes(23))])
def test_33_a_signing_secret_has_24_to_64_bytes(text):
    with pytest.raises(InvalidSecret, match="24 to 64 random bytes"):
        key_of(secret(text))


# What a signature does not cover


@pytest.mark.parametrize("change", [{"schedule": "s/1/other"}, {"operation": "run"}])
async def test_02_a_signed_body_counts_at_its_own_address_only(change):
    """Standard Webhooks signs the body, not the address: a captured call must not become a pause, or another schedule's."""
    async with door() as d:
        body = d.body(**change)
        answer = await send(d, body, d.signed(body))
        assert (answer.status_code, await d.house.rows()) == (400, [])
        assert "expected what the address says" in answer.json()["detail"]


async def test_02_a_signed_body_that_names_no_address_counts_nowhere():
    async with door() as d:
        d.house.at("10:00")
        for body in (b"", b"{}", json.dumps({"schedule": KEY}).encode()):
            answer = await send(d, body, d.signed(body))
            assert (answer.status_code, await d.house.rows()) == (400, [])
        answer = await d.client.get(f"/schedules/{KEY}/history", headers=d.signed(b""))
        assert answer.status_code == 400
        assert "bearer" in answer.json()["detail"]
