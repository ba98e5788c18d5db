"""A whole Airflow in a folder: API server, scheduler and DAG processor as processes of their own, over SQLite."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.schedulers.airflow.world import airflow, home, python

PATIENCE_S = 240.0
_T = TypeVar("_T")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(found: Callable[[], _T | None], what: str, said: Callable[[], str] = str, patience: float = PATIENCE_S) -> _T:
    """Look until there is something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = found()
        if answer:
            return answer
        time.sleep(1)  # each look is a process or a request: the machine is Airflow's
    return pytest.fail(f"{what}: not within {patience:g} s\n{said()}")


class Station:
    """``more`` is set in the environment of every part, tasks included."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder, self.dags = folder, folder / "dags"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.more = {
            "AIRFLOW__API__PORT": str(port), "AIRFLOW__API__BASE_URL": self.url, "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16), "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/", "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3", "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "2", "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "2",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()), **more,
        }  # fmt: skip
        self.parts: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        airflow(self.folder, "-m", "airflow", "db", "migrate", **self.more)
        for part in ("api-server", "dag-processor", "scheduler"):
            with (self.folder / f"{part}.log").open("wb") as log:
                self.parts.append(
                    subprocess.Popen(
                        [str(python()), "-m", "airflow", part],
                        env=home(self.folder, **self.more),
                        cwd=self.folder,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )

    def stop(self) -> None:
        for part in self.parts:
            part.send_signal(signal.SIGTERM)
        for part in self.parts:
            with suppress(subprocess.TimeoutExpired):
                part.wait(20)
            with suppress(ProcessLookupError):
                import os

                os.killpg(part.pid, signal.SIGKILL)  # its own session: what it started ends with it
            part.wait()

    def said(self) -> str:
        """The end of every part's log, and of the tasks'."""
        texts = [*self.folder.glob("*.log"), *sorted((self.folder / "logs").rglob("attempt=*.log"))[-2:]]
        return "\n".join(f"== {one.name}\n{one.read_text('utf-8', 'replace')[-1_000:]}" for one in texts)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The REST API; everybody is an admin."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.url}/api/v2{path}", data, {"content-type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def dag_ids(self) -> set[str]:
        status, told = self.ask("GET", "/dags?limit=100")
        return {one["dag_id"] for one in told["dags"] if not one.get("is_stale")} if status == 200 else set()

    def runs(self, dag: str) -> list[dict[str, Any]]:
        status, told = self.ask("GET", f"/dags/{dag}/dagRuns?limit=100")
        return list(told["dag_runs"]) if status == 200 else []
