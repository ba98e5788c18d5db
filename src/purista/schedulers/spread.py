"""A schedule's own moment within its jitter window, the same on every scheduler that has none of its own.

Whoever calls waits so long first (``purista trigger --delay``). It depends on the key alone, so it survives deploys and moves,
and two hundred schedules of midnight come one after the other. ``scheduled_at`` does not move.
"""

from __future__ import annotations

import hashlib

from purista.contract.schedule import MissedRunPolicy, Schedule

__all__ = ["delay_s", "too_late"]

HOUR_MS = 3_600_000


def delay_s(schedule: Schedule) -> int:
    """Whole seconds from when it is due to when it is called: less than the jitter window, 0 without one."""
    window = (schedule.jitter_window_ms or 0) // 1000
    if not window:
        return 0
    return int.from_bytes(hashlib.sha256(schedule.key.encode("utf-8", "surrogatepass")).digest()[:8], "big") % window


def too_late(schedule: Schedule) -> str | None:
    """What is wrong with a jitter window that does not end before the start deadline: who calls after that calls in vain."""
    jitter, deadline = schedule.jitter_window_ms, schedule.start_deadline_ms
    if deadline is None and schedule.missed_run_policy is MissedRunPolicy.SKIP:
        deadline = HOUR_MS
    if not jitter or deadline is None or jitter < deadline:
        return None
    message = f"jitter_window {jitter / 1000:g} s: calls come after the start deadline ({deadline / 1000:g} s)"
    return f"{message}; write a longer start_deadline or a shorter jitter_window"
