"""Who sees to what a contract can say, on Kubernetes CronJobs."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native("spec.schedule, five fields"),
    Feature.EITHER_DAY: gateway(
        "its library's rule is the contract's; where both days must match, the rarer is called"
    ),
    Feature.INTERVAL: gateway("a grid of calls in UTC; those between are dropped"),
    Feature.ONE_SHOT: gateway("called at that minute every year; other years are dropped"),
    Feature.SECONDS: gateway("called at the full minute, up to 59 s late; less than a minute apart is refused (K103)"),
    Feature.TIMEZONE: native("spec.timeZone"),
    Feature.CLOCK_CHANGE: gateway("what it leaves out has CronJobs in UTC; extra calls are dropped"),
    Feature.BOUNDS: gateway("calls before and after are dropped"),
    Feature.JITTER: gateway("the Job waits, for each key a part of the window that is always the same"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call, or by the gateway's own hourly look"),
    Feature.START_DEADLINE: gateway("decided when the call arrives; startingDeadlineSeconds only bounds a Job's start"),
    Feature.CONCURRENCY: gateway("permits; concurrencyPolicy is Allow, so that no call is dropped"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the gateway; the Job only calls"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: native("the Job's name says it; without one everything due is decided"),
    Feature.PAUSE: native("spec.suspend is left to people: shown as drift, never written"),
    Feature.DOWNTIME: native("the controller makes the latest missed Job; the gateway decides the others"),
}
