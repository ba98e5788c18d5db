"""One schedule as an entry of PURISTA's manifest, and back.

What belongs here: which key holds which field. PURISTA's own keys are written as PURISTA writes them; ours are added
beside them and left out while they say nothing. The inverse is exact: ``from_entry(to_entry(s)) == s``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from purista.clock import to_iso
from purista.contract.digest import digest
from purista.contract.reader import Reader
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, Target, TargetKind
from purista.contract.strict_json import child
from purista.errors import DeclarationError, ManifestError
from purista.recurrence import Cron, Expression, expression_from_dict, expression_to_dict

__all__ = ["KEYS", "OUR_KEYS", "from_entry", "read_entry", "to_entry"]

PURISTA_KEYS = frozenset({
    "name", "description", "targetKind", "targetServiceName", "targetServiceVersion", "targetName", "payloadSchema",
    "parameterSchema", "expression", "timezone", "concurrencyPolicy", "missedRunPolicy", "maxCatchUpCount",
    "jitterWindowMs", "idempotencyKey", "schedulerGroup", "enabledByDefault", "providerHints",
})  # fmt: skip
OUR_KEYS = frozenset({
    "startDeadlineMs", "runTimeoutMs", "startAt", "endAt", "payload", "parameter", "completedBy", "renamedFrom",
    "environments", "digest",
})  # fmt: skip
KEYS = PURISTA_KEYS | OUR_KEYS
_EXPRESSIONS: dict[str, dict[str, type]] = {
    "cron": {"value": str},
    "interval": {"everyMs": int, "offsetMs": int},
    "oneShot": {"runAt": str},
}
DEFAULT_GROUP = "default"
_HEX = re.compile("[0-9a-f]{64}\\Z")


def to_entry(schedule: Schedule) -> dict[str, Any]:
    """The manifest entry. What is absent or default is left out, except what PURISTA always writes.

    :raises purista.errors.ManifestError: for a schedule whose key is not its target's; ``contract.rules`` refuses those.
    """
    s = schedule
    if (s.service, s.version) != (s.target.service, s.target.version):  # an entry has one place for both
        msg = (
            f"expected the target's service in the key {s.key!r}, got {s.target.service}/{s.target.version} as target's"
        )
        raise ManifestError(msg)
    entry: dict[str, Any] = {
        "name": s.name,
        "description": s.description,
        "targetKind": str(s.target.kind),
        "targetServiceName": s.target.service,
        "targetServiceVersion": s.target.version,
        "targetName": s.target.name,
        "expression": _expression(s),
        "concurrencyPolicy": str(s.concurrency_policy),
        "missedRunPolicy": str(s.missed_run_policy),
        "enabledByDefault": s.enabled_by_default,
        "digest": digest(s),
    }
    optional = {
        "timezone": None if isinstance(s.expression, Cron) or s.timezone == "UTC" else s.timezone,
        "schedulerGroup": None if s.scheduler_group == DEFAULT_GROUP else s.scheduler_group,
        "renamedFrom": list(s.renamed_from) or None,
        "environments": list(s.environments) or None,
        **_plain(s),
    }
    entry.update((key, value) for key, value in optional.items() if value is not None)
    return entry


def _expression(s: Schedule) -> dict[str, Any]:
    """PURISTA's dict. A cron's zone stands in it, where PURISTA writes it, and always, so that nobody has to assume one."""
    expression = dict(expression_to_dict(s.expression))
    return expression | {"timezone": s.timezone} if isinstance(s.expression, Cron) else expression


def _plain(s: Schedule) -> dict[str, Any]:
    """The fields that are written as they are, ``None`` meaning absent."""
    return {
        "payloadSchema": s.payload_schema,
        "parameterSchema": s.parameter_schema,
        "maxCatchUpCount": s.max_catch_up_count,
        "jitterWindowMs": s.jitter_window_ms,
        "idempotencyKey": s.idempotency_key,
        "providerHints": s.provider_hints,
        "startDeadlineMs": s.start_deadline_ms,
        "runTimeoutMs": s.run_timeout_ms,
        "startAt": None if s.start_ms is None else to_iso(s.start_ms),
        "endAt": None if s.end_ms is None else to_iso(s.end_ms),
        "payload": s.payload,
        "parameter": s.parameter,
        "completedBy": s.completed_by,
    }


def from_entry(entry: Mapping[str, Any], path: str = "$") -> Schedule:
    """The schedule an entry says. Its digest is checked for its shape only; it is computed anew where it is needed.

    :raises purista.errors.ManifestError: for a missing, unknown or mistyped key, with its JSON path under ``path``.
    """
    Reader(entry, path).refuse_unknown(KEYS)
    return read_entry(entry, path)[0]


def read_entry(entry: Any, path: str) -> tuple[Schedule, bool]:
    """The schedule, and whether a zone had to be assumed (a cron expression without one, as foreign exports may have).

    Unknown keys are the caller's business.

    :raises purista.errors.ManifestError: as :func:`from_entry`.
    """
    r = Reader(entry, path)
    expression, zone = _rule(r)
    service, version = r.name("targetServiceName", "service"), r.name("targetServiceVersion", "version")
    kind = r.choice("targetKind", TargetKind)
    if (seen := r.text("digest")) is not None and not _HEX.match(seen):
        r.fail("digest", "expected 64 lower-case hex digits; leave the key out, it is computed")
    schedule = Schedule(
        service=service,
        version=version,
        name=r.name("name", "schedule"),
        description=r.text("description") or "",
        expression=expression,
        timezone=zone or "UTC",
        target=Target(kind, r.name("targetName", kind), service, version),
        **_options(r),
    )
    return schedule, zone is None and isinstance(expression, Cron)


def _options(r: Reader) -> dict[str, Any]:
    return {
        "concurrency_policy": r.choice("concurrencyPolicy", ConcurrencyPolicy, ConcurrencyPolicy.ALLOW),
        "missed_run_policy": r.choice("missedRunPolicy", MissedRunPolicy, MissedRunPolicy.SKIP),
        "max_catch_up_count": r.integer("maxCatchUpCount", at_most=1_000_000),
        "start_deadline_ms": r.integer("startDeadlineMs"),
        "run_timeout_ms": r.integer("runTimeoutMs"),
        "jitter_window_ms": r.integer("jitterWindowMs"),
        "start_ms": r.instant("startAt"),
        "end_ms": r.instant("endAt"),
        "idempotency_key": r.text("idempotencyKey"),
        "payload": r.json("payload"),
        "payload_schema": _schema(r, "payloadSchema"),
        "parameter": r.json("parameter"),
        "parameter_schema": _schema(r, "parameterSchema"),
        "completed_by": r.optional_name("completedBy", "event"),
        "renamed_from": r.texts("renamedFrom"),
        "environments": r.texts("environments"),
        "scheduler_group": r.optional_name("schedulerGroup", "scheduler group") or DEFAULT_GROUP,
        "enabled_by_default": r.flag("enabledByDefault", default=True),
        "provider_hints": r.object("providerHints"),
    }


def _rule(r: Reader) -> tuple[Expression, str | None]:
    """The expression and the zone, wherever it was written."""
    written = dict(r.object("expression", needed=True) or {})
    path = child(r.path, "expression")
    inner, outer = Reader(written, path).text("timezone"), r.text("timezone")
    if inner is not None and outer is not None and inner != outer:
        r.fail("timezone", f"expected one zone, got {outer!a} here and {inner!a} in the expression; write one")
    written.pop("timezone", None)
    _expression_keys(Reader(written, path))
    zone = inner if inner is not None else outer
    if zone == "":
        r.fail("timezone", "expected a zone such as 'Europe/Berlin', got an empty text; leave it out or write one")
    try:
        return expression_from_dict(written), zone
    except (DeclarationError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise ManifestError(str(error), path=path) from error


def _expression_keys(r: Reader) -> None:
    """The keys and types of an expression, before the engine reads what they say."""
    if r.text("kind", needed=True) not in _EXPRESSIONS:
        r.fail("kind", f"expected one of {', '.join(_EXPRESSIONS)}, got {str(r.value['kind'])[:60]!a}")
    known = _EXPRESSIONS[r.value["kind"]]
    r.refuse_unknown({"kind", "timezone", *known})
    for key, kind in known.items():
        if kind is str:
            r.text(key, needed=True)
        elif key == "everyMs" and key not in r.value:
            r.fail(key, "expected milliseconds, got nothing; this key is required")
        else:
            r.integer(key, at_least=int(key == "everyMs"), at_most=2**53 - 1)  # the engine knows its limits


def _schema(r: Reader, key: str) -> Mapping[str, Any] | None:
    schema = r.object(key)
    if schema is None:
        return None
    inner = schema.get("def", schema.get("_def"))
    if (
        "_zod" in schema
        or "~standard" in schema
        or (isinstance(inner, Mapping) and {"shape", "type", "typeName"} & set(inner))
    ):
        r.fail(
            key,
            "expected JSON Schema, got zod's inner tree (PURISTA's exporter takes anything with a type for a schema); "
            "write z.toJSONSchema(schema) in the definition and export again",
        )
    return schema
