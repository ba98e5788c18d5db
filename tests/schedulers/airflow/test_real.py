"""A real Airflow fires, a real gateway decides, a worker works, and the ledger has the account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.schedulers.airflow.station import Station, free_port, until
from tests.schedulers.airflow.world import ROOT, python

pytestmark = pytest.mark.slow

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwQ0zFBdTuVOw="
SHOP = """
from datetime import timedelta
import os
from purista import AirflowScheduler, App, Context, Interval, ServiceBuilder

shop = ServiceBuilder("shop", version="1", description="Sells things")

@shop.queue_worker("count")
def count(context: Context) -> None:
    print("counted", flush=True)

always = {"timezone": "UTC", "enqueue": count, "concurrency_policy": "forbid", "missed_run_policy": "skip"}
shop.schedule("everyTenSeconds", Interval(10), **always)
shop.schedule("held", Interval(10), enabled_by_default=False, **always)
if os.environ.get("SHOP_LEAVES", "") != "1":
    shop.schedule("leaves", Interval(3600), **always)
scheduler = AirflowScheduler(os.environ["DAGS"], gateway=os.environ["GATEWAY"], secret="env:SHOP_KEY")
app = App(services=[shop], ledger="purista.db", scheduler=scheduler)
"""
CONFIG = """
port = {port}
[[credentials]]
id = "airflow"
kind = "signed"
secrets = ["env:SHOP_KEY"]
schedules = ["*"]
scopes = ["trigger", "run", "backfill"]
"""


@dataclass
class House:
    """A folder with an app, its worker and its gateway."""

    folder: Path
    app: str
    environment: dict[str, str]
    url: str
    station: Station
    parts: list[subprocess.Popen[bytes]]

    def start(self, *words: str) -> None:
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            command = [sys.executable, "-m", "purista", *words]
            self.parts.append(
                subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
            )

    def said(self) -> str:
        logs = "\n".join(f"== {one.name}\n{one.read_text()[-2_000:]}" for one in self.folder.glob("*.log"))
        return f"{logs}\n{self.station.said()}"

    def history(self, key: str, **wanted: str) -> list[dict[str, Any]]:
        """What the ledger says, newest first."""
        done = subprocess.run(
            [sys.executable, "-m", "purista", "history", key, "--count", "100", "--json", "--ledger", "purista.db"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        rows = json.loads(done.stdout)["occurrences"] if done.returncode == 0 else []
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def stop(self) -> None:
        for part in self.parts:
            part.terminate()
        for part in self.parts:
            part.wait(30)


def house(station: Station, folder: Path, app: str, text: str) -> House:
    folder.mkdir()
    port = free_port()
    (folder / f"{app}.py").write_text(text)
    (folder / "gateway.toml").write_text(CONFIG.format(port=port))
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PURISTA"))}
    url = f"http://127.0.0.1:{port}"
    environment = {**own, "DAGS": str(station.dags), "GATEWAY": url, "SHOP_KEY": KEY}
    return House(folder, app, environment, url, station, [])


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    python()
    folder = tmp_path_factory.mktemp("airflow")
    made = Station(folder, SHOP_KEY=KEY)
    made.dags.mkdir()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def shop(station: Station) -> Iterator[House]:
    """Its DAGs are of the kind that has purista beside Airflow."""
    made = house(station, station.folder / "shop", "shop", SHOP)
    try:
        made.start("worker", "--app", "shop:app")
        until(lambda: list(station.dags.glob("purista_*shop*.py")), "the file of DAGs", made.said)
        made.start("serve", "--config", "gateway.toml", "--ledger", "purista.db")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def billing(station: Station) -> Iterator[House]:
    """The example, changed in one line (and, so that nobody waits five minutes, in a second one)."""
    text = (ROOT / "examples/billing/billing.py").read_text("utf-8")
    line = "scheduler=CronScheduler(single_host=True)"
    assert line in text
    given = 'os.environ["DAGS"], gateway=os.environ["GATEWAY"], secret="env:SHOP_KEY", standalone=True'
    changed = {
        line: f"scheduler=AirflowScheduler({given})", "import App, Context, Cron, CronScheduler":
        "import AirflowScheduler, App, Context, Cron", "*/5 * * * *": "* * * * *",
    }  # fmt: skip
    for before, after in changed.items():
        text = text.replace(before, after)
    made = house(station, station.folder / "billing", "billing", text)
    try:
        made.start("worker", "--app", "billing:app")
        until(lambda: list(station.dags.glob("purista_*user*.py")), "the file of DAGs", made.said)
        made.start("serve", "--config", "gateway.toml", "--ledger", "purista.db")
        yield made
    finally:
        made.stop()


def dag_of(station: Station, name: str) -> str:
    def found() -> str | None:
        return next((one for one in station.dag_ids() if f".{name}." in one), None)

    return until(found, f"the DAG of {name}", station.said)


def test_airflow_fires_the_gateway_decides_and_the_worker_works(shop: House, billing: House) -> None:
    rows = until(
        lambda: shop.history("shop/1/everyTenSeconds", run="finished", source="http:airflow"),
        "a finished run",
        shop.said,
    )
    assert {row["class"] for row in rows} == {"scheduled"}
    assert shop.folder.joinpath("worker.log").read_text().count("counted") >= len(rows)
    dag = dag_of(shop.station, "everyTenSeconds")
    begun = min(run["run_after"] for run in shop.station.runs(dag))
    assert rows[-1]["scheduledAt"][:19] >= begun[:19], "what was due before the DAG was there is called by nobody"


def test_the_billing_example_runs_on_airflow_by_a_file_without_purista(billing: House) -> None:
    rows = until(
        lambda: billing.history("user/1/paymentImport", run="finished", source="http:airflow"), "a finished run",
        billing.said,
    )  # fmt: skip
    assert len({row["scheduledAt"] for row in rows}) == len(rows)
    text = next(billing.station.dags.glob("purista_*user*.py")).read_text("utf-8")
    assert "import purista" not in text
    assert "from purista" not in text


def test_a_manual_run_is_a_run_of_its_own_and_its_repetition_a_duplicate(shop: House) -> None:
    station, dag = shop.station, dag_of(shop.station, "leaves")
    assert not station.runs(dag), "registration fires nothing"
    status, told = station.ask("POST", f"/dags/{dag}/dagRuns", {"logical_date": None})
    assert status == 200, told
    (row,) = until(lambda: shop.history("shop/1/leaves", run="finished"), "the run that was wanted", shop.said)
    assert (row["class"], row["request"]) == ("manual", told["dag_run_id"])
    until(lambda: station.runs(dag)[0]["state"] == "success", "the task's end", shop.said)
    clear = {"dry_run": False, "only_failed": False}
    until(
        lambda: station.ask("POST", f"/dags/{dag}/clearTaskInstances", clear)[0] == 200,
        "the task's second turn",
        shop.said,
    )
    until(lambda: station.runs(dag)[0]["state"] == "success", "the task's second end", shop.said)
    assert len(shop.history("shop/1/leaves")) == 1


def test_a_backfill_fills_what_did_not_run(shop: House) -> None:
    station, dag = shop.station, dag_of(shop.station, "held")

    def called() -> list[str]:
        return sorted(run["run_after"] for run in station.runs(dag) if run["state"] == "success")

    at = until(called, "a run of the DAG", shop.said)[0]
    assert not shop.history("shop/1/held", decision="published"), "disabled by default: called, and decided paused"
    wanted = {
        "dag_id": dag, "from_date": at, "to_date": at, "max_active_runs": 1, "run_backwards": False,
        "reprocess_behavior": "completed", "dag_run_conf": {},
    }  # fmt: skip
    until(lambda: station.ask("POST", "/backfills", wanted)[0] == 200, "a backfill that SQLite has time for", shop.said)
    (found,) = until(
        lambda: shop.history("shop/1/held", **{"class": "replay", "run": "finished"}), "the backfilled run", shop.said
    )
    assert found["scheduledAt"][:19] == at[:19]


def test_the_dag_of_a_removed_schedule_goes(shop: House) -> None:
    dag = dag_of(shop.station, "leaves")
    environment = {**shop.environment, "SHOP_LEAVES": "1"}
    command = [sys.executable, "-m", "purista", "apply", "airflow", "--app", "shop:app"]
    done = subprocess.run(command, cwd=shop.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: dag not in shop.station.dag_ids(), "its DAG's end", shop.said)
    assert dag_of(shop.station, "everyTenSeconds")
