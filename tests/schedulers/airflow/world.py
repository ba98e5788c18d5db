"""A place for DAGs, an owner and contracts; and the real Airflow of ``.venv-airflow``, spoken to from outside."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from purista.schedulers.airflow.dialect import AirflowDialect
from purista.schedulers.airflow.place import Place
from tests.conftest import needed
from tests.schedulers.test_cover import NOW, OWNER, TWO_YEARS, schedule

__all__ = ["NOW", "OWNER", "ROOT", "TWO_YEARS", "airflow", "ask", "dialect", "home", "place", "python", "schedule"]

ROOT = Path(__file__).parents[3]
INSIDE = Path(__file__).with_name("inside.py")


def place(**options: Any) -> Place:
    usual: dict[str, Any] = {
        "gateway": "http://gateway:8080", "credential": "env:PURISTA_GATEWAY_SECRET", "now": NOW, "since": NOW,
    }  # fmt: skip
    return Place(**{**usual, **options})


def dialect(**options: Any) -> AirflowDialect:
    return AirflowDialect(place(**options))


def python() -> Path:
    """Airflow's own Python: ``make airflow`` sets it up."""
    found = ROOT / ".venv-airflow" / "bin" / "python"
    if not (found.parent.parent / ".installed").exists():
        needed("Airflow in an environment of its own; make airflow")
    return found


def home(folder: Path, **more: str) -> dict[str, str]:
    """The environment of an Airflow that keeps everything in a folder."""
    (folder / "dags").mkdir(exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "PURISTA"))}
    usual = {
        "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    return {**own, **usual, **more}


def airflow(folder: Path, *words: str, stdin: str = "", timeout: float = 300.0, **more: str) -> str:
    """What a Python program says in Airflow's environment."""
    done = subprocess.run(
        [str(python()), *words], env=home(folder, **more), input=stdin, capture_output=True, text=True, timeout=timeout,
        check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    return done.stdout


def ask(folder: Path, act: str, *words: str, about: Any = None, **more: str) -> Any:
    """A question to ``inside.py``; the last line is the answer, whatever Airflow said before."""
    said = airflow(folder, str(INSIDE), act, *words, stdin=json.dumps(about), **more)
    return json.loads(said.splitlines()[-1])
