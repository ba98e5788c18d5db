"""``purista serve`` as a process: it starts, answers, reads its credentials again, stops in order, and may be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest

from purista.cli.main import main
from purista.sqlite.file import SqliteFile

SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw=", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD0A9dUkWmRxY=")
APP = """
from purista import App, Cron, ServiceBuilder
shop = ServiceBuilder("shop", version="1", description="Sells things")
shop.schedule("always", Cron("* * * * *"), timezone="UTC", enqueue="work", concurrency_policy="allow",
              missed_run_policy="runOnce")
app = App(services=[shop], ledger="shop.db")
"""
REGISTER = """
import asyncio
from serveapp import app

async def main():
    await app.start(consume=False)
    await app.stop()

asyncio.run(main())
"""
ALONE = """
port = 0
[[credentials]]
id = "a"
kind = "signed"
secrets = ["file:s.key"]
schedules = ["*"]
scopes = ["trigger"]
"""
CONFIG = """
[tool.purista]
app = "serveapp:app"

[tool.purista.gateway]
port = 0

[[tool.purista.gateway.credentials]]
id = "cron"
kind = "signed"
secrets = ["file:s.key"]
schedules = ["shop/*"]
scopes = ["trigger", "run"]
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    (tmp_path / "serveapp.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    key = tmp_path / "s.key"
    key.write_text(SECRETS[0])
    key.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PURISTA_")]:
        monkeypatch.delenv(name)
    (tmp_path / "register.py").write_text(REGISTER)
    subprocess.run([sys.executable, "register.py"], check=True, cwd=tmp_path)
    return tmp_path


@contextmanager
def served(where, *options):
    process = subprocess.Popen(
        [sys.executable, "-m", "purista", "serve", *options], cwd=where, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            found = re.search(r"listening on (http://\S+:\d+), credentials: (\d)", line)
            if found:
                break
        else:
            pytest.fail("".join(lines))
        process.said = lines
        yield process, found[1]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def until(process, words):
    for line in process.stderr:
        if words in line:
            return line
    return pytest.fail(f"it never said {words!r}")


def call(url, *more):
    return main(["trigger", "--gateway", url, "--secret", "file:s.key", "--wait", "5", *more, "shop/1/always"])


def test_it_says_how_many_schedules_can_be_called_for(shop):
    with served(shop) as (process, _):
        assert process.said[-1].endswith("credentials: 1, schedules: 1\n")
    (shop / "shop.db").unlink()
    with served(shop) as (process, _):
        assert process.said[-1].endswith("credentials: 1, schedules: 0\n")
        assert "purista worker and purista apply do that" in until(process, "no schedule is registered yet")


def test_it_answers_reads_its_credentials_again_and_stops(shop, capsys):
    with served(shop) as (process, url):
        assert httpx.get(f"{url}/ready").json()["ready"] is True
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}
        assert call(url) == 0
        (shop / "s.key").write_text(SECRETS[1])
        assert call(url) == 77, "the gateway knows the old secret alone"
        process.send_signal(signal.SIGHUP)
        until(process, "read again, credentials: 1")
        assert call(url) == 0
        (shop / "s.key").write_text("changeme")
        process.send_signal(signal.SIGHUP)
        line = until(process, "stay as they were")
        assert "changeme" not in line
        (shop / "s.key").write_text(SECRETS[1])
        assert call(url) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    capsys.readouterr()


def test_a_ledger_is_enough(shop, capsys):
    (shop / "gateway.toml").write_text(ALONE)
    with served(shop, "--ledger", "shop.db", "--config", "gateway.toml") as (_, url):
        assert set(httpx.get(f"{url}/ready").json()["checks"]) == {"ledger", "clock", "keys"}
        assert call(url, "--json") == 0
    assert main(["serve", "--ledger", "none.db", "--config", "gateway.toml"]) == 69
    capsys.readouterr()


def test_the_development_flag_warns(shop):
    process = subprocess.Popen(
        [sys.executable, "-m", "purista", "serve", "--dev", "--port", "0"], cwd=shop, stderr=subprocess.PIPE, text=True
    )
    try:
        until(process, "development: everybody on this machine may do everything")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_36_killed_in_the_middle_of_calls_each_wish_runs_once(shop, capsys):
    """SIGKILL while requests are in flight; the same requests again at the next gateway: one run for each."""
    import base64
    import json
    import threading

    from purista.auth.webhook import sign

    def send(url, number):
        body = json.dumps({"schedule": "shop/1/always", "operation": "run"}).encode()
        now, name = int(time.time()), f"wish-{number}"
        headers = {
            "content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(now),
            "webhook-signature": sign(base64.b64decode(SECRETS[0][6:]), name, now, body),
        }  # fmt: skip
        try:
            return httpx.post(
                f"{url}/schedules/shop/1/always/run", content=body, headers=headers, timeout=10
            ).status_code
        except httpx.HTTPError:
            return 0

    told: list[int] = []
    for kill_after in (3, 11, 23):
        with served(shop) as (process, url):
            enough = threading.Event()

            def work(numbers, url=url, enough=enough, kill_after=kill_after):
                for number in numbers:
                    told.append(send(url, number))
                    if len(told) >= kill_after:
                        enough.set()

            threads = [threading.Thread(target=work, args=(range(first, 30, 4),)) for first in range(4)]
            for thread in threads:
                thread.start()
            enough.wait(20)
            process.kill()
            for thread in threads:
                thread.join()
    with served(shop) as (_, url):
        last = [send(url, number) for number in range(30)]
    assert set(last) <= {200, 202}
    assert 0 in told, "something was in flight when it was killed"
    file = SqliteFile(shop / "shop.db", environment=None, create=False)
    file.open()
    runs = file.read(
        lambda c: c.execute("SELECT request, count(*) FROM occurrences WHERE class = 'manual' GROUP BY 1").fetchall()
    )
    letters = file.read(lambda c: c.execute("SELECT count(*) FROM mail WHERE address = 'queue:work'").fetchone()[0])
    file.close()
    assert dict(runs) == {f"wish-{number}": 1 for number in range(30)}
    assert letters == 30
    capsys.readouterr()
