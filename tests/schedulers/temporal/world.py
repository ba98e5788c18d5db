"""A place in Temporal, an owner, and contracts."""

from __future__ import annotations

from typing import Any

from purista.schedulers.temporal.dialect import TemporalDialect
from purista.schedulers.temporal.place import Place
from tests.schedulers.test_cover import NOW, OWNER, TWO_YEARS, schedule

__all__ = ["NOW", "OWNER", "TWO_YEARS", "dialect", "schedule"]


def dialect(**options: Any) -> TemporalDialect:
    return TemporalDialect(Place(**{"now": NOW, "task_queue": "purista", **options}))
