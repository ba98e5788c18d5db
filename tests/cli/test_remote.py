"""``purista trigger --gateway``: attempts, signatures, waits and exit codes, against a real socket."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from purista.auth.secret import Secret
from purista.cli.main import main
from purista.schedulers import remote as module
from purista.schedulers.remote import Remote, RemoteFault, remote_of
from tests.gateway.http.door import KEY, OLD, secret

OK = (200, {"answer": "duplicate", "detail": "decided before"}, {})


class Answers(http.server.BaseHTTPRequestHandler):
    """Says what it was told to, in order; the last answer again and again."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, dict(self.headers), body))
        status, document, headers = self.server.told[min(len(self.server.seen), len(self.server.told)) - 1]
        if status is None:  # hang up
            return
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextmanager
def answering(*told):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.told, server.seen = told, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Time:
    """Milliseconds that pass while somebody sleeps."""

    def __init__(self):
        self.at, self.slept = 1_780_308_000_000, []

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += round(seconds * 1000)


def caller(url, time, **options):
    options = {"secret": secret(OLD)} | options
    return Remote(url, time.now, sleep=time.sleep, chance=lambda: 1.0, **options)


def test_every_attempt_is_signed_afresh_under_the_same_id():
    time = Time()
    with answering((503, {}, {}), (500, {}, {}), (None, {}, {}), OK) as (server, url):
        heard = caller(url, time).trigger(KEY, None, 30)
    assert (heard.status, heard.attempts, time.slept) == (200, 4, [1.0, 2.0, 4.0])
    headers = [{k.lower(): v for k, v in seen[1].items()} for seen in server.seen]
    assert len({one["webhook-id"] for one in headers}) == 1
    assert [int(one["webhook-timestamp"]) - 1_780_308_000 for one in headers] == [0, 1, 3, 7]
    assert len({one["webhook-signature"] for one in headers}) == 4
    assert {seen[0] for seen in server.seen} == {f"/schedules/{KEY}/trigger"}
    assert json.loads(server.seen[0][2]) == {"operation": "trigger", "schedule": KEY}


def test_the_oracle_accepts_what_it_sends(monkeypatch):

    with answering(OK) as (server, url):
        Remote(url, lambda: time.time_ns() // 1_000_000, secret=secret(OLD)).trigger(KEY, 0, 0)
    _, headers, body = server.seen[0]
    Webhook("whsec_" + OLD.decode()).verify(body, {k.lower(): v for k, v in headers.items()})
    assert json.loads(body)["scheduledAt"] == "1970-01-01T00:00:00.000Z"


def test_retry_after_is_honoured_and_the_deadline_too():
    time = Time()
    with answering((503, {"answer": "retry"}, {"retry-after": "7"}), (429, {}, {"retry-after": "9"}), OK) as (_, url):
        assert caller(url, time).trigger(KEY, None, 30).status == 200
    assert time.slept == [7.0, 9.0]
    time = Time()
    with answering((503, {"answer": "retry"}, {"retry-after": "1800"})) as (_, url):
        heard = caller(url, time).trigger(KEY, None, 30)
    assert (heard.status, heard.attempts, time.slept) == (503, 1, [])


@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 413, 301])
def test_what_repeating_would_not_change_is_not_repeated(status):
    with answering((status, {}, {"location": "http://127.0.0.1:1/"})) as (server, url):
        assert caller(url, Time()).trigger(KEY, None, 30).attempts == 1
    assert len(server.seen) == 1


def test_waits_grow_up_to_half_a_minute_and_chance_shortens_them():
    one = Remote("http://x", lambda: 0, chance=lambda: 0.0)
    assert [one._backoff(attempt) for attempt in (1, 2, 5, 6, 50)] == [0.5, 1.0, 8.0, 15.0, 15.0]


@pytest.mark.parametrize(
    ("told", "code", "word"),
    [
        (OK, 0, "duplicate"),
        ((202, {"answer": "accepted", "detail": "1 decided"}, {}), 0, "accepted"),
        ((503, {"answer": "retry", "detail": "lies ahead"}, {}), 75, "retry"),
        ((429, {"error": "too_many", "detail": "later"}, {}), 75, "too_many"),
        ((503, {"error": "unavailable", "detail": "down"}, {}), 69, "unavailable"),
        ((502, b"<html>bad gateway</html>", {}), 69, "502"),
        ((200, b"<html>welcome to the proxy</html>", {}), 69, "200"),
        ((401, {"error": "unauthenticated", "detail": "x"}, {}), 77, "unauthenticated"),
        ((403, {"error": "forbidden", "detail": "x"}, {}), 77, "forbidden"),
        ((404, {"error": "unknown", "detail": "x\x1b[31m\n"}, {}), 77, "unknown"),
        ((400, [1], {}), 77, "400"),
    ],
    ids=str,
)
def test_exit_codes(told, code, word, capsys, monkeypatch):
    monkeypatch.setenv("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw=")
    with answering(told) as (_, url):
        assert main(["trigger", "--gateway", url, "--secret", "env:S", "--wait", "0", KEY]) == code
        out = capsys.readouterr().out
        assert out.startswith(f"{KEY}: {word} (")
        assert out.count("\n") == 1
        assert "\x1b" not in out
        assert main(["trigger", "--gateway", url, "--secret", "env:S", "--wait", "0", "--json", KEY]) == code
        assert json.loads(capsys.readouterr().out)["answer"] == word


def test_several_keys_share_one_wait():
    """Side by side, also where they are more than can be asked at once; when nobody is there, nobody is tried any longer."""
    keys = [f"shop/1/k{number}" for number in range(3 * module.AT_ONCE)]
    real = {"secret": secret(OLD), "chance": lambda: 0.0}  # waits of 0.5, 1, 2 s
    begin = time.monotonic()
    heard = list(Remote("http://127.0.0.1:1", lambda: time.time_ns() // 1_000_000, **real).trigger_all(keys, None, 0.8))
    assert time.monotonic() - begin < 2 * 0.5, "one after another it would be twelve seconds"
    assert [one.status for one in heard] == [0] * len(keys)
    assert {one.attempts for one in heard[-module.AT_ONCE :]} == {0}
    assert all("refused" in one.fault for one in heard)
    with answering((503, {}, {})) as (server, url):
        begin = time.monotonic()
        heard = list(Remote(url, lambda: time.time_ns() // 1_000_000, **real).trigger_all(keys[:3], None, 0.8))
        assert time.monotonic() - begin < 2 * 0.5
    assert [one.attempts for one in heard] == [2, 2, 2]
    assert {path for path, _, _ in server.seen} == {f"/schedules/{key}/trigger" for key in keys[:3]}


def test_several_keys_on_the_command_line(capsys, monkeypatch):
    monkeypatch.setenv("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw=")
    with answering(OK) as (_, url):
        assert main(["trigger", "--gateway", url, "--secret", "env:S", "--json", "s/1/a", "s/1/b"]) == 0
    assert [json.loads(line)["key"] for line in capsys.readouterr().out.splitlines()] == ["s/1/a", "s/1/b"]


def test_usage(capsys, monkeypatch):
    monkeypatch.setenv("S", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw=")
    base = ["trigger", "--gateway", "http://127.0.0.1:1", "--wait", "0"]
    assert main([*base, "--secret", "env:S", "--sweep"]) == 64
    assert main([*base, "--secret", "env:S", "nightly"]) == 64
    assert main(["trigger", "nightly", "--ledger", "none.db"]) == 64, "with and without a gateway"
    told = capsys.readouterr().err.splitlines()[-2:]
    assert told[0] == told[1]
    assert "got 'nightly'; write service/version/name, such as shop/1/nightly" in told[0]
    for odd in ("", "//", "a//b", "\x1b[31m", "ü" * 100):
        assert main(["trigger", odd, "--ledger", "none.db"]) == 64
    assert "\x1b" not in capsys.readouterr().err
    assert main([*base, KEY]) == 78
    assert main([*base, "--secret", "env:S", "--token", "env:S", KEY]) == 78
    assert main([*base, "--secret", "env:S", KEY]) == 69
    monkeypatch.setenv("PURISTA_GATEWAY_SECRET", "env:S")
    assert main([*base, KEY]) == 69
    assert main(["trigger", "--gateway", "gateway.example", "--wait", "0", KEY]) == 78
    capsys.readouterr()


@pytest.mark.parametrize(
    ("at", "fix"),
    [
        ("2026-11-27T07:00", "write 2026-11-27T07:00Z if that is UTC, or 2026-11-27T08:00+01:00"),
        ("at seven", "got 'at seven'; write 2026-11-27T07:00Z"),
    ],
)
def test_an_instant_without_an_offset_is_told_what_to_write_on_a_command_line(at, fix, capsys):
    assert main(["trigger", KEY, "--at", at]) == 64
    assert fix in (said := capsys.readouterr().err)
    assert "datetime(" not in said


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway",
        "ftp://x",
        "http://",
        "http://a:b@x",
        "http://x?y",
        "http://x#y",
        "http://x:99999",
        "http://x\r\nh: y",
        "http://ü",
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(RemoteFault, match="--gateway"):
        remote_of(url, "env:S", None, lambda: 0)


def test_a_token_travels_inside_tls_only(monkeypatch):
    monkeypatch.setenv("T", "tok-0123456789-abcdefghijklmnopqrstuvwxyz")
    with pytest.raises(RemoteFault, match="https"):
        remote_of("http://gateway.example", None, "env:T", lambda: 0)
    for url in ("https://gateway.example", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"):
        remote, _ = remote_of(url, None, "env:T", lambda: 0)
        assert "tok-" not in repr(remote)


def test_a_token_is_sent_as_bearer_and_a_prefix_of_the_address_is_kept():
    with answering(OK) as (server, url):
        token = Secret(b"tok-0123456789-abcdefghijklmnop", "env:T")
        caller(f"{url}/purista/", Time(), secret=None, token=token).trigger("s/1/ä b", None, 0)
    path, headers, _ = server.seen[0]
    assert path == "/purista/schedules/s/1/%C3%A4%20b/trigger"
    assert headers["authorization"] == "Bearer tok-0123456789-abcdefghijklmnop"
    assert "webhook-signature" not in headers


def test_39_children_and_argv_know_no_secret():
    """The secret is read by this process, from where the reference leads; no child is started, no argument takes it."""
    text = Path(module.__file__).read_text("utf-8")
    assert "subprocess" not in text
    assert "environ" not in text
