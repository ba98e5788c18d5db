"""Who sees to what a contract can say, on Google Cloud Scheduler."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native("schedule, five fields of numbers"),
    Feature.EITHER_DAY: gateway("its rule is the contract's; where both days must match, the rarer is called"),
    Feature.INTERVAL: gateway("a grid of calls in UTC; those between are dropped"),
    Feature.ONE_SHOT: gateway("called at that minute every year; other years are dropped"),
    Feature.SECONDS: gateway("called at the full minute, up to 59 s late; less than a minute apart is refused (G103)"),
    Feature.TIMEZONE: native("timeZone"),
    Feature.CLOCK_CHANGE: gateway("what it does then is not documented: a job in UTC calls; extra calls are dropped"),
    Feature.BOUNDS: gateway("calls before and after are dropped"),
    Feature.JITTER: native("the job calls some minutes later, within the hour, for each key always as many"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call, by a sweep, or by the gateway's own hourly look"),
    Feature.START_DEADLINE: gateway("decided when the call arrives; attemptDeadline only bounds the call"),
    Feature.CONCURRENCY: gateway("permits; a job's own calls never overlap, which says nothing about work"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the gateway; the job only calls"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: gateway("not read: messages have none, and a forced run carries the next one's"),
    Feature.PAUSE: native("a paused job stays paused, and is shown as drift"),
    Feature.DOWNTIME: gateway("calls are not made up for: the next one, or a sweep, decides what was due"),
}
