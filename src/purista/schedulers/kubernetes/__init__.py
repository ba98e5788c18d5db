"""Kubernetes CronJobs.

Here: from contracts to CronJobs, when their Jobs come, what a Job's name says, and what is live in a namespace. Not here: a
service's own pods, and anything that is no CronJob of ours.
"""

from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.schedulers.kubernetes.scheduler import KubernetesScheduler

__all__ = ["KubernetesDialect", "KubernetesScheduler"]
