"""Kubernetes as an external scheduler: files for review, ``kubectl`` and Kustomize."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from purista.errors import DeclarationError
from purista.schedulers.gateways import gateway_arguments
from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.schedulers.kubernetes.place import Place, secret_part

__all__ = ["KubernetesFiles"]


class KubernetesFiles:
    """CronJobs as files: ``purista export kubernetes``. ``gateway`` is the address of ``purista serve`` as pods see it.

    ``image`` has the command ``purista`` (or whatever ``command`` says); it needs neither the app nor its libraries. ``secret``
    or ``token`` is the name and key of a Secret in the namespace (``purista-gateway/scheduler``): what signs calls, or a bearer
    token.
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
    ) -> None:
        named = [(what, text) for what, text in (("secret", secret), ("token", token)) if text is not None]
        if len(named) != 1:
            got = "both" if named else "none"
            raise DeclarationError(
                f"expected secret= or token=, got {got}: nobody may call without one; write secret='purista-gateway/scheduler'"
            )
        gateway_arguments(gateway, None, None)
        self._place = Place(
            image=image, gateway=gateway, secret=secret_part(*named[0]), now=0, bearer=token is not None, namespace=namespace,
            command=tuple(command), service_account=service_account, resources=resources or {},
        )  # fmt: skip

    def dialect(self, now: int) -> KubernetesDialect:
        """Contract → CronJobs, good from ``now`` (epoch seconds) for the years to come."""
        return KubernetesDialect(replace(self._place, now=now))
