"""`export gcp`, `apply gcp`, `gcp pull`."""

from __future__ import annotations

import asyncio
import json

import pytest

from purista import App, DefaultEventBridge, GcpScheduler
from purista.app import load_app
from purista.cli.exits import OK, Stop
from purista.cli.find import Session
from purista.cli.gcp import apply, pull
from purista.cli.output import Output
from purista.cli.signals import Stopping
from purista.ledgers.base import Query
from purista.ledgers.sqlite import SqliteLedger
from purista.sqlite.file import SqliteFile
from purista.testing import ManualClock
from tests.schedulers.gcp.cloud import Cloud
from tests.schedulers.gcp.topic import SUBSCRIPTION, Topic

SAY = ("export", "gcp", "--project", "my-shop", "--location", "europe-west3", "--topic", "purista")


def jobs(text: str) -> dict[str, dict]:
    return json.loads(text)["resource"]["google_cloud_scheduler_job"]


def test_export_prints_terraform_and_findings_apart(purista, home):
    result = purista(*SAY)
    assert result.code == 0
    spoken = {
        (one["pubsub_target"]["attributes"].get("schedule"), one["time_zone"]) for one in jobs(result.out).values()
    }
    assert spoken == {
        ("shop/1/billing", "Europe/Berlin"), ("shop/1/nightly", "Europe/Berlin"), ("shop/1/nightly", "Etc/UTC"),
        (None, "Etc/UTC"),
    }  # fmt: skip
    assert "purista: info G106 shop/1/nightly: " in result.err
    assert not (home / "shop.db").exists()


def test_export_into_a_folder_and_over_http(purista, home):
    account = "scheduler@my-shop.iam.gserviceaccount.com"
    say = (*SAY[:-2], "--gateway", "https://gateway.example.com", "--service-account", account, "--format", "terraform")
    assert purista(*say, "-o", "terraform").code == 0
    (file,) = (home / "terraform").iterdir()
    assert file.name.endswith(".tf.json")
    accounts = {one["http_target"]["oidc_token"]["service_account_email"] for one in jobs(file.read_text()).values()}
    assert accounts == {account}


def test_export_as_json(purista):
    told = json.loads(purista(*SAY, "--json").out)
    assert [one["name"].partition(".")[2] for one in told["files"]] == ["tf.json"]
    assert {finding["code"] for finding in told["findings"]} == {"G106"}


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (SAY[:2], "expected --project and --location, or an app with a GcpScheduler"),
        (SAY[:4], "expected --project and --location"),
        (SAY[:-2], "expected topic= or gateway="),
        ((*SAY, "--format", "yaml"), "expected --format terraform"),
        (("gcp", "pull", "purista"), "expected projects/P/subscriptions/S"),
        (("apply", "gcp"), "expected an app whose bridge has a GcpScheduler"),
    ],
)
def test_what_is_missing_is_said(purista, say, words):
    result = purista(*say)
    assert result.code != 0
    assert words in result.err


def with_jobs(home, cloud: Cloud) -> App:
    scheduler = GcpScheduler(project="my-shop", location="europe-west3", topic="purista", connect=cloud.client)
    bridge = DefaultEventBridge(home / "shop.db", scheduler=scheduler, clock=ManualClock("2026-03-27T12:00:00Z"))
    return App(services=load_app("shopapp:app", home).services, bridge=bridge)


async def test_apply_registers_and_writes_the_jobs(home, capsys):
    async with Cloud().open() as cloud:
        assert await apply(with_jobs(home, cloud), Output(as_json=True)) == OK
        assert json.loads(capsys.readouterr().out)["services"][0]["entries"]["created"] == 4
        assert await apply(with_jobs(home, cloud), Output(as_json=True)) == OK
        assert json.loads(capsys.readouterr().out)["services"][0]["entries"] == {
            "created": 0, "updated": 0, "deleted": 0, "unchanged": 4,
        }  # fmt: skip
        assert len(cloud.jobs) == 4


async def test_pull_decides_what_jobs_published(home):
    async with Cloud().open() as cloud, Topic().open() as topic:
        assert await apply(with_jobs(home, cloud), Output(as_json=True)) == OK
        stopping, session = Stopping(), Session(clock=ManualClock("2026-03-28T01:30:01Z"))
        options = {"ledger": str(home / "shop.db"), "app": None, "connect": topic.client, "stopping": stopping}
        task = asyncio.create_task(pull(session, Output(as_json=True), subscription=SUBSCRIPTION, **options))
        topic.publish(schedule="shop/1/nightly")
        await topic.settled(1)
        stopping.stop()
        assert await task == OK
    async with SqliteLedger(SqliteFile(str(home / "shop.db"), environment=None, create=False), deliver=None) as ledger:
        (run,) = (await ledger.history(Query(key="shop/1/nightly"))).rows
        assert run.row.decision == "published"


async def test_pull_wants_a_subscription(home):
    with pytest.raises(Stop, match="projects/P/subscriptions/S"):
        await pull(Session(), Output(as_json=True), subscription="purista", ledger=None, app=None)
