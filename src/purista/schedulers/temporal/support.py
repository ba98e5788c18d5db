"""Who sees to what a contract can say, on Temporal schedules."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native("calendars of numbers, never cron text"),
    Feature.EITHER_DAY: native("two calendars; one that has both would mean both must match"),
    Feature.INTERVAL: native("an interval with its offset, to the second"),
    Feature.ONE_SHOT: native("a calendar with its year"),
    Feature.SECONDS: native("to the second"),
    Feature.TIMEZONE: gateway("calendars in UTC for each offset the zone has; in months with a change one is dropped"),
    Feature.CLOCK_CHANGE: gateway(
        "all in UTC: Temporal's own zones miss and repeat hours; times a gap moves are added"
    ),
    Feature.BOUNDS: native("startTime and endTime"),
    Feature.JITTER: native("jitter; scheduled_at stays what it is"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call, or by the gateway's own hourly look"),
    Feature.START_DEADLINE: gateway(
        "decided when the call arrives; the catch-up window only bounds Temporal's own calls"
    ),
    Feature.CONCURRENCY: gateway("permits; the overlap policy is AllowAll, so that no call is dropped"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the gateway; the workflow only calls"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: native("TemporalScheduledStartTime, the time before jitter"),
    Feature.PAUSE: native("state.paused is left to people: shown as drift, never written"),
    Feature.DOWNTIME: native("every missed call of the last day (of the last hour, where there are many a day)"),
}
