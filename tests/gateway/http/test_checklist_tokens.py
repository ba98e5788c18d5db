"""Points 9 to 17, 43 and 44 of the security checklist: tokens, issuers and their keys. The names carry the numbers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import threading
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from purista.auth import oidc
from purista.auth.credentials import Visitor
from purista.auth.grant import Grant, Scope
from purista.auth.keys import JwksKeys, StaticKeys, https_fetch, read_keys
from purista.errors import InvalidGateway, KeysUnavailable
from tests.auth.issuer import AUDIENCE, EMAIL, ISSUER, Issuer, rsa_key
from tests.gateway.house import ms
from tests.gateway.http.door import KEY, NARROW, TOKEN, TRIGGER, bearer, door

NOW = ms("09:30") // 1000
JWKS = "https://issuer.example/keys"


def visitor(keys, **over):
    grant = Grant(id="google", schedules=("s/*",), scopes=frozenset([Scope.TRIGGER]))
    usual = {"issuers": (ISSUER,), "audience": AUDIENCE, "keys": keys, "emails": (EMAIL,)}
    return Visitor(grant, oidc.Issuer(**(usual | over)))


@pytest.fixture(scope="module")
def issuer():
    return Issuer(NOW)


@pytest.fixture(scope="module")
def other():
    return rsa_key()


# Bearer tokens

RIGHT = b"Bearer " + TOKEN.encode()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([RIGHT], 200),
        ([b"bearer " + TOKEN.encode()], 200),
        ([b"BEARER  " + TOKEN.encode()], 200),
        ([b"Bearer wrong-0123456789-abcdefghijklmnopqrstuvwxyz"], 401),
        ([RIGHT[:-1]], 401),
        ([RIGHT + b"x"], 401),
        ([b""], 401),
        ([b"Bearer"], 401),
        ([b"Bearer "], 401),
        ([b"Basic " + base64.b64encode(b"a:" + TOKEN.encode())], 401),
        ([TOKEN.encode()], 401),
        ([RIGHT, RIGHT], 400),
        ([RIGHT, b"Bearer other"], 400),
        ([], 401),
    ],
    ids=ascii,
)
async def test_09_one_right_bearer_token_and_nothing_else(values, status):
    async with door() as d:
        answer = await d.client.post(TRIGGER, headers=[(b"authorization", value) for value in values])
        assert answer.status_code == status
        assert status == 200 or TOKEN not in answer.text


async def test_09_every_security_header_has_one_value():
    async with door() as d:
        body = d.body()
        signed = d.signed(body)
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            twice = [*signed.items(), (name, signed[name])]
            assert (await d.client.post(TRIGGER, content=body, headers=twice)).status_code == 400
        both = [*signed.items(), ("authorization", RIGHT.decode())]
        assert (await d.client.post(TRIGGER, content=body, headers=both)).status_code == 400


async def test_10_a_token_of_other_bytes_is_401():
    async with door() as d:
        for raw in ("ü".encode("latin-1") * 30, "ü".encode() * 30, bytes(range(128, 256)), b"\xff.\xff.\xff"):
            assert (await d.bear(raw)).status_code == 401


async def test_11_a_token_for_one_service_says_nothing_of_another():
    async with door() as d:
        d.house.at("10:00")
        told = [
            await d.bear(NARROW, path)
            for path in (TRIGGER, "/schedules/s/1/nothing/trigger", "/schedules/x/1/y/trigger")
        ]
        assert [one.status_code for one in told] == [403, 403, 403]
        assert len({one.content for one in told}) == 1
        assert KEY not in told[0].text
        scope = await d.bear(NARROW, "/schedules/other/1/a/run", json={"request": "r1"})
        assert (scope.status_code, scope.content) == (403, told[0].content)
        assert await d.house.rows() == []


async def test_09_a_token_ends_when_it_is_said_to():
    async with door(credentials=(bearer(TOKEN, not_after=ms("09:31")),)) as d:
        assert (await d.bear(TOKEN)).status_code == 200
        d.house.at("09:31")
        assert (await d.bear(TOKEN)).status_code == 401


# OIDC: the seventeen rows, and more


def forged(header, claims, key=b""):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    text = b".".join(parts)
    mac = hmac.new(key, text, hashlib.sha256).digest() if key else b""
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def public_pem(issuer):
    return (
        issuer.keys["k1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


MATRIX = {
    "good": (200, lambda i, o: i.token()),
    "aud is a list with us": (200, lambda i, o: i.token(aud=["x", AUDIENCE])),
    "wrong aud": (401, lambda i, o: i.token(aud="https://other.example")),
    "aud in another case": (401, lambda i, o: i.token(aud=AUDIENCE.upper())),
    "no aud": (401, lambda i, o: i.token(aud=None)),
    "wrong iss": (401, lambda i, o: i.token(iss="https://evil.example")),
    "no iss": (401, lambda i, o: i.token(iss=None)),
    "expired 1 s": (200, lambda i, o: i.token(iat=NOW - 3601, exp=NOW - 1)),
    "expired 61 s": (401, lambda i, o: i.token(iat=NOW - 3661, exp=NOW - 61)),
    "no exp": (401, lambda i, o: i.token(exp=None)),
    "iat in 120 s": (401, lambda i, o: i.token(iat=NOW + 120)),
    "no iat": (401, lambda i, o: i.token(iat=None)),
    "nbf in 120 s": (401, lambda i, o: i.token(nbf=NOW + 120)),
    "another key under the same kid": (401, lambda i, o: i.token(key=o)),
    "unknown kid": (401, lambda i, o: i.token(kid="k9", key=o)),
    "no kid": (401, lambda i, o: i.token(kid=None)),
    "alg none": (401, lambda i, o: forged({"alg": "none", "kid": "k1"}, i.claims())),
    "HS256 with the public key": (401, lambda i, o: forged({"alg": "HS256", "kid": "k1"}, i.claims(), public_pem(i))),
    "RS512, not on the list": (401, lambda i, o: i.token(algorithm="RS512")),
    "crit": (401, lambda i, o: i.token(header={"crit": ["b64"], "b64": False})),
    "exp is text": (401, lambda i, o: i.token(exp="soon")),
    "exp is true": (401, lambda i, o: i.token(exp=True)),
    "exp is infinite": (401, lambda i, o: forged({"alg": "RS256", "kid": "k1"}, i.claims(exp=float("inf")))),
    "1 MB": (401, lambda i, o: i.token(padding="x" * 1_000_000)),
    "two dots": (401, lambda i, o: ".."),
    "not base64": (401, lambda i, o: "a.b.c"),
    "deep JSON": (401, lambda i, o: base64.urlsafe_b64encode(b"[" * 5_000).decode() + ".e30.e30"),
}


@pytest.mark.parametrize("row", MATRIX, ids=str)
async def test_12_the_matrix_of_tokens(row, issuer, other):
    status, make = MATRIX[row]
    async with door(credentials=(visitor(StaticKeys(issuer.jwks())),)) as d:
        answer = await d.bear(make(issuer, other))
        assert answer.status_code == status, answer.text
        assert answer.status_code == 200 or await d.house.rows() == []


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk"])
async def test_12_where_a_token_says_its_key_is_nobody_looks(name, issuer, other, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("somebody went looking"))
    value = (
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(other.public_key()))
        if name == "jwk"
        else "https://evil.example/k"
    )
    async with door(credentials=(visitor(StaticKeys(issuer.jwks())),)) as d:
        assert (await d.bear(issuer.token(key=other, header={name: value}))).status_code == 401
        assert (await d.bear(issuer.token(header={name: value}))).status_code == 200


async def test_12_keys_that_are_weak_secret_or_for_encryption_are_no_keys(issuer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(1024).public_key()))
        # a modulus of 512 bits: no library makes such a key any more, but a JWK set may name one
        tiny = base64.urlsafe_b64encode((2**511 + 187).to_bytes(64, "big")).rstrip(b"=").decode()
        document = {
            "keys": [
                entry | {"kid": "weak", "alg": "RS256"},
                {"kty": "RSA", "n": tiny, "e": "AQAB", "kid": "tiny", "alg": "RS256"},
                {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
                json.loads(issuer.jwks())["keys"][0] | {"use": "enc", "kid": "enc"},
                json.loads(issuer.jwks())["keys"][0] | {"kid": None},
                "nonsense",
            ]
        }
        assert read_keys(json.dumps(document).encode()) == {}


@pytest.mark.parametrize(
    "over",
    [
        {"email": "scheduler@evil.example"}, {"email": EMAIL.upper()}, {"email_verified": False}, {"email_verified": "true"},
        {"email_verified": None}, {"email": None}, {"email": [EMAIL]},
    ],
    ids=str,
)  # fmt: skip
async def test_13_a_valid_token_of_somebody_else_is_403(over, issuer):
    async with door(credentials=(visitor(StaticKeys(issuer.jwks())),)) as d:
        answer = await d.bear(issuer.token(**over))
        assert (answer.status_code, await d.house.rows()) == (403, [])


async def test_13_subjects_are_for_issuers_without_addresses(issuer):
    kubernetes = "system:serviceaccount:billing:cron"
    own = visitor(StaticKeys(issuer.jwks()), emails=(), subjects=(kubernetes,))
    async with door(credentials=(own,)) as d:
        assert (await d.bear(issuer.token(sub=kubernetes, email=None))).status_code == 200
        assert (await d.bear(issuer.token())).status_code == 403


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"emails": ()}, "anybody can get a token"), ({"audience": ""}, "audience"), ({"issuers": ()}, "issuers"),
        ({"algorithms": ("HS256",)}, "signature algorithms"), ({"algorithms": ("none",)}, "signature algorithms"),
    ],
    ids=str,
)  # fmt: skip
def test_12_an_issuer_that_would_let_in_anybody_is_refused(over, words):
    with pytest.raises(InvalidGateway, match=words):
        visitor(StaticKeys(b'{"keys": []}'), **over)


# Keys over the network


async def test_14_a_new_key_costs_one_fetch_and_made_up_ones_one_per_cooldown():
    issuer, other = Issuer(NOW), rsa_key()
    async with door() as d:
        source = JwksKeys(JWKS, clock=d.house.clock, fetch=issuer.fetch)
        async with door(credentials=(visitor(source),)) as inner:
            inner.house.clock = d.house.clock
            assert (await inner.bear(issuer.token())).status_code == 200
            assert issuer.asked == 1
            d.house.clock.jump(d.house.clock.now() + 31_000)
            issuer.keys["k2"] = other
            assert (await inner.bear(issuer.token(kid="k2"))).status_code == 200
            assert issuer.asked == 2
            for number in range(1_000):
                answer = await inner.bear(issuer.token(kid=f"made-up-{number % 10}", key=other))
                assert answer.status_code in (401, 429)  # so many failures in one minute are told to slow down
            assert issuer.asked == 2
            d.house.clock.jump(d.house.clock.now() + 31_000)
            for number in range(10):
                assert await source.key(f"x{number}") is None
            assert issuer.asked == 3


async def test_15_without_keys_nobody_is_let_in_and_cached_ones_last_their_lifespan():
    issuer = Issuer(NOW, fault=ConnectionRefusedError("down"))
    async with door() as d:
        source = JwksKeys(JWKS, clock=d.house.clock, fetch=issuer.fetch, lifespan_ms=3_600_000)
        d.app.reload(d.app.config.__class__(credentials=(visitor(source),)))
        ready = await d.client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]["keys"]) == (503, False)
        answer = await d.bear(issuer.token())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        d.house.clock.jump(d.house.clock.now() + 31_000)
        issuer.fault = None
        assert (await d.client.get("/ready")).json()["ready"] is True
        issuer.fault = ConnectionRefusedError("down again")
        d.house.clock.jump(d.house.clock.now() + 3_590_000)
        late = issuer.token(exp=NOW + 9_000)
        assert (await d.bear(late)).status_code == 202
        d.house.clock.jump(d.house.clock.now() + 20_000)
        assert (await d.bear(late)).status_code == 503
        assert (await d.client.get("/ready")).status_code == 503


class Evil(http.server.BaseHTTPRequestHandler):
    """Answers as the address says."""

    def do_GET(self):
        kind = self.path.strip("/")
        body = {"html": b"<html>no</html>", "array": b"[]"}.get(kind, self.server.document)
        if kind == "hang":
            self.server.released.wait(20)
            return
        self.send_response(302 if kind == "redirect" else 200)
        if kind == "redirect":
            self.send_header("location", self.server.elsewhere)
        self.end_headers()
        if kind == "huge":
            chunk = b"x" * 65_536
            for _ in range(1_600):
                try:
                    self.wfile.write(chunk)
                    self.server.sent += len(chunk)
                except OSError:
                    return
            return
        if kind == "drip":
            for byte in body:
                if self.server.released.wait(0.05):
                    return
                try:
                    self.wfile.write(bytes([byte]))
                except OSError:
                    return
            return
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key, name = rsa_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def serving(certificate, issuer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    server.daemon_threads = False  # closing waits for them
    server.document, server.sent, server.elsewhere = issuer.jwks(), 0, "http://127.0.0.1:1/"
    server.released = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"https://localhost:{server.server_address[1]}"
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("kind", ["html", "array", "redirect", "huge", "hang", "drip"])
async def test_16_an_issuer_that_answers_nonsense_is_503_within_the_time_out(kind, issuer, certificate):
    async with door() as d:
        with serving(certificate, issuer) as (server, base):
            trusted = ssl.create_default_context(cafile=certificate)
            fetch = https_fetch(timeout=0.5, context=trusted)
            source = JwksKeys(f"{base}/{kind}", clock=d.house.clock, fetch=fetch, timeout=0.5)
            d.app.reload(d.app.config.__class__(credentials=(visitor(source),)))
            begun = time.monotonic()
            answer = await d.bear(issuer.token())
            assert answer.status_code == 503
            assert time.monotonic() - begun < 3
            assert server.sent < 10_000_000
            good = JwksKeys(f"{base}/good", clock=d.house.clock, fetch=fetch)
            assert await good.ready()


async def test_16_a_certificate_nobody_vouches_for_is_no_answer(issuer, certificate):
    async with door() as d:
        with serving(certificate, issuer) as (_, base):
            source = JwksKeys(f"{base}/good", clock=d.house.clock, timeout=0.5)
            with pytest.raises(KeysUnavailable):
                await source.key("k1")


async def test_17_headers_of_cloud_scheduler_without_a_token_are_401(issuer):
    async with door(credentials=(visitor(StaticKeys(issuer.jwks())),)) as d:
        spoofed = {"x-cloudscheduler": "true", "x-cloudscheduler-jobname": KEY, "user-agent": "Google-Cloud-Scheduler"}
        assert (await d.client.post(TRIGGER, headers=spoofed)).status_code == 401
        token = {"authorization": f"Bearer {issuer.token()}"}
        assert (await d.client.post(TRIGGER, headers=spoofed | token)).status_code == 200


async def test_43_what_a_proxy_says_takes_no_part(issuer):
    """The audience is configured: a token for another host is refused, whatever Host and X-Forwarded-* claim."""
    claims = {
        "host": "other.example", "x-forwarded-host": "other.example", "x-forwarded-proto": "https",
        "x-forwarded-for": "127.0.0.1", "forwarded": "for=127.0.0.1;host=other.example", "x-real-ip": "127.0.0.1",
    }  # fmt: skip
    async with door(credentials=(visitor(StaticKeys(issuer.jwks())),)) as d:
        for_other = {"authorization": f"Bearer {issuer.token(aud='https://other.example')}"}
        assert (await d.client.post(TRIGGER, headers=claims | for_other)).status_code == 401
        for_us = {"authorization": f"Bearer {issuer.token()}"}
        assert (await d.client.post(TRIGGER, headers=claims | for_us)).status_code == 200
        assert (await d.client.post(TRIGGER, headers=claims)).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/keys", "file:///etc/passwd", "ftp://issuer.example/", "https://", "https://a:b@issuer.example/",
        "//issuer.example/keys", "https://elsewhere.example/keys", "https://issuer.example.evil.example/keys",
    ],
)  # fmt: skip
def test_44_keys_come_over_https_from_named_hosts_only(url, clock):
    with pytest.raises(InvalidGateway):
        JwksKeys(url, clock=clock, hosts=["issuer.example"])
    JwksKeys(JWKS, clock=clock, hosts=["issuer.example"])


async def test_44_a_redirect_is_not_followed(issuer, certificate, clock):
    """Neither to http nor to a private address: not at all."""
    with socket.create_server(("127.0.0.1", 0)) as private, serving(certificate, issuer) as (server, base):
        private.settimeout(0.3)
        server.elsewhere = f"http://127.0.0.1:{private.getsockname()[1]}/"
        fetch = https_fetch(timeout=2, context=ssl.create_default_context(cafile=certificate))
        with pytest.raises(OSError, match="expected status 200, got 302"):
            fetch(f"{base}/redirect")
        with pytest.raises(TimeoutError):
            private.accept()
