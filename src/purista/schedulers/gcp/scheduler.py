"""Google Cloud Scheduler as an external scheduler: dialect and control for one location of a project."""

from __future__ import annotations

from dataclasses import replace

from purista.errors import DeclarationError
from purista.schedulers.gcp.control import Connect, GcpControl, in_reach
from purista.schedulers.gcp.dialect import GcpDialect
from purista.schedulers.gcp.place import JOB_QUOTA, Door, Place, Retries, Topic

__all__ = ["GcpScheduler"]


class GcpScheduler:
    """Jobs of Cloud Scheduler, given to an event bridge: ``AmqpBridge(url, ledger=…, scheduler=GcpScheduler(…))``.

    With ``topic`` jobs publish to that Pub/Sub topic of ``project``; ``purista serve`` takes its messages by push, or
    ``purista gcp pull`` fetches them. With ``gateway`` and ``service_account`` they call ``purista serve`` over HTTP, with a
    token of that account for ``audience`` (the gateway's address, if not said). ``retries`` and ``deadline_s`` bound a job's
    own repetitions and how long it waits for an answer; ``job_quota`` is how many jobs the location takes, whoever made them.
    ``connect`` opens a client with other credentials than the application's default ones.
    """

    name = "gcp"

    def __init__(
        self,
        *,
        project: str,
        location: str,
        topic: str | None = None,
        gateway: str | None = None,
        service_account: str | None = None,
        audience: str | None = None,
        retries: Retries | None = None,
        deadline_s: int = 60,
        job_quota: int = JOB_QUOTA,
        connect: Connect | None = None,
    ) -> None:
        self._connect = connect or in_reach
        self.place = Place(
            project=project, location=location, target=_target(topic, gateway, service_account, audience), now=0,
            retries=retries or Retries(), deadline_s=deadline_s, quota=job_quota,
        )  # fmt: skip

    @property
    def dialect(self) -> GcpDialect:
        """Contract → jobs."""
        return GcpDialect(self.place)

    @property
    def control(self) -> GcpControl:
        """What is live in the location."""
        return GcpControl(self._connect, parent=self.place.parent, quota=self.place.quota)

    def at(self, now: int) -> GcpScheduler:
        """The same scheduler, told from when (epoch seconds) its jobs must cover."""
        found = object.__new__(type(self))
        found._connect, found.place = self._connect, replace(self.place, now=now)
        return found

    def for_gateway(self, environment: str, now: int) -> GcpScheduler:  # noqa: ARG002 - the owner says it
        """For a bridge over a broker: calls go to the gateway."""
        return self.at(now)

    def for_ledger(self, path: str, environment: str, now: int) -> GcpScheduler:  # noqa: ARG002 - no job opens it
        """For a bridge on a file: calls go to the gateway beside it all the same."""
        return self.at(now)


def _target(topic: str | None, gateway: str | None, account: str | None, audience: str | None) -> Topic | Door:
    if topic is not None:
        if gateway is not None or account is not None or audience is not None:
            raise DeclarationError("expected topic= or gateway= with service_account=, got both; leave out one")
        return Topic(topic)
    if gateway is None or account is None:
        raise DeclarationError(
            "expected topic= or gateway= with service_account=, got neither: nobody may call without a token; write "
            "topic='purista'"
        )
    return Door(gateway, account, gateway if audience is None else audience)
