"""A cluster's place, an owner, and contracts."""

from __future__ import annotations

from typing import Any

from purista.schedulers.kubernetes.dialect import KubernetesDialect
from purista.schedulers.kubernetes.place import Place
from tests.schedulers.test_cover import NOW, OWNER, TWO_YEARS, schedule

__all__ = ["NOW", "OWNER", "TWO_YEARS", "dialect", "place", "schedule"]


def place(**options: Any) -> Place:
    usual: dict[str, Any] = {
        "image": "shop:1", "gateway": "http://gateway:8080", "secret": ("purista-gateway", "scheduler"), "now": NOW,
    }  # fmt: skip
    return Place(**{**usual, **options})


def dialect(**options: Any) -> KubernetesDialect:
    return KubernetesDialect(place(**options))
