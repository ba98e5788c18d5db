"""`export kubernetes`, and what its Jobs run, against a real gateway."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from purista.cli.main import main
from purista.recurrence import Interval
from purista.schedulers.kubernetes import KubernetesScheduler
from tests.gateway.http.door import KEY, TOKEN, door, listening
from tests.schedulers.test_cover import OWNER, schedule

SAY = (
    "export",
    "kubernetes",
    "--image",
    "shop:1",
    "--gateway",
    "http://gateway:8080",
    "--secret",
    "purista-gateway/scheduler",
)


def test_export_prints_cronjobs_and_findings_apart(purista, home):
    result = purista(*SAY)
    assert result.code == 0
    made = list(yaml.safe_load_all(result.out))
    spoken = {
        (one["metadata"]["annotations"]["purista.dev/schedule"], one["spec"]["schedule"], one["spec"]["timeZone"])
        for one in made
    }
    assert spoken == {
        ("shop/1/billing", "0 2 1 * *", "Europe/Berlin"), ("shop/1/nightly", "30 2 * * *", "Europe/Berlin"),
        ("shop/1/nightly", "0 1 25-31 3 *", "Etc/UTC"),
    }  # fmt: skip
    assert "purista: info K106 shop/1/nightly: " in result.err
    assert "purista: info K112: " in result.err
    assert not (home / "shop.db").exists()


def test_export_into_a_folder_is_a_base_for_kustomize(purista, home):
    assert purista(*SAY, "-o", "k8s", "--namespace", "shop").code == 0
    base = yaml.safe_load((home / "k8s/kustomization.yaml").read_text())
    (resource,) = base["resources"]
    made = list(yaml.safe_load_all((home / "k8s" / resource).read_text()))
    assert {one["metadata"]["namespace"] for one in made} == {"shop"}


def test_export_as_json(purista):
    told = json.loads(purista(*SAY, "--json").out)
    assert [one["name"] for one in told["files"]][-1] == "kustomization.yaml"
    assert {finding["code"] for finding in told["findings"]} == {"K106", "K112"}


def test_nobody_may_call_without_a_credential(purista):
    result = purista(*SAY[:-2])
    assert result.code != 0
    assert "expected secret= or token=, got none" in result.err


def command(tmp_path: Path, key: str, url: str, job: str) -> list[str]:
    """What the container of a Job runs, as the kubelet starts it."""
    files = KubernetesScheduler(image="shop:1", gateway=url, token="purista-gateway/token")
    service, version, name = key.split("/")
    one = replace(schedule(Interval(timedelta(hours=1)), "UTC", name), service=service, version=version)
    (entry,) = files.dialect.compile(OWNER, [one]).entries
    pod: dict[str, Any] = json.loads(entry.body)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (tmp_path / "token").write_text(TOKEN)
    said = [re.sub(r"\$\(PURISTA_JOB\)", job, part) for part in pod["containers"][0]["command"]]
    return [part.replace("/run/secrets/purista", str(tmp_path)) for part in said[1:]]


async def test_a_job_asks_for_the_occurrence_in_its_name(tmp_path, capsys):
    async with door() as d, listening(d.app) as (host, port):
        d.house.at("10:00:20")
        due = d.house.clock.now() // 3_600_000 * 60

        async def job(name: str) -> tuple[int, str]:
            code = await asyncio.to_thread(main, command(tmp_path, KEY, f"http://{host}:{port}", name))
            return code, capsys.readouterr().out.split(": ", 1)[1].split(" ")[0]

        assert await job(f"hourly-purista-0a1b2c3d-{due}") == (0, "accepted")
        assert await job(f"hourly-purista-0a1b2c3d-{due}") == (0, "duplicate")
        assert await job(f"hourly-purista-0a1b2c3d-{due - 7}") == (0, "not_due")
        assert await job("hourly-by-hand") == (0, "duplicate")
        d.house.at("11:00:01")
        assert await job("hourly-by-hand-again") == (0, "accepted")
