"""The digest of a contract: equal if and only if two schedules behave the same.

What belongs here: which options are meaning. Description, titles inside schemas and what code stated are not; spelling
is not where it is trivially the same (``@daily`` is ``0 0 * * *``, ``sun`` is ``7`` is ``0``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from purista.contract.schedule import Schedule
from purista.recurrence import Cron, expression_to_dict

__all__ = ["DIGEST_VERSION", "digest", "meaning"]

DIGEST_VERSION = 1  # raised when the same contract must get another digest

_ANNOTATIONS = frozenset({"title", "description", "examples", "$comment", "deprecated", "$schema"})
_MAPS_OF_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"const", "enum", "default"})


def digest(schedule: Schedule) -> str:
    """SHA-256, 64 hex digits, over canonical JSON of what the contract means."""
    text = json.dumps(meaning(schedule), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def meaning(schedule: Schedule) -> dict[str, Any]:
    """Everything that changes behaviour, in one JSON object. Absent and default are the same."""
    s = schedule
    return {
        "digestVersion": DIGEST_VERSION,
        "key": [s.service, s.version, s.name],
        "target": [str(s.target.kind), s.target.service, s.target.version, s.target.name],
        "expression": _rule(schedule),
        "timezone": s.timezone,
        "policies": [str(s.concurrency_policy), str(s.missed_run_policy), s.max_catch_up_count],
        "durations": [s.start_deadline_ms, s.run_timeout_ms, s.jitter_window_ms],
        "bounds": [s.start_ms, s.end_ms],
        "payload": [s.idempotency_key, s.payload, s.parameter],
        "schemas": [_schema(s.payload_schema), _schema(s.parameter_schema)],
        "completedBy": s.completed_by,
        "renamedFrom": list(s.renamed_from),
        "environments": sorted(set(s.environments)),
        "group": s.scheduler_group,
        "enabled": s.enabled_by_default,
        "hints": s.provider_hints or None,
    }


def _rule(schedule: Schedule) -> Any:
    rule = schedule.expression
    if isinstance(rule, Cron):  # what it matches, not its text: names, macros and order are spelling
        values = [rule.minutes, rule.hours, list(rule.day.values), rule.months, rule.weekdays]
        return ["cron", *values, rule.either, rule.is_wildcard]
    return expression_to_dict(rule)


def _schema(schema: Any) -> Any:
    """A JSON Schema without its annotations."""
    if isinstance(schema, list | tuple):
        return [_schema(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _MAPS_OF_SCHEMAS and isinstance(value, Mapping):
            kept[key] = {name: _schema(item) for name, item in value.items()}
        elif key not in _ANNOTATIONS:
            kept[key] = value if key in _DATA else _schema(value)
    return kept
