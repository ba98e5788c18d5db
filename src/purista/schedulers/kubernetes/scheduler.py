"""Kubernetes as an external scheduler: dialect and control for one namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from purista.errors import DeclarationError
from purista.schedulers.gateways import gateway_arguments
from purista.schedulers.kubernetes.control import Connect, KubernetesControl, in_reach
from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.schedulers.kubernetes.place import Place, secret_part

__all__ = ["KubernetesScheduler"]


class KubernetesScheduler:
    """CronJobs, given to an event bridge: ``AmqpBridge(url, ledger=…, scheduler=KubernetesScheduler(…))``.

    ``gateway`` is the address of ``purista serve`` as pods see it. ``image`` has the command ``purista`` (or what ``command``
    says); it needs neither the app nor its libraries. ``secret`` or ``token`` is the name and key of a Secret in the namespace
    (``purista-gateway/scheduler``): what signs calls, or a bearer token. ``namespace`` None: the client's own. ``connect``
    opens the client of another cluster than that of this pod or of ``KUBECONFIG``.
    """

    name = "kubernetes"

    def __init__(
        self,
        *,
        image: str,
        gateway: str,
        secret: str | None = None,
        token: str | None = None,
        namespace: str | None = None,
        command: Sequence[str] = ("purista",),
        service_account: str | None = None,
        resources: Mapping[str, Mapping[str, str]] | None = None,
        connect: Connect | None = None,
    ) -> None:
        named = [(what, text) for what, text in (("secret", secret), ("token", token)) if text is not None]
        if len(named) != 1:
            got = "both" if named else "none"
            raise DeclarationError(
                f"expected secret= or token=, got {got}: nobody may call without one; write secret='purista-gateway/scheduler'"
            )
        gateway_arguments(gateway, None, None)
        self._connect = connect or in_reach
        self.place = Place(
            image=image, gateway=gateway, secret=secret_part(*named[0]), now=0, bearer=token is not None, namespace=namespace,
            command=tuple(command), service_account=service_account, resources=resources or {},
        )  # fmt: skip

    @property
    def dialect(self) -> KubernetesDialect:
        """Contract → CronJobs."""
        return KubernetesDialect(self.place)

    @property
    def control(self) -> KubernetesControl:
        """What is live in the namespace."""
        return KubernetesControl(self._connect, namespace=self.place.namespace)

    def at(self, now: int) -> KubernetesScheduler:
        """The same scheduler, told from when (epoch seconds) its CronJobs must cover."""
        found = object.__new__(type(self))
        found._connect, found.place = self._connect, replace(self.place, now=now)
        return found

    def for_gateway(self, environment: str, now: int) -> KubernetesScheduler:  # noqa: ARG002 - the owner says it
        """For a bridge over a broker: calls go to the gateway."""
        return self.at(now)

    def for_ledger(self, path: str, environment: str, now: int) -> KubernetesScheduler:  # noqa: ARG002 - no pod opens it
        """For a bridge on a file: calls go to the gateway beside it all the same."""
        return self.at(now)
