"""How long Airflow's DAG processor spends on a file of DAGs: ours beside purista, ours standalone, and the same DAGs by hand.

Runs in Airflow's own environment (``make airflow``): ``.venv-airflow/bin/python bench/bench_airflow.py [DAGS]``. Airflow is
loaded before the clock starts, as it is in the processor, which forks for each file.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
ROUNDS = 5
BY_HAND = """
from datetime import datetime, timezone
from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable
class Call(BaseOperator):
    def execute(self, context): ...
for number in range({count}):
    dag = DAG(f"by_hand_{{number}}", schedule=CronTriggerTimetable(f"{{number % 60}} 2 * * *", timezone="Europe/Berlin"),
              start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False, max_active_runs=16)
    Call(task_id="call", dag=dag)
    globals()[dag.dag_id] = dag
"""


def texts(folder: Path) -> dict[str, str]:
    from purista.contract.manifest import Manifest
    from purista.contract.schedule import Schedule, Target, TargetKind
    from purista.recurrence import Cron
    from purista.schedulers.airflow import AirflowScheduler
    from purista.schedulers.base import Owner

    owner, target = Owner("shop", "default", ""), Target(TargetKind.EVENT, "due", "shop", "1")
    schedules = tuple(
        Schedule(
            service="shop",
            version="1",
            name=f"s{number}",
            description="",
            expression=Cron(f"{number % 60} 2 * * *"),
            timezone="Europe/Berlin",
            target=target,
        )
        for number in range(COUNT)
    )
    (folder / "manifest.json").write_text(Manifest(schedules=schedules).to_json())
    found = {"by hand, Airflow's own cron": BY_HAND.format(count=COUNT)}
    for name, standalone in (("beside purista, entries in the file", False), ("standalone", True)):
        place = AirflowScheduler(folder, gateway="http://gateway:8080", secret="env:K", standalone=standalone).at(
            1_767_225_600
        )
        (text,) = place.dialect.render(owner, place.dialect.compile(owner, schedules)).values()
        found[name] = text
    factory = "from purista.schedulers.airflow import dags\nglobals().update(dags({!r}, gateway='http://g', secret='env:K'))\n"
    return found | {"static factory, from a manifest": factory.format(str(folder / "manifest.json"))}


def parsed(path: Path) -> float:
    """Seconds in a fresh child, which has Airflow and nothing of ours."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        begun = time.perf_counter()
        space = {"__name__": "unusual_prefix_dags", "__file__": str(path)}
        exec(compile(path.read_text(), str(path), "exec"), space)
        os.write(writer, f"{time.perf_counter() - begun}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        return float(said.read())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (child := os.fork()) == 0:  # what writes the files loads purista; what is measured must not have it
            for number, (title, text) in enumerate(texts(folder).items()):
                (folder / f"{number}.txt").write_text(title)
                (folder / f"{number}.py").write_text(text)
            os._exit(0)
        os.waitpid(child, 0)
        import airflow.models  # noqa: F401
        from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable, MultipleCronTriggerTimetable  # noqa: F401

        for file in sorted(folder.glob("*.py")):
            taken = statistics.median(parsed(file) for _ in range(ROUNDS))
            print(f"{file.with_suffix('.txt').read_text():40} {COUNT} DAGs in {taken * 1000:7.0f} ms")


if __name__ == "__main__":
    main()
