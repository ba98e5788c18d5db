"""Airflow as an external scheduler: dialect and control for one folder of DAGs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from purista.errors import DeclarationError
from purista.schedulers.airflow.control import AirflowControl
from purista.schedulers.airflow.dialect import AirflowDialect
from purista.schedulers.airflow.place import Place, over_broker, placed

__all__ = ["AirflowScheduler"]


class AirflowScheduler:
    """Airflow 3, given to an event bridge: ``AmqpBridge(url, ledger=…, scheduler=AirflowScheduler("/opt/airflow/dags", …))``.

    ``dags`` is a folder that Airflow reads, or one that is brought there. ``gateway`` is the address of ``purista serve``
    as Airflow's workers see it. ``secret`` or ``token`` is a reference to what signs calls, or to a bearer token, as
    workers find it: ``env:NAME``, ``file:/path`` or ``connection:ID``, an Airflow Connection whose password it is. purista
    is installed beside Airflow, and its timetable is the contract's own rule; ``standalone=True`` writes files that need
    nothing but Airflow. ``wait=True`` lets tasks wait, deferred, for the run's end; it needs ``token`` with the scope
    ``history``.

    ``broker`` in place of ``gateway`` is a reference to an ``amqp://`` or ``nats://`` address over which ``group`` of gateways
    is asked, signed with ``secret`` where they have a ``PURISTA_PERMIT_SECRET``.
    """

    name = "airflow"

    def __init__(
        self,
        dags: str | Path,
        *,
        gateway: str | None = None,
        broker: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        standalone: bool = False,
        wait: bool = False,
        group: str = "default",
    ) -> None:
        self.directory = Path(dags)
        if (gateway is None) == (broker is None) or (broker is not None and (token is not None or standalone or wait)):
            raise DeclarationError(
                "expected gateway='https://…' with secret= or token=, or broker='env:PURISTA_BROKER' without token, standalone "
                "and wait"
            )
        self.place: Place = (
            over_broker(broker, secret, group)
            if broker is not None
            else placed(gateway or "", secret, token, standalone=standalone, wait=wait)
        )

    @property
    def dialect(self) -> AirflowDialect:
        """Contract → DAGs."""
        return AirflowDialect(self.place)

    @property
    def control(self) -> AirflowControl:
        """What is in the folder."""
        return AirflowControl(self.directory, standalone=self.place.standalone)

    def at(self, now: int) -> AirflowScheduler:
        """The same scheduler, told from when (epoch seconds) its DAGs call."""
        found = object.__new__(type(self))
        found.directory, found.place = self.directory, replace(self.place, now=now, since=now)
        return found

    def for_gateway(self, environment: str, now: int) -> AirflowScheduler:  # noqa: ARG002 - the owner says it
        """For a bridge over a broker: calls go to the gateway."""
        return self.at(now)

    def for_ledger(self, path: str, environment: str, now: int) -> AirflowScheduler:  # noqa: ARG002 - no worker opens it
        """For a bridge on a file: calls go to the gateway beside it all the same."""
        return self.at(now)
