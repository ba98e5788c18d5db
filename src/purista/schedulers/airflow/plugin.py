"""What tells Airflow of our timetable (entry point ``airflow.plugins``). Only Airflow loads this module."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from purista.schedulers.airflow.timetable import ContractTimetable

__all__ = ["PuristaPlugin"]


class PuristaPlugin(AirflowPlugin):  # type: ignore[misc]
    """Found by Airflow wherever purista is installed beside it."""

    name = "purista"
    timetables = [ContractTimetable]  # noqa: RUF012 - Airflow's shape
