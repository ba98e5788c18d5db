"""Google Cloud Scheduler.

Here: from contracts to jobs that publish to a Pub/Sub topic or call a gateway over HTTP, when those jobs will call, what a
message says, and what is live in a project's location. Not here: topics, subscriptions and accounts, which are yours.
"""

from purista.schedulers.gcp.dialect import GcpDialect
from purista.schedulers.gcp.scheduler import GcpScheduler

__all__ = ["GcpDialect", "GcpScheduler"]
