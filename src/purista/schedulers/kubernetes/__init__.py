"""Kubernetes CronJobs.

Here: from contracts to CronJobs, when their Jobs come, and what a Job's name says. Not here: what is live in a cluster;
``kubectl apply -k`` (or whatever a team deploys with) changes that.
"""

from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.schedulers.kubernetes.scheduler import KubernetesFiles

__all__ = ["KubernetesDialect", "KubernetesFiles"]
