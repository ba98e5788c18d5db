"""What a run says to the gateway, and how its task ends by the answer: pure, and in Airflow's own classes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from purista.auth.secret import read_secret
from purista.auth.webhook import Signed, key_of, verify
from purista.clock import SystemClock
from purista.contract.manifest import Manifest
from purista.recurrence import Cron
from purista.schedulers.airflow.ingress import End, Facts, ask_of, ended, judge
from tests.schedulers.airflow.world import NOW, OWNER, airflow, ask, dialect, schedule

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw="
DUE = "2026-01-01T05:00:00.000Z"
AT = datetime(2026, 1, 1, 5, tzinfo=UTC)
TOKEN = "t0ken-9f3a7c1e5b2d8a6c4f0e"
ACCEPTED = {"answer": "accepted", "published": True, "detail": "due", "decided": []}


def facts(run_type: str, **more: Any) -> Facts:
    return Facts(**{"run_type": run_type, "run_id": f"{run_type}__x", "run_after": AT, "try_number": 2, **more})


def test_each_kind_of_run_asks_for_its_own_class() -> None:
    """Google's and others' trap: a run by hand that carries the next slot's time swallows the real one."""
    scheduled, manual, replay = (ask_of(facts(kind)) for kind in ("scheduled", "manual", "backfill"))
    assert (scheduled.operation, scheduled.said) == ("trigger", {"attempt": 2, "scheduledAt": DUE})
    assert (manual.operation, manual.said) == ("run", {"request": "manual__x"})
    assert replay.operation == "backfill"
    assert replay.said == {"from": DUE, "to": "2026-01-01T05:00:00.001Z", "max": 1}
    for kind in ("operator_triggered", "asset_triggered", "asset_materialization", "something new"):
        assert ask_of(facts(kind)).operation == "run"


def test_a_grids_call_says_no_time_and_force_is_for_what_somebody_wants() -> None:
    assert ask_of(facts("scheduled", exact=False, force=True)).said == {"attempt": 2}
    assert ask_of(facts("manual", force=True)).said["force"] is True


@pytest.mark.parametrize("run_id", ["x" * 101, "a b", "日本", ""])
def test_a_run_that_a_person_named_has_a_request_all_the_same(run_id: str) -> None:
    said = ask_of(facts("manual", run_id=run_id)).said["request"]
    assert said.startswith("airflow-")
    assert len(said) <= 100


@pytest.mark.parametrize(
    ("status", "told", "wanted"),
    [
        (202, ACCEPTED, End.DONE), (200, {"answer": "duplicate"}, End.DONE), (200, {"answer": "not_due"}, End.DONE),
        (503, {"answer": "retry"}, End.AGAIN), (0, {}, End.AGAIN), (429, {}, End.AGAIN), (502, {}, End.AGAIN),
        (401, {"error": "not_authenticated"}, End.NEVER), (404, {}, End.NEVER), (403, {}, End.NEVER), (301, {}, End.NEVER),
        (200, {}, End.NEVER), (202, {"published": 1, "slots": [{}], "left": False}, End.DONE),
        (200, {"published": 0, "slots": [], "left": False}, End.DONE),
        (200, {"published": 0, "slots": [{}], "left": True}, End.AGAIN),
    ],
)  # fmt: skip
def test_answers_and_ends(status: int, told: dict[str, Any], wanted: End) -> None:
    assert judge(status, told) is wanted


def test_a_runs_end_is_found_by_time_or_by_request() -> None:
    rows = [
        {"class": "manual", "request": "manual__x", "scheduledAt": DUE, "run": "failed", "decision": "published"},
        {
            "class": "scheduled",
            "request": None,
            "scheduledAt": "2026-01-01T05:00:00Z",
            "run": "open",
            "decision": "published",
        },
    ]
    assert ended({"occurrences": rows}, ask_of(facts("manual"))) == (False, "failed")
    assert ended({"occurrences": rows}, ask_of(facts("scheduled"))) is None
    rows[1]["run"] = "finished"
    assert ended({"occurrences": rows}, ask_of(facts("scheduled"))) == (True, "finished")
    assert ended({"occurrences": []}, ask_of(facts("backfill"))) == (True, "not recorded")


class Desk:
    """A gateway of few words: answers are given in order, what was asked is kept."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]
        self.url = ""

    def take(self, one: BaseHTTPRequestHandler) -> tuple[int, Any]:
        body = one.rfile.read(int(one.headers.get("content-length") or 0))
        self.asked.append((one.command, one.path, {name.lower(): value for name, value in one.headers.items()}, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def desk(*answers: tuple[int, Any]) -> Iterator[Desk]:
    found = Desk(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, told = found.take(self)
            self.send_response(status)
            if status == 503:
                self.send_header("retry-after", "600")  # longer than a task's own patience
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def entry(url: str, *, own: bool = False, **more: Any) -> dict[str, Any]:
    made = dialect(gateway=url, credential="env:SHOP_KEY", standalone=own)
    (one,) = made.compile(OWNER, [schedule(Cron("0 5 * * *"), "UTC", "it's 日本/x")]).entries
    said = {**json.loads(one.body), **more}
    return {name: value for name, value in said.items() if value is not None}


RUN = {"run_type": "scheduled", "run_id": "scheduled__x", "at": {"run_after": int(AT.timestamp())}}


def test_both_tasks_end_as_the_gateway_says(tmp_path: Path) -> None:
    """One that has purista beside it, and one that has nothing but Airflow: signed alike, understood alike."""
    manual = {**RUN, "run_type": "manual", "run_id": "manual__x", "conf": {"force": True}}
    backfill = {**RUN, "run_type": "backfill", "at": {"run_after": NOW, "logical_date": int(AT.timestamp())}}
    due = {"attempt": 3, "scheduledAt": DUE}
    story = [
        (RUN, (202, ACCEPTED), "done", "/trigger", due),
        (RUN, (503, {"answer": "retry", "detail": "later"}), "AirflowException", "/trigger", due),
        (RUN, (403, {"error": "forbidden", "detail": "no"}), "AirflowFailException", "/trigger", due),
        (manual, (202, ACCEPTED), "done", "/run", {"request": "manual__x", "force": True}),
        (backfill, (202, {"published": 1, "slots": [{}], "left": False}), "done", "/backfill",
         {"from": DUE, "to": "2026-01-01T05:00:00.001Z", "max": 1}),
    ]  # fmt: skip
    with desk(*[answer for _ in (0, 1) for _, answer, *_ in story], (500, {})) as heard:
        asked = [(entry(heard.url, own=own), run, own) for own in (False, True) for run, *_ in story]
        found = ask(tmp_path, "tasks", about=asked, SHOP_KEY=KEY)
    key = [key_of(read_secret("env:K", {"K": KEY}))]
    for number, (how, what) in enumerate(found):
        _, _, wanted, path, said = story[number % len(story)]
        assert how == wanted, what
        method, where, headers, body = heard.asked[number]
        assert (method, where) == ("POST", f"/schedules/user/1/it%27s%20%E6%97%A5%E6%9C%AC%2Fx{path}")
        assert json.loads(body) == {"operation": path[1:], "schedule": "user/1/it's 日本/x", **said}
        signed = Signed(headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"])
        verify(signed, body, key, SystemClock().now())


def test_a_secret_that_is_not_there_and_a_token(tmp_path: Path) -> None:
    with desk((202, ACCEPTED)) as heard:
        told = ({"secret": "env:NOWHERE"}, {"token": "env:SHOP_TOKEN", "secret": None})
        asked = [(entry(heard.url, own=own, **more), RUN, own) for more in told for own in (False, True)]
        found = ask(tmp_path, "tasks", about=asked, SHOP_TOKEN=TOKEN)
    assert [how for how, _ in found] == ["AirflowFailException"] * 2 + ["done"] * 2, found
    assert all("NOWHERE" in what for _, what in found[:2])
    assert [headers.get("authorization") for _, _, headers, _ in heard.asked] == [f"Bearer {TOKEN}"] * 2


def test_a_task_waits_deferred_for_the_runs_end(tmp_path: Path) -> None:
    """Airflow's history and its limits then see the real work, and no worker is held meanwhile."""
    open_, over = (
        {"occurrences": [{"class": "scheduled", "scheduledAt": DUE, "run": run, "decision": "published"}]}
        for run in ("open", "failed")
    )
    with desk((202, ACCEPTED), (200, open_), (503, {}), (200, over)) as heard:
        one = entry(heard.url, wait=True, token="env:SHOP_TOKEN", secret=None)
        ((how, (where, arguments)),) = ask(tmp_path, "tasks", about=[(one, RUN, False)], SHOP_TOKEN=TOKEN)
        assert (how, where) == ("TaskDeferred", "purista.schedulers.airflow.waiting.RunEnded")
        assert "t0ken" not in json.dumps(arguments)
        (told,) = ask(tmp_path, "waits", about=[arguments], SHOP_TOKEN=TOKEN)
    assert told == {"well": False, "how": "failed"}
    assert [path.rpartition("/")[2] for _, path, *_ in heard.asked] == [
        "trigger",
        *["history?limit=100&since=2026-01-01T05:00:00.000Z&until=2026-01-01T05:00:00.001Z"] * 3,
    ]


def test_the_static_factory_reads_a_file_or_a_gateway_and_survives_its_absence(tmp_path: Path) -> None:
    """What DAGs there are must not depend on whether the gateway answers right now."""
    schedules = tuple(schedule(Cron("0 5 * * *"), "UTC", name) for name in ("a", "b"))
    manifest = Manifest(schedules=schedules).to_json()
    (tmp_path / "manifest.json").write_text(manifest)
    wanted = sorted(one.name for one in dialect().compile(OWNER, schedules).entries)
    given = {"gateway": "http://gateway:8080", "secret": "env:SHOP_KEY", "environment": OWNER.environment}
    assert ask(tmp_path, "factory", about={"source": str(tmp_path / "manifest.json"), **given}) == wanted
    cache = tmp_path / "cache.json"
    with desk((200, json.loads(manifest)), (500, {})) as heard:
        remote = {"source": heard.url, "token": "env:SHOP_TOKEN", "cache": str(cache), "environment": OWNER.environment}
        for _ in (0, 1):  # the second time it is fresh, and nobody is asked
            assert ask(tmp_path, "factory", about=remote, SHOP_TOKEN=TOKEN) == wanted
        assert [path for _, path, *_ in heard.asked] == ["/schedules/manifest"]
        os.utime(cache, (0, 0))
        assert ask(tmp_path, "factory", about=remote, SHOP_TOKEN=TOKEN) == wanted
        assert len(heard.asked) > 1


def test_airflow_knows_our_timetable_by_the_plugin_alone(tmp_path: Path) -> None:
    said = airflow(
        tmp_path, "-c", "from airflow import plugins_manager as p; print(sorted(p.get_timetables_plugins()))"
    )
    assert "purista.schedulers.airflow.timetable.ContractTimetable" in said.splitlines()[-1]
