"""Temporal schedules keep the laws of dialects."""

from __future__ import annotations

from purista.schedulers.temporal.dialect import TemporalDialect
from purista.testing.suites import DialectSuite
from tests.schedulers.temporal.world import dialect


class TestDialect(DialectSuite):
    refuses = frozenset[str]()
    sweeps = False

    def make(self) -> TemporalDialect:
        return dialect()
