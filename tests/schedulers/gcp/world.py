"""A location, an owner, and contracts."""

from __future__ import annotations

from typing import Any

from purista.schedulers.gcp.dialect import GcpDialect
from purista.schedulers.gcp.place import Door, Place, Topic
from tests.schedulers.test_cover import NOW, OWNER, TWO_YEARS, schedule

__all__ = ["ACCOUNT", "DOOR", "NOW", "OWNER", "TWO_YEARS", "dialect", "place", "schedule"]

ACCOUNT = "scheduler@my-shop.iam.gserviceaccount.com"
DOOR = Door("https://gateway.example.com", ACCOUNT, "https://gateway.example.com")


def place(**options: Any) -> Place:
    usual: dict[str, Any] = {"project": "my-shop", "location": "europe-west3", "target": Topic("purista"), "now": NOW}
    return Place(**{**usual, **options})


def dialect(**options: Any) -> GcpDialect:
    return GcpDialect(place(**options))
