"""What a workflow of ours knows about why it was started, as a call. Pure: workflows are run again from their history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from purista.schedulers.base import Call, CallKind
from purista.schedulers.temporal.calendar import Times

__all__ = ["MARGIN_MS", "SOURCE", "call_of", "from_document", "to_document"]

SOURCE = "temporal"
MARGIN_MS = 6 * 3_600_000
"""A backlog: Temporal begins what it missed within its window, and starts about thirty workflows a second."""


def call_of(asked: Mapping[str, Any], nominal: int | None, started: int, run: str) -> Call:
    """``nominal`` is the scheduled time that Temporal gives, ``started`` when the workflow was (both ms), ``run`` its run's id.

    Temporal marks neither triggers by hand nor backfills. The first carry the current time, which is none of the schedule's own
    (or is an occurrence, and a duplicate then). The second are older than any call that Temporal makes up for itself.
    """
    key, request = str(asked["key"]), f"{SOURCE}-{run}"
    if nominal is None or not Times.read(asked["times"]).instants(nominal // 1000, nominal // 1000 + 1):
        return Call(key, CallKind.MANUAL, request=request, source=SOURCE)
    if started - nominal > asked["catchUpS"] * 1000 + asked["jitterMs"] + MARGIN_MS:
        return Call(key, CallKind.REPLAY, nominal, request, SOURCE)
    return Call(key, scheduled_at=nominal, source=SOURCE)


def to_document(call: Call) -> dict[str, Any]:
    """As the workflow's history keeps it, for people to read."""
    return {"key": call.key, "kind": str(call.kind), "scheduledAt": call.scheduled_at, "request": call.request}


def from_document(document: Mapping[str, Any]) -> Call:
    """What :func:`to_document` wrote."""
    kind = CallKind(document["kind"])
    return Call(document["key"], kind, document["scheduledAt"], document["request"], SOURCE)
