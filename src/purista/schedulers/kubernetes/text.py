"""A CronJob as an object, and objects as YAML for people and Kustomize."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from purista.errors import MissingExtra
from purista.schedulers.base import Owner
from purista.schedulers.kubernetes.cover import Line
from purista.schedulers.kubernetes.ingress import arguments, environment
from purista.schedulers.kubernetes.place import SECRETS, Place

__all__ = ["MANAGED", "cronjob", "cronjob_name", "digest_of", "kustomization", "mark_of", "owner_label", "yaml_of"]

MANAGED = {"app.kubernetes.io/managed-by": "purista"}
NAME_LIMIT = 52
"""A Job's name is 11 characters longer, and at most 63."""
STARTING_DEADLINE_S = 3_600
"""So long a missed call is still made. More than a hundred missed ones would stop older controllers; the gateway makes up for
the rest."""
ATTEMPTS = 5
ACTIVE_S = 600
"""So long a Job may call, with all its attempts; one that does not know when it was due waits before each."""
GIVEN_UP = [64, 77, 78]
"""Exit codes of ``purista trigger`` that another attempt would not change."""
NOBODY = 65_534


def owner_label(owner: Owner) -> str:
    """Tells owners apart, whatever they are called: labels take few characters."""
    return _hash(owner.environment, owner.service, length=16)


def cronjob_name(owner: Owner, key: str, number: int) -> str:
    """At most 52 lower case characters, with a hash of what it stands for: neither order nor neighbours change it."""
    slug = re.sub(r"[^a-z0-9]+", "-", key.rpartition("/")[2].lower()).strip("-")
    tail = _hash(owner.environment, owner.service, key, str(number))
    return f"{slug[: NAME_LIMIT - len(tail) - 9].strip('-') or 'schedule'}-purista-{tail}"


def cronjob(place: Place, owner: Owner, name: str, key: str, line: Line, delay: int = 0) -> dict[str, Any]:
    """The whole object, with the digest of its meaning among its annotations. ``suspend`` is left to people. ``delay``: so many
    seconds its Jobs wait before they call.
    """
    command = arguments(place, key, exact=line.exact, delay=delay)
    labels = {**MANAGED, "purista.dev/owner": owner_label(owner)}
    spec = {
        "schedule": line.schedule, "timeZone": line.zone,
        "concurrencyPolicy": "Allow",  # a call is never dropped: the gateway decides about overlap
        "startingDeadlineSeconds": STARTING_DEADLINE_S, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": labels}, "spec": _job(place, labels, command, delay)},
    }  # fmt: skip
    where = {} if place.namespace is None else {"namespace": place.namespace}
    annotations = {
        "purista.dev/schedule": key, "purista.dev/service": owner.service, "purista.dev/environment": owner.environment,
        **({"purista.dev/ledger": owner.ledger_id} if owner.ledger_id else {}),
        "purista.dev/digest": digest_of(spec),
    }  # fmt: skip
    about = {"name": name, **where, "labels": labels, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": about, "spec": spec}


def _job(place: Place, labels: Mapping[str, str], command: Sequence[str], delay: int) -> dict[str, Any]:
    container = {
        "name": "trigger", "image": place.image, "command": list(command), "env": list(environment()),
        "resources": place.resources or {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "secret", "mountPath": SECRETS, "readOnly": True}],
    }  # fmt: skip
    account = {} if place.service_account is None else {"serviceAccountName": place.service_account}
    name, key = place.secret
    pod = {
        "restartPolicy": "Never", **account, "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": NOBODY, "fsGroup": NOBODY, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "secret", "secret": {
            "secretName": name, "defaultMode": 0o440, "items": [{"key": key, "path": key}],
        }}],
    }  # fmt: skip
    return {
        "backoffLimit": ATTEMPTS - 1, "activeDeadlineSeconds": ACTIVE_S + ATTEMPTS * delay, "ttlSecondsAfterFinished": 3_600,
        "podFailurePolicy": {"rules": [{
            "action": "FailJob",
            "onExitCodes": {"containerName": "trigger", "operator": "In", "values": GIVEN_UP},
        }]},
        "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
    }  # fmt: skip


def digest_of(spec: Mapping[str, Any]) -> str:
    """Of its meaning: the order of keys does not matter."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:32]


def mark_of(found: Mapping[str, Any]) -> str | None:
    """The digest that a live object carries; None where somebody removed it."""
    return (found.get("metadata", {}).get("annotations") or {}).get("purista.dev/digest")


def kustomization(files: Sequence[str]) -> dict[str, Any]:
    """What Kustomize reads, to be a base of somebody's own."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}


def yaml_of(objects: Sequence[Mapping[str, Any]]) -> str:
    """As YAML documents, keys in our order.

    :raises MissingExtra: PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise MissingExtra("Kubernetes files", "kubernetes") from None

    class Plain(yaml.SafeDumper):  # type: ignore[misc]
        """Without anchors: what is the same in two places is written twice, as people expect."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
            return True

    return str(
        yaml.dump_all(objects, Dumper=Plain, sort_keys=False, default_flow_style=False, width=128, explicit_start=True)
    )


def _hash(*parts: str, length: int = 8) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
