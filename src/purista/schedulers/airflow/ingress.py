"""A DAG's run → what the gateway is asked, and its answer → how the task ends. Pure.

A scheduled run says when it was due (``run_after``: the instant itself, whatever interval a timetable gives it). A
backfill's run fills that occurrence if nobody did. Every other run was wanted by somebody now: the run's id names the wish,
so that a task that is tried again, or cleared, asks for the same one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from purista.clock import from_iso, to_iso, to_ms
from purista.schedulers.base import CallKind
from purista.schedulers.ended import ended_in

__all__ = ["Ask", "End", "Facts", "ask_of", "ended", "instant_of", "judge"]

_REQUEST = re.compile(r"[\x21-\x7e]{1,100}")
_KINDS = {"scheduled": CallKind.SCHEDULED, "backfill": CallKind.REPLAY}
_OPERATIONS = {CallKind.SCHEDULED: "trigger", CallKind.MANUAL: "run", CallKind.REPLAY: "backfill"}
AGAIN = frozenset({0, 408, 425, 429, 500, 502, 503, 504})


class End(StrEnum):
    """How a task ends."""

    DONE = "done"
    AGAIN = "again"  # by Airflow's own retries
    NEVER = "never"  # trying again would not help


@dataclass(frozen=True, slots=True)
class Facts:
    """What Airflow says of a run. ``exact``: what was due then is what the run is for."""

    run_type: str
    run_id: str
    run_after: datetime
    try_number: int
    exact: bool = True
    force: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """An operation of the gateway and what is said with it."""

    kind: CallKind
    operation: str
    said: Mapping[str, Any]


def _kind(run_type: str) -> CallKind:
    """Which class of occurrence a run is for."""
    return _KINDS.get(run_type, CallKind.MANUAL)


def _request(run_id: str) -> str:
    """The run's id as a request names itself; its hash where a person gave it another script or half a book."""
    return run_id if _REQUEST.fullmatch(run_id) else f"airflow-{hashlib.sha256(run_id.encode()).hexdigest()[:32]}"


def ask_of(facts: Facts) -> Ask:
    """What a run asks for."""
    kind, at = _kind(facts.run_type), to_ms(facts.run_after)
    said: dict[str, Any]
    match kind:
        case CallKind.SCHEDULED:
            said = {"attempt": facts.try_number} | ({"scheduledAt": to_iso(at)} if facts.exact else {})
        case CallKind.REPLAY:
            said = {"from": to_iso(at), "to": to_iso(at + 1), "max": 1}
        case _:
            said = {"request": _request(facts.run_id)}
    if facts.force and kind is not CallKind.SCHEDULED:
        said["force"] = True
    return Ask(kind, _OPERATIONS[kind], said)


def judge(status: int, document: Mapping[str, Any]) -> End:
    """By an answer's status and words; 0: nobody answered."""
    if status in AGAIN or document.get("answer") == "retry":
        return End.AGAIN
    if not 200 <= status < 300:
        return End.NEVER
    if "published" in document and document.get("left") is True and not document.get("published"):
        return End.AGAIN  # a backfill that must wait
    return End.DONE if "answer" in document or "slots" in document else End.NEVER


def ended(document: Mapping[str, Any], ask: Ask) -> tuple[bool, str] | None:
    """Whether the run went well, and how it ended, by a page of history. None: it is open, or not in the page."""
    request = str(ask.said.get("request", ""))
    return ended_in(document.get("occurrences", ()), ask.kind, at=instant_of(ask), request=request)


def instant_of(ask: Ask) -> int | None:
    """Which occurrence is asked for (ms), where it is said."""
    said = ask.said.get("scheduledAt", ask.said.get("from"))
    return None if said is None else from_iso(str(said))
