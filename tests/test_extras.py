"""Each extra, alone, from the wheel, in an environment with nothing else: what it is for can be imported and said."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import needed

ROOT = Path(__file__).parents[1]
OPENED = {
    "amqp": "from purista.distributed import AmqpBridge as B; import aiormq; B('amqp://127.0.0.1:1/', ledger='p.db')",
    "nats": "from purista.distributed import NatsBridge as B; import nats; B('nats://127.0.0.1:1', ledger='p.db')",
    "postgres": "import asyncpg; from purista.ledgers.postgres import PostgresLedger",
    "kubernetes": "import lightkube; from purista.schedulers.kubernetes.text import yaml_of; yaml_of([{'a': 'b'}])",
    "gcp": "import google.cloud.scheduler_v1, google.pubsub_v1; from purista import GcpScheduler",
    "temporal": "from purista.schedulers.temporal.workflow import PuristaTrigger; import temporalio",
    "redis": "from purista.ledgers.redis import RedisLedger; from purista.redis.server import Server; import redis",
    "http": "from purista.gateway.http.server import serve; from purista.gateway.http.app import HttpGateway; import uvicorn",
    "otel": "from purista import telemetry; assert telemetry._api() is not None; telemetry.count('calls', answer='x')",
    "oidc": "import jwt, cryptography; from purista.auth import oidc",
    "prometheus": "from purista import metrics; assert metrics.enable(); assert 'purista_calls' in metrics.text()",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = place.glob("*.whl")
    return built


def test_every_extra_is_tried() -> None:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        assert set(OPENED) == set(tomllib.load(file)["project"]["optional-dependencies"])


@pytest.mark.slow
@pytest.mark.parametrize("extra", sorted(OPENED))
def test_an_extra_alone(extra: str, wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PURISTA"))}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, timeout=300, check=False)

    installed = run(  # our own pip, because to put one into each environment takes longer than all else here
        sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check",
        "--no-warn-script-location", "--constraint", str(ROOT / "constraints.txt"), f"{wheel}[{extra}]",
    )  # fmt: skip
    if installed.returncode and "No matching distribution" in installed.stderr:
        needed(f"a package index for the extra {extra}")
    assert installed.returncode == 0, installed.stderr
    opened = run(str(python), "-W", "error", "-c", f"import purista; {OPENED[extra]}")
    assert opened.returncode == 0, opened.stderr
    said = run(str(python), "-m", "purista", "--version")
    assert said.returncode == 0, said.stderr
