"""Who sees to what a contract can say, on systemd timers."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native("OnCalendar= lines"),
    Feature.EITHER_DAY: native("two OnCalendar= lines, because one means both"),
    Feature.INTERVAL: gateway("native where it divides the day, else extra calls"),
    Feature.ONE_SHOT: native("OnCalendar= with the year"),
    Feature.SECONDS: native("AccuracySec=1s"),
    Feature.TIMEZONE: native("the zone in OnCalendar="),
    Feature.CLOCK_CHANGE: gateway("what systemd leaves out has lines in UTC; extra calls are dropped"),
    Feature.BOUNDS: gateway("calls before and after are dropped"),
    Feature.JITTER: native("RandomizedDelaySec=, fixed for each timer"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call of any schedule"),
    Feature.START_DEADLINE: gateway("decided when the call arrives"),
    Feature.CONCURRENCY: gateway("permits; a timer does not start a service that still runs, and a call is short"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the next call, sweep or permit"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: gateway("a timer says no time: everything due is decided"),
    Feature.PAUSE: gateway("a timer that somebody stopped is drift"),
    Feature.DOWNTIME: native("Persistent=true calls once after it; the gateway decides what was missed"),
}
