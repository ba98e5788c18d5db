"""What the deployment files say can be read, and is what the command line takes. No container is started here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from purista import settings

DEPLOY = Path(__file__).parents[2] / "examples/deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
CLUSTER = yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text("utf-8"))["items"]


def pods() -> list[dict[str, Any]]:
    specs = [item["spec"]["template"]["spec"] for item in CLUSTER if item["kind"] == "Deployment"]
    return specs + [i["spec"]["jobTemplate"]["spec"]["template"]["spec"] for i in CLUSTER if i["kind"] == "CronJob"]


def commands() -> list[list[str]]:
    """Every call of purista, as arguments."""
    found = [service["command"] for service in COMPOSE["services"].values() if "command" in service]
    found += [pod["containers"][0]["command"] for pod in pods()]
    calls = [command[1:] for command in found if command[0] == "purista"]
    shells = [command[2] for command in found if command[0] == "sh"]
    for shell in shells:
        (line,) = re.findall(r"purista ((?:.|\\\n)*?)\n\s*done", shell)
        calls.append(line.replace("\\\n", " ").split())
    return calls


@pytest.mark.parametrize("call", commands(), ids=" ".join)
def test_every_call_is_one_that_the_command_line_takes(call: list[str], tmp_path: Path) -> None:
    """It gets as far as the address or secret that only the deployment has."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PURISTA_")} | {
        "PURISTA_BRIDGE": "file:/run/secrets/nowhere", "PURISTA_LEDGER": "file:/run/secrets/nowhere",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "purista", *call], cwd=DEPLOY.parent / "billing", env=environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "/run/secrets/" in done.stderr or "credential" in done.stderr, done.stderr
    assert done.returncode in (69, 77, 78), (done.returncode, done.stderr)


def test_every_setting_exists_and_no_secret_is_written() -> None:
    source = Path(settings.__file__).read_text("utf-8")
    environments = [service.get("environment", {}) for service in COMPOSE["services"].values()]
    environments += [{e["name"]: e["value"] for e in pod["containers"][0].get("env", [])} for pod in pods()]
    names = {name for one in environments for name in one if name.startswith("PURISTA_")}
    assert len(names) >= 5
    assert all(f'"{name}"' in source for name in names)
    for one in environments:
        assert all("://" not in value for name, value in one.items() if name.startswith("PURISTA_"))


def test_nothing_runs_as_root_and_everything_is_given_time_to_end() -> None:
    for pod in pods():
        tight = pod["containers"][0]["securityContext"]
        assert tight["runAsNonRoot"]
        assert tight["readOnlyRootFilesystem"]
    assert all(pod["terminationGracePeriodSeconds"] >= 30 for pod in pods() if "restartPolicy" not in pod)
    assert "USER app" in (DEPLOY / "Dockerfile").read_text("utf-8")
