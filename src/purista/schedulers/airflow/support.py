"""Who sees to what a contract can say, on Airflow 3."""

from __future__ import annotations

from purista.schedulers.support import Feature, Support, gateway, native, refused

__all__ = ["SUPPORT"]

SUPPORT: Support = {
    Feature.CRON: native(
        "a timetable of ours with the contract's own rule; without purista there, CronTriggerTimetable"
    ),
    Feature.EITHER_DAY: native("the contract's own rule; a standalone file writes the rarer day where both are meant"),
    Feature.INTERVAL: native("the contract's own rule; a standalone file calls on a grid of minutes in UTC"),
    Feature.ONE_SHOT: native("one instant"),
    Feature.SECONDS: native(
        "Airflow makes runs a second or two after the instant; a standalone file knows whole minutes"
    ),
    Feature.TIMEZONE: native("in the timetable"),
    Feature.CLOCK_CHANGE: native(
        "the contract's own rule; a standalone file lists instants where Airflow's cron differs"
    ),
    Feature.BOUNDS: native("in the timetable, or start_date and end_date"),
    Feature.JITTER: refused("said, not done (AF104): Airflow makes runs at the instant"),
    Feature.DISABLED: gateway("called all the same, decided paused"),
    Feature.MISSED_RUNS: gateway("decided at the next call, or by the gateway's own hourly look"),
    Feature.START_DEADLINE: gateway("decided when the call arrives"),
    Feature.CONCURRENCY: gateway("permits; max_active_runs only bounds calls, so that none is held up by work"),
    Feature.RUN_TIMEOUT: gateway("the run is ended by the gateway; a task that waits for it sees how"),
    Feature.IDEMPOTENCY_KEY: gateway("held by the ledger"),
    Feature.PAYLOAD: gateway("rendered once, when decided"),
    Feature.SCHEDULED_AT: native("run_after of a scheduled run; a grid's calls have none"),
    Feature.PAUSE: native("a paused DAG is left to people, and its pause survives a new file"),
    Feature.DOWNTIME: native("catchup is off: the latest missed run is made, the gateway decides the others"),
}
