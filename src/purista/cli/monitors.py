"""``purista monitors``: dead-man alarms written from the contracts, for a system that does not depend on us."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from purista.cli.exits import OK, USAGE, Stop
from purista.contract.schedule import Schedule
from purista.ledgers.base import Ledger, Lineage, Pause
from purista.recurrence import Cron, Interval

__all__ = ["monitors"]

KINDS = ("prometheus", "healthchecks")
LONGEST_S = 31_536_000
"""Healthchecks takes time-outs up to a year."""


async def monitors(ledger: Ledger, kind: str, grace: int) -> int:
    """Print the definitions. ``grace`` in seconds, on top of each scheduler's stated lateness."""
    if kind not in KINDS:
        raise Stop(USAGE, f"expected {' or '.join(KINDS)}, got {kind!r}")
    found = {
        lineage.key: lineage
        for _, lineages in await ledger.registered()
        for lineage in lineages
        if lineage.contracts[-1].schedule is not None
    }
    lineages, now = [found[key] for key in sorted(found)], ledger.clock.now()
    write = _prometheus if kind == "prometheus" else _healthchecks
    sys.stdout.write(write(lineages, ledger.environment, grace, now))
    return OK


def _prometheus(lineages: Sequence[Lineage], environment: str, grace: int, now: int) -> str:  # noqa: ARG001 - pauses are in the metric
    """A rule file for ``purista overdue --metrics``. JSON is YAML, so nothing in a name can break it."""
    selector = f'environment="{_label(environment)}"'
    rules: list[dict[str, Any]] = [
        {
            "alert": "PuristaOverdue",
            "expr": f"purista_overdue_seconds{{{selector}}} > {grace}",
            "labels": {"severity": "critical", "environment": environment},
            "annotations": {
                "summary": "{{ $labels.schedule }} is due and nobody decided it",
                "description": "since {{ $value }} s; purista why KEY@TIME says more",
            },
        },
        *(
            {
                "alert": "PuristaScheduleUnwatched",
                "expr": f'absent(purista_overdue_seconds{{schedule="{_label(lineage.key)}",{selector}}})',
                "for": "15m",
                "labels": {"severity": "critical", "environment": environment, "schedule": lineage.key},
                "annotations": {"summary": f"nobody measures {lineage.key}: is its host up?"},
            }
            for lineage in lineages
        ),
    ]
    document = {"groups": [{"name": f"purista {environment}", "rules": rules}]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _healthchecks(lineages: Sequence[Lineage], environment: str, grace: int, now: int) -> str:
    """Bodies for Healthchecks' ``POST /api/v3/checks/``, one a schedule; a paused one has no window to miss."""
    checks = []
    for lineage in lineages:
        contract = lineage.contracts[-1]
        schedule = contract.schedule
        if schedule is None or _lasts(lineage.pause, now):
            continue
        patience = grace + contract.lateness // 1000 + (schedule.run_timeout_ms or 0) // 1000
        window = _window(schedule)
        if window is None:
            continue
        checks.append({
            "name": f"{lineage.key} ({environment})", "slug": _slug(f"{environment}-{lineage.key}"),
            "tags": f"purista {_slug(environment)}", "desc": schedule.description, **window, "grace": max(60, patience),
            "unique": ["slug"],
        })  # fmt: skip
    return json.dumps({"checks": checks}, indent=2, ensure_ascii=False) + "\n"


def _window(schedule: Schedule) -> dict[str, Any] | None:
    """When the next sign of life is due; None for what happens once."""
    rule = schedule.expression
    if isinstance(rule, Cron):
        return {"schedule": rule.value, "tz": schedule.timezone}
    if isinstance(rule, Interval):
        return {"timeout": min(max(60, rule.every_seconds), LONGEST_S)}
    return None


def _lasts(pause: Pause | None, now: int) -> bool:
    return pause is not None and (pause.until is None or now < pause.until)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
