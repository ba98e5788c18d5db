"""purista: schedules as trigger contracts. Declare when something is due beside the service that owns it; run it on the
scheduler you already have.

Names are loaded when first used, so that ``import purista`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from purista.app import App as App
    from purista.distributed import AmqpBridge as AmqpBridge
    from purista.distributed import NatsBridge as NatsBridge
    from purista.embedded import DefaultEventBridge as DefaultEventBridge
    from purista.errors import HandlerError as HandlerError
    from purista.errors import PuristaError as PuristaError
    from purista.recurrence import Cron as Cron
    from purista.recurrence import Interval as Interval
    from purista.recurrence import OneShot as OneShot
    from purista.recurrence import Recurrence as Recurrence
    from purista.schedulers.airflow import AirflowScheduler as AirflowScheduler
    from purista.schedulers.cron import CronScheduler as CronScheduler
    from purista.schedulers.gcp import GcpScheduler as GcpScheduler
    from purista.schedulers.kubernetes import KubernetesScheduler as KubernetesScheduler
    from purista.schedulers.systemd import SystemdScheduler as SystemdScheduler
    from purista.schedulers.temporal import TemporalScheduler as TemporalScheduler
    from purista.service.builder import ServiceBuilder as ServiceBuilder
    from purista.service.context import Context as Context

__version__ = "0.1.0"

_HOME = {
    "AirflowScheduler": "purista.schedulers.airflow",
    "AmqpBridge": "purista.distributed",
    "App": "purista.app",
    "Context": "purista.service.context",
    "Cron": "purista.recurrence",
    "CronScheduler": "purista.schedulers.cron",
    "DefaultEventBridge": "purista.embedded",
    "GcpScheduler": "purista.schedulers.gcp",
    "HandlerError": "purista.errors",
    "Interval": "purista.recurrence",
    "KubernetesScheduler": "purista.schedulers.kubernetes",
    "NatsBridge": "purista.distributed",
    "OneShot": "purista.recurrence",
    "PuristaError": "purista.errors",
    "Recurrence": "purista.recurrence",
    "ServiceBuilder": "purista.service.builder",
    "SystemdScheduler": "purista.schedulers.systemd",
    "TemporalScheduler": "purista.schedulers.temporal",
}

__all__ = [
    "AirflowScheduler", "AmqpBridge", "App", "Context", "Cron", "CronScheduler", "DefaultEventBridge", "GcpScheduler",
    "HandlerError", "Interval", "KubernetesScheduler", "NatsBridge", "OneShot", "PuristaError", "Recurrence",
    "ServiceBuilder", "SystemdScheduler", "TemporalScheduler", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'purista' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - paid by those who use a name

    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
