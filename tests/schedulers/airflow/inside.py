"""Run by Airflow's own Python: what Airflow makes of a file of DAGs. Never imported by the tests.

``inside.py dags FILE`` prints what is in a file, ``inside.py runs`` reads entries with spans from stdin and prints the
instants that Airflow's scheduler would make runs for. Timetables go through Airflow's serialization, as they do on their
way to the scheduler."""

from __future__ import annotations

import json
import logging
import runpy
import sys
from datetime import UTC, datetime

logging.disable(logging.WARNING)

from airflow.serialization.decoders import decode_timetable  # noqa: E402
from airflow.serialization.encoders import encode_timetable  # noqa: E402
from airflow.serialization.serialized_objects import DagSerialization  # noqa: E402
from airflow.timetables.base import DataInterval, TimeRestriction  # noqa: E402
from pendulum import from_timestamp  # noqa: E402


def dags(file: str) -> dict:
    found = {name: dag for name, dag in runpy.run_path(file).items() if type(dag).__name__ == "DAG"}
    return {name: said(dag) for name, dag in found.items()}


def said(dag: object) -> dict:
    DagSerialization.to_dict(dag)
    (task,) = dag.tasks
    return {
        "catchup": dag.catchup, "active": dag.max_active_runs, "paused": dag.is_paused_upon_creation,
        "start": None if dag.start_date is None else dag.start_date.isoformat(), "tags": sorted(dag.tags),
        "end": None if dag.end_date is None else dag.end_date.isoformat(), "description": dag.description,
        "task": task.task_id, "retries": task.retries, "templates": list(task.template_fields),
        "schedule": getattr(task, "schedule", None) or task.entry["schedule"],
    }  # fmt: skip


def runs(asked: list) -> list:
    """For each entry the ``run_after`` of its runs in the span, as a scheduler that is never late makes them."""
    from purista.schedulers.airflow import build, standalone

    found = []
    for entry, spans, own in asked:
        (dag,) = (standalone.build if own else build)([entry]).values()
        timetable = decode_timetable(encode_timetable(dag.timetable))
        low, high = entry.get("start", 0), entry.get("end", 1 << 40)
        clipped = [(max(start, low), min(end, high)) for start, end in spans]
        found.append(sorted({at for start, end in clipped if start < end for at in between(timetable, start, end)}))
    return found


def between(timetable: object, start: int, end: int) -> list[int]:
    restriction = TimeRestriction(earliest=from_timestamp(start), latest=from_timestamp(end), catchup=True)
    last, found = None, []
    while (info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)) is not None:
        at = int(info.run_after.timestamp())
        if at >= end:
            break
        found.append(at)
        last = DataInterval.exact(info.run_after)
    return found


def first(asked: list) -> list:
    """The first run of a DAG that Airflow sees for the first time, without catch-up; and the one after an outage."""
    from purista.schedulers.airflow import build, standalone

    found = []
    for entry, last, own in asked:
        (dag,) = (standalone.build if own else build)([entry]).values()
        timetable = decode_timetable(encode_timetable(dag.timetable))
        before = None if last is None else DataInterval.exact(from_timestamp(last))
        begin = None if dag.start_date is None else from_timestamp(dag.start_date.timestamp())
        info = timetable.next_dagrun_info(
            last_automated_data_interval=before, restriction=TimeRestriction(begin, None, dag.catchup)
        )
        found.append(None if info is None else int(info.run_after.timestamp()))
    return [int(datetime.now(UTC).timestamp()), *found]


def tasks(asked: list) -> list:
    """How the task of each entry ends, for a run with these facts."""
    return [ended(*one) for one in asked]


def messages(asked: list) -> list:
    """The same for tasks that call over a broker."""
    return [ended(entry, facts, None) for entry, facts, _ in asked]


def ended(entry: dict, facts: dict, own: bool | None) -> list:
    from types import SimpleNamespace

    from purista.schedulers.airflow import build, standalone

    if own is None:
        from purista.airflow import build
    (dag,) = (standalone.build if own else build)([entry]).values()
    facts = dict(facts)
    when = {name: from_timestamp(at) for name, at in facts.pop("at").items()}
    run = SimpleNamespace(**{"conf": {}, "logical_date": None, **facts, **when})
    try:
        return ["done", dag.tasks[0].execute({"dag_run": run, "ti": SimpleNamespace(try_number=3)})]
    except BaseException as end:
        told = getattr(end, "trigger", None)
        return [type(end).__name__, str(end) if told is None else list(told.serialize())]


def waits(asked: list) -> list:
    """What a deferred task is told in the end."""
    import asyncio

    from purista.schedulers.airflow.waiting import RunEnded

    async def heard(arguments: dict) -> dict:
        return next(iter([event.payload async for event in RunEnded(**arguments).run()]))

    return [asyncio.run(heard({**arguments, "every": 0.05})) for arguments in asked]


def factory(asked: dict) -> list:
    """The ids that the static factory makes of a manifest."""
    from purista.schedulers.airflow import dags as made

    return sorted(made(**asked))


ACTS = {"runs": runs, "first": first, "tasks": tasks, "messages": messages, "waits": waits, "factory": factory}

if __name__ == "__main__":
    act = sys.argv[1]
    answer = dags(sys.argv[2]) if act == "dags" else ACTS[act](json.load(sys.stdin))
    json.dump(answer, sys.stdout)
