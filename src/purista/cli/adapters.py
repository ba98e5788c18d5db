"""Every scheduler by its name: what it states, and a dialect of it that needs no host, no account and no rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from purista.cli.exits import USAGE, Stop
from purista.schedulers.base import Dialect
from purista.schedulers.support import Support

__all__ = ["ADAPTERS", "Adapter", "adapter"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """``statement`` is where ``support.py`` says who sees to what. ``dialect`` makes one that covers from an instant on (epoch
    seconds), on a host in a zone where that matters; what it compiles is for looking at, not for applying.
    """

    statement: str
    dialect: Callable[[int, str], Dialect]

    @property
    def support(self) -> Support:
        """What the adapter states."""
        module, _, name = self.statement.partition(":")
        found: Support = getattr(import_module(module), name)
        return found


def adapter(name: str) -> Adapter:
    """The adapter of that name.

    :raises Stop: there is none.
    """
    if name not in ADAPTERS:
        raise Stop(USAGE, f"expected one of {', '.join(ADAPTERS)}, got {name!r}")
    return ADAPTERS[name]


def _cron(now: int, zone: str) -> Dialect:
    from purista.schedulers.cron.dialect import CronDialect  # noqa: PLC0415 - who asks for one needs no other
    from purista.schedulers.cron.place import Place  # noqa: PLC0415

    return CronDialect(Place(zone, "root", ("purista",), "/var/lib/purista/purista.db", now, single_host=True))


def _systemd(now: int, zone: str) -> Dialect:  # noqa: ARG001 - its lines name their own zone
    from purista.schedulers.systemd.dialect import SystemdDialect  # noqa: PLC0415
    from purista.schedulers.systemd.place import Place  # noqa: PLC0415

    return SystemdDialect(Place(("purista",), "/var/lib/purista/purista.db", now, single_host=True))


def _kubernetes(now: int, zone: str) -> Dialect:  # noqa: ARG001 - CronJobs name their own zone
    from purista.schedulers.kubernetes.dialect import KubernetesDialect  # noqa: PLC0415
    from purista.schedulers.kubernetes.place import Place  # noqa: PLC0415

    return KubernetesDialect(Place("purista", "http://gateway", ("purista-gateway", "scheduler"), now))


def _airflow(now: int, zone: str) -> Dialect:  # noqa: ARG001 - timetables name their own zone
    from purista.schedulers.airflow.dialect import AirflowDialect  # noqa: PLC0415
    from purista.schedulers.airflow.place import Place  # noqa: PLC0415

    return AirflowDialect(Place("http://gateway", "env:PURISTA_GATEWAY_SECRET", now=now))


def _gcp(now: int, zone: str) -> Dialect:  # noqa: ARG001 - jobs name their own zone
    from purista.schedulers.gcp.dialect import GcpDialect  # noqa: PLC0415
    from purista.schedulers.gcp.place import Place, Topic  # noqa: PLC0415

    return GcpDialect(Place("my-project", "europe-west3", Topic("purista"), now))


def _temporal(now: int, zone: str) -> Dialect:  # noqa: ARG001 - its calendars are in UTC
    from purista.schedulers.temporal.dialect import TemporalDialect  # noqa: PLC0415
    from purista.schedulers.temporal.place import Place  # noqa: PLC0415

    return TemporalDialect(Place(now))


ADAPTERS: Mapping[str, Adapter] = {
    "cron": Adapter("purista.schedulers.cron.support:SUPPORT", _cron),
    "systemd": Adapter("purista.schedulers.systemd.support:SUPPORT", _systemd),
    "kubernetes": Adapter("purista.schedulers.kubernetes.support:SUPPORT", _kubernetes),
    "temporal": Adapter("purista.schedulers.temporal.support:SUPPORT", _temporal),
    "airflow": Adapter("purista.schedulers.airflow.support:SUPPORT", _airflow),
    "gcp": Adapter("purista.schedulers.gcp.support:SUPPORT", _gcp),
}
"""In the order in which they are shown."""
