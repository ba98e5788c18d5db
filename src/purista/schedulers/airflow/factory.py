"""Entries → DAGs, and a manifest → DAGs: what a file in Airflow's folder calls.

Airflow runs such a file every half minute, so little is imported and nothing is asked over the network twice a minute.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import DAG

__all__ = ["TASK", "build", "build_with", "dags"]

CALLS_AT_ONCE = 16
"""Runs of one DAG side by side. A call is over in a second; one that hangs must not hold up the next."""
TASK: Mapping[str, Any] = {
    "retries": 8, "retry_delay": timedelta(seconds=30), "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}  # fmt: skip


def dags(
    source: str,
    *,
    gateway: str | None = None,
    secret: str | None = None,
    token: str | None = None,
    environment: str = "default",
    cache: str | None = None,
    wait: bool = False,
) -> dict[str, DAG]:
    """One DAG for each schedule of a manifest, by their ids: ``globals().update(dags("manifest.json", gateway=…, secret=…))``.

    ``source`` is a file that ``purista manifest -o`` wrote, or the address of a gateway, which is then asked with ``token``
    (scope ``manifest``) once a minute at most; ``cache`` is the file that keeps its last answer, for when it is away (default:
    in ``AIRFLOW_HOME``). ``secret`` or ``token`` is a reference to what proves who calls: with both, the token reads and the
    secret signs.
    """
    from purista.schedulers.airflow.dialect import AirflowDialect  # noqa: PLC0415 - files with entries need none of it
    from purista.schedulers.airflow.place import placed  # noqa: PLC0415
    from purista.schedulers.airflow.source import is_address, owners_of, read_manifest  # noqa: PLC0415

    manifest = read_manifest(source, token, cache)
    called = gateway or (source if is_address(source) else "")
    place = placed(called, secret, None if secret else token, wait=wait)
    dialect = AirflowDialect(place)
    compiled = [dialect.compile(owner, schedules) for owner, schedules in owners_of(manifest, environment)]
    return build([json.loads(entry.body) for one in compiled for entry in one.entries])


def build(entries: Sequence[Mapping[str, Any]]) -> dict[str, DAG]:
    """One DAG for each entry, by their ids."""
    return build_with(entries, _task)


def build_with(entries: Sequence[Mapping[str, Any]], task: Callable[[Mapping[str, Any], DAG], None]) -> dict[str, DAG]:
    """The same, with tasks of another kind."""
    return {entry["dag"]: _dag(entry, task) for entry in entries}


def _dag(entry: Mapping[str, Any], task: Callable[[Mapping[str, Any], DAG], None]) -> DAG:
    from airflow.sdk import DAG  # noqa: PLC0415 - Airflow is there where this is called

    from purista.schedulers.airflow.timetable import ContractTimetable  # noqa: PLC0415 - imports Airflow

    since = entry.get("since")
    made = DAG(
        entry["dag"], schedule=ContractTimetable(entry["timetable"]), description=entry["description"], tags=entry["tags"],
        start_date=None if since is None else datetime.fromtimestamp(since, UTC), catchup=False,
        max_active_runs=CALLS_AT_ONCE, is_paused_upon_creation=False,
    )  # fmt: skip
    task(entry, made)
    return made


def _task(entry: Mapping[str, Any], dag: DAG) -> None:
    from purista.schedulers.airflow.operator import PuristaCall  # noqa: PLC0415 - imports Airflow

    PuristaCall(
        task_id="call", dag=dag, schedule=entry["schedule"], gateway=entry["gateway"], secret=entry.get("secret"),
        token=entry.get("token"), exact=entry["exact"], wait=entry.get("wait", False), **TASK,
    )  # fmt: skip
