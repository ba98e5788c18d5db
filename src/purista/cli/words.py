"""A contract's options in plain words. Pure."""

from __future__ import annotations

from purista.cli.when import duration, utc
from purista.contract.schedule import ConcurrencyPolicy, MissedRunPolicy, Schedule, TargetKind

__all__ = ["address_words", "policies"]

_OVERLAP = {
    ConcurrencyPolicy.ALLOW: "runs may overlap: each occurrence starts, whatever is still running",
    ConcurrencyPolicy.FORBID: "no overlap: while a run is open, occurrences that come due are skipped",
    ConcurrencyPolicy.REPLACE: "the newest wins: an open run is asked to give way, then the new one starts",
}


def policies(schedule: Schedule) -> list[tuple[str, str]]:
    """(topic, sentence) of everything that decides what becomes of an occurrence."""
    s = schedule
    found = [
        ("target", _target(s)),
        ("overlap", f"{_OVERLAP[s.concurrency_policy]} ({s.concurrency_policy})"),
        ("missed", _missed(s)),
        ("deadline", _deadline(s)),
    ]
    if s.run_timeout_ms is not None:
        found.append(("time limit", f"a run may take {duration(s.run_timeout_ms)}, then it ends as timed_out"))
    if s.jitter_window_ms is not None:
        found.append(("jitter", f"calls may be shifted by up to {duration(s.jitter_window_ms)}; scheduled_at is not"))
    if s.idempotency_key is not None:
        found.append(("idempotency", f"published once per {s.idempotency_key}"))
    if s.completed_by is not None:
        found.append(("end", f"a run ends when the event {s.completed_by} arrives"))
    if s.start_ms is not None:
        found.append(("from", f"not before {utc(s.start_ms)}"))
    if s.end_ms is not None:
        found.append(("until", f"before {utc(s.end_ms)}"))
    if s.environments:
        found.append(("environments", f"registered only in {', '.join(s.environments)}"))
    if not s.enabled_by_default:
        found.append(("paused", "starts paused; somebody has to resume it"))
    return found


def _target(s: Schedule) -> str:
    where = "" if (s.target.service, s.target.version) == (s.service, s.version) else f" of {s.target.service}"
    words = {
        TargetKind.EVENT: f"emits the event {s.target.name}",
        TargetKind.QUEUE: f"puts a job into the queue {s.target.name}",
        TargetKind.COMMAND: f"calls the command {s.target.name}",
    }
    return words[s.target.kind] + where


def _missed(s: Schedule) -> str:
    if s.missed_run_policy is MissedRunPolicy.RUN_ONCE:
        words = "what was missed is made up for once, by the latest; the others are marked coalesced"
    elif s.missed_run_policy is MissedRunPolicy.BACKFILL:
        cap = "all of it" if s.max_catch_up_count is None else f"at most {s.max_catch_up_count} at a time"
        words = f"what was missed is run one by one, oldest first, {cap}"
    else:
        words = "what was missed past its deadline is skipped"
    return f"{words} ({s.missed_run_policy})"


def _deadline(s: Schedule) -> str:
    if s.start_deadline_ms is not None:
        return f"worth starting until {duration(s.start_deadline_ms)} after it was due"
    if s.missed_run_policy is MissedRunPolicy.SKIP:
        return "worth starting until the next one is due, at most 1 h"
    return "none stated: what was missed is worth starting however late"


def address_words(address: str) -> str:
    """``queue:billing.run`` as people say it: ``billing.run``."""
    return address.partition(":")[2] or address
