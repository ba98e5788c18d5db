"""A schedule of Temporal as JSON of our own: what it is called, when it fires, and what it starts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from purista.contract.schedule import Schedule
from purista.schedulers.base import Owner
from purista.schedulers.temporal.calendar import Times
from purista.schedulers.temporal.place import Place, queue_of

__all__ = ["catch_up_s", "described", "digest_of", "prefix_of"]

HOUR, DAY = 3_600, 86_400
BUSY = 300
"""So many calls a day are too many to be made up for after a whole day: Temporal starts about 30 a second."""


def prefix_of(owner: Owner) -> str:
    """What the ids of an owner's schedules begin with. ASCII without quotes: it is put into a query."""
    return f"purista-{_hash(owner.environment, owner.service)}/"


def catch_up_s(times: Times) -> int:
    """So long a missed call is still made when Temporal comes back. The gateway makes up for what is older."""
    return DAY if times.a_day() <= BUSY else HOUR


def described(place: Place, owner: Owner, schedule: Schedule, times: Times) -> dict[str, Any]:
    """Everything of ours that a live schedule has. ``zone`` is for people."""
    jitter = schedule.jitter_window_ms or 0
    return {
        "id": prefix_of(owner) + schedule.key, "key": schedule.key, "service": owner.service,
        "environment": owner.environment, "ledger": owner.ledger_id, "zone": schedule.recurrence().timezone,
        "times": times.document(), "jitterMs": jitter, "catchUpS": catch_up_s(times),
        "taskQueue": place.task_queue or queue_of(owner.environment),
        **({"wait": True} if place.wait else {}),
    }  # fmt: skip


def digest_of(description: dict[str, Any]) -> str:
    """Of its meaning: the order of keys does not matter, nor which ledger it was first written for."""
    description = {name: value for name, value in description.items() if name != "ledger"}
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:32]


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
