"""Who sees to what a contract can say, on cron."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native("five fields; lines with equal fields share one"),
    Feature.EITHER_DAY: native("cron's own rule is the contract's"),
    Feature.INTERVAL: gateway("a grid of calls; those between are dropped"),
    Feature.ONE_SHOT: gateway("called at that minute every year; other years are dropped"),
    Feature.SECONDS: gateway("called at the full minute, up to 59 s late; less than a minute apart is refused (C103)"),
    Feature.TIMEZONE: gateway("native where it is the host's zone, else extra calls"),
    Feature.CLOCK_CHANGE: native("Debian's rules are the contract's; elsewhere extra calls"),
    Feature.BOUNDS: gateway("calls before and after are dropped"),
    Feature.JITTER: gateway("the call waits, for each key a part of the window that is always the same"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call of any schedule"),
    Feature.START_DEADLINE: gateway("decided when the call arrives"),
    Feature.CONCURRENCY: gateway("permits; cron starts every call"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the next call, sweep or permit"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: gateway("cron says no time: everything due is decided"),
    Feature.PAUSE: gateway("cron has none; a line taken out by hand is drift"),
    Feature.DOWNTIME: gateway("none from cron; an entry of its own recovers every hour"),
}
