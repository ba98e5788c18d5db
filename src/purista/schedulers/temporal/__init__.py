"""Temporal schedules.

Here: from contracts to schedules of a Temporal server, when they start workflows, what is live there, and the worker whose
workflow calls the gateway. Not here: a service's own workflows, and schedules that are not ours.
"""

from purista.schedulers.temporal.dialect import TemporalDialect
from purista.schedulers.temporal.scheduler import TemporalScheduler

__all__ = ["TemporalDialect", "TemporalScheduler"]
