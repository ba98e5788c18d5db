"""Points 32 to 34, 39 and 40 of the security checklist: configuration and secrets. The names carry the numbers."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purista.auth.credentials import Credentials, Signer
from purista.auth.grant import Grant, Scope
from purista.auth.secret import Secret, read_secret
from purista.auth.tokens import hash_of
from purista.cli.commands import run
from purista.errors import InvalidGateway, InvalidSecret, PuristaError
from purista.gateway.http.app import HttpGateway
from purista.gateway.http.config import GatewayConfig, read_config
from purista.testing import ManualClock
from tests.gateway.house import house
from tests.gateway.http.door import KEY, TRIGGER, signer

GOOD = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw="
CANARY = "whsec_" + "Q0FOQVJZLWNhbmFyeS1DQU5BUlktY2FuYXJ5LTAxMjM0NTY="
TABLE = {
    "id": "cron", "kind": "signed", "secrets": ["env:PURISTA_TEST_SECRET"], "schedules": ["s/*"], "scopes": ["trigger"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("PURISTA_TEST_SECRET", CANARY)


# 32: nobody is let in by accident


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.example", "127.0.0.1", "localhost"])
def test_32_without_credentials_it_does_not_start(host, clock):
    with pytest.raises(InvalidGateway, match=r"write \[\[tool\.purista\.gateway\.credentials"):
        read_config({"host": host}, clock=clock)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.example", "127.0.0.1.evil.example", ""])
def test_32_the_development_flag_is_for_loopback(host, clock):
    with pytest.raises(InvalidGateway):
        read_config({"host": host}, clock=clock, dev=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_32_on_loopback_it_starts(host, clock):
    assert read_config({"host": host}, clock=clock, dev=True).dev


def test_32_the_command_says_what_to_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["serve", "--host", "0.0.0.0", "--port", "0"], clock=ManualClock()) == 78
    assert (
        "expected credentials to listen on 0.0.0.0, got none; write [[tool.purista.gateway.credentials]]"
        in capsys.readouterr().err
    )
    assert run(["serve", "--host", "0.0.0.0", "--port", "0", "--dev"], clock=ManualClock()) == 78
    assert "it is for 127.0.0.1 only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("headers", "client", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({"host": "localhost:8080"}, "::1", 200),
        ({"host": "evil.example"}, "127.0.0.1", 401),
        ({"host": "127.0.0.1.evil.example"}, "127.0.0.1", 401),
        ({"origin": "https://evil.example"}, "127.0.0.1", 401),
        ({"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", 401),
        ({}, "10.0.0.1", 401),
    ],
)
async def test_32_the_development_flag_lets_in_this_machine_alone(headers, client, status):
    async with house() as h:
        app = HttpGateway(h.bridge.gateway, GatewayConfig(dev=True))
        transport = httpx.ASGITransport(app, client=(client, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as browser:
            assert (await browser.post(TRIGGER, headers=headers)).status_code == status


# 33: secrets that must not be used


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got nothing"), ("   \n", "got nothing"), ("changeme", "placeholder"),
        ("short-88", "at least 24 bytes|placeholder"),
        ("CHANGEME-CHANGEME-CHANGEME-CHANGEME", "placeholder"), ("a" * 64, "placeholder"),
        ("<your secret>", "blanks|placeholder"),
        ("two words in one secret, rather long", "blanks"), ("abcdefghij0123456789xyz", "at least 24 bytes"),
        ("your-secret-0123456789-abcdefghij", "placeholder"),
    ],
    ids=ascii,
)  # fmt: skip
def test_33_weak_secrets_are_refused_by_variable_and_by_file(text, words, tmp_path):
    (tmp_path / "s").write_text(text)
    for reference in ("env:S", f"file:{tmp_path / 's'}"):
        with pytest.raises(InvalidSecret, match=words) as caught:
            read_secret(reference, {"S": text})
        assert len(text) < 9 or text not in str(caught.value)


def test_33_blanks_around_a_secret_are_cut_off(tmp_path):
    (tmp_path / "s").write_text(f"  {GOOD}\r\n\n")
    assert read_secret(f"file:{tmp_path / 's'}").reveal() == GOOD.encode()
    assert read_secret("env:S", {"S": f"{GOOD}\n"}).reveal() == GOOD.encode()


@pytest.mark.parametrize("text", [CANARY, "", "env:", "vault:x", "S", "file:"])
def test_33_what_is_no_reference_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidSecret) as caught:
        read_secret(text, {})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "over",
    [
        {"kind": "none"}, {"kind": "basic"}, {"secrets": []}, {"secrets": [CANARY]}, {"secret": CANARY}, {"schedules": []},
        {"scopes": []}, {"scopes": ["admin"]}, {"schedules": ["s/1/h*"]}, {"schedules": ["a/b/c/d"]},
        {"id": "a\nb"}, {"id": ""},
        {"not_after": "2026-01-01"}, {"secrets": CANARY}, {"kind": "bearer", "sha256": [CANARY], "secrets": None},
    ],
    ids=str,
)  # fmt: skip
def test_33_a_credential_that_cannot_be_meant_is_refused_and_no_secret_is_repeated(over, clock):
    table = {name: value for name, value in (TABLE | over).items() if value is not None}
    with pytest.raises(PuristaError) as caught:
        read_config({"credentials": [table]}, clock=clock)
    shown = "".join(traceback.format_exception(caught.value))
    assert CANARY not in shown.replace(repr(over), "")
    assert CANARY not in str(caught.value)


def test_33_two_credentials_never_share_an_id_or_a_secret(clock):
    for over in ({}, {"id": "other"}):
        config = read_config({"credentials": [TABLE, TABLE | over]}, clock=clock)
        with pytest.raises(InvalidGateway, match="one twice"):
            Credentials(config.credentials, clock=clock)


# 34: no form of a secret shows it


@given(st.binary(min_size=24, max_size=60).map(lambda raw: ("CANARY" + raw.hex()).encode()))
def test_34_no_form_of_a_secret_shows_it(value):
    one = Secret(value, "env:PURISTA_TEST_SECRET")
    grant = Grant(id="cron", schedules=("s/*",), scopes=frozenset(Scope))
    config = GatewayConfig(credentials=(Signer(grant, (one,)),))
    for thing in (one, config, config.credentials[0]):
        pickled = b"".join(pickle.dumps(thing, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1))
        forms = [
            repr(thing),
            str(thing),
            f"{thing}",
            f"{thing!s}",
            ascii(thing),
            logging.Formatter().format(record(thing)),
        ]
        assert all(value.decode() not in form for form in forms)
        assert value not in pickled
        assert "***" in repr(thing)
    assert copy.deepcopy(one).reveal() == copy.copy(one).reveal() == value
    with pytest.raises(TypeError):
        json.dumps(one)


def record(thing):
    return logging.LogRecord("x", logging.INFO, "x", 1, "configured %s", (thing,), None)


def test_34_a_secret_travels_as_its_reference():
    one = read_secret("env:PURISTA_TEST_SECRET")
    assert pickle.loads(pickle.dumps(one)).reveal() == CANARY.encode()


def test_34_errors_and_gateways_show_no_secret(clock, monkeypatch, caplog):
    config = read_config({"credentials": [TABLE]}, clock=clock)
    known = Credentials(config.credentials, clock=clock)
    logging.getLogger("x").warning("%s %r", known, config)
    assert CANARY not in repr(known) + caplog.text + repr(config)
    monkeypatch.setenv("PURISTA_TEST_SECRET", CANARY[:-7])
    with pytest.raises(PuristaError) as caught:
        Credentials(read_config({"credentials": [TABLE]}, clock=clock).credentials, clock=clock)
    assert CANARY[6:30] not in "".join(traceback.format_exception(caught.value))
    assert hash_of(b"x").hex() not in repr(known)


async def test_34_no_secret_reaches_the_manifest_or_the_ledger(tmp_path):
    async with house() as h:
        app = HttpGateway(h.bridge.gateway, GatewayConfig(credentials=(signer(),)))
        dump = "\n".join(h.bridge.file.read(lambda c: list(c.iterdump())))
        assert "whsec" not in dump
        assert "whsec" not in repr(app.config)


# 39: the caller's side


def test_39_no_option_takes_a_secret_and_what_was_typed_is_not_repeated(tmp_path):
    base = [sys.executable, "-m", "purista", "trigger", "--gateway", "http://127.0.0.1:1", "--wait", "0", KEY]
    typed = subprocess.run([*base, "--secret", CANARY], capture_output=True, text=True, check=False)
    assert typed.returncode == 78
    assert "env:NAME or file:/path" in typed.stderr
    assert CANARY not in typed.stdout + typed.stderr


def test_39_a_file_that_others_can_read_is_warned_of(tmp_path):
    path = tmp_path / "s"
    path.write_text(GOOD)
    base = [
        sys.executable,
        "-m",
        "purista",
        "trigger",
        "--gateway",
        "http://127.0.0.1:1",
        "--wait",
        "0",
        "--secret",
        f"file:{path}",
        KEY,
    ]
    for mode, warned in ((0o644, True), (0o640, True), (0o600, False), (0o400, False)):
        path.chmod(mode)
        done = subprocess.run(base, capture_output=True, text=True, check=False)
        assert done.returncode == 69, "nobody listens there"
        assert ("chmod 600" in done.stderr) is warned
        assert GOOD not in done.stdout + done.stderr


def test_39_the_file_that_we_make_is_for_its_owner_alone(tmp_path, capsys):
    path = tmp_path / "made"
    assert run(["secret", "-o", str(path)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    made = read_secret(f"file:{path}").reveal().decode()
    assert made not in capsys.readouterr().out
    assert run(["secret", "-o", str(path)]) == 73, "nothing is written over"
    assert run(["secret", "--bearer", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sha256"] == hash_of(shown["secret"].encode()).hex()


# 40: rendered text (cron here; the other renderers are not there yet)


def test_40_odd_names_round_trip_or_are_refused_in_crons_text():
    from tests.schedulers import test_quoting

    held = [name for name in vars(test_quoting) if name.startswith("test_")]
    assert len(held) >= 3, "quoting has a file of its own, with a real shell as its oracle"
