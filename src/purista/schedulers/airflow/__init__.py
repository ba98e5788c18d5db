"""Airflow 3.

Here: from contracts to DAGs with a timetable each, when their runs come, what a run tells the gateway, the file in a folder of
DAGs, and the parts that Airflow itself loads: the factory :func:`dags`, the timetable, the operator and the wait for a run's
end. Not here: anybody's own DAGs. Names are loaded when first used: Airflow reads its files every half minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from purista.schedulers.airflow.dialect import AirflowDialect as AirflowDialect
    from purista.schedulers.airflow.factory import build as build
    from purista.schedulers.airflow.factory import dags as dags
    from purista.schedulers.airflow.operator import PuristaCall as PuristaCall
    from purista.schedulers.airflow.scheduler import AirflowScheduler as AirflowScheduler

__all__ = ["AirflowDialect", "AirflowScheduler", "PuristaCall", "build", "dags"]

_HOME = {
    "AirflowDialect": "dialect", "AirflowScheduler": "scheduler", "PuristaCall": "operator", "build": "factory",
    "dags": "factory",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - paid by those who use a name

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
