"""``purista dev``: the app with the local runner as its scheduler. For development; production timing stays outside."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from purista.app import App
from purista.cli.exits import OK
from purista.cli.history import DECISION_STYLES, RUN_STYLES, took
from purista.cli.output import Cell, Output, Row, complain, iso
from purista.cli.signals import Stopping, logging_to_stderr, on_signals
from purista.cli.when import ago, local, utc, zone_of
from purista.cli.work import running
from purista.clock import Clock, SystemClock
from purista.contract.schedule import Schedule
from purista.embedded import DefaultEventBridge
from purista.gateway.documents import run_document
from purista.ledgers.base import Decision, OccurrenceClass, Query, Run, RunState

__all__ = ["OffsetClock", "Watcher", "dev"]

LOOK_AGAIN_SECONDS = 0.5
SHOWN = 200


class OffsetClock:
    """The machine's clock, put to another time: it starts at ``at`` (ms) and runs as real time from there."""

    def __init__(self, at: int, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._offset = at - self._clock.now()

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return self._clock.now() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await self._clock.sleep(seconds)


async def dev(
    app: App, out: Output, *, at: int | None, ledger: str | None, clock: Clock, stopping: Stopping | None = None
) -> int:
    """Run the app in this process, call what is due and print each decision as it happens, until a signal.

    ``at`` (ms) is where the virtual clock starts; ``ledger`` a file to keep, None for one that forgets.
    """
    if at is not None and ledger is not None and _exists(ledger):
        complain(f"--at with {ledger}: it will remember decisions of another time; use it for nothing else")
    clock, stopping = clock if at is None else OffsetClock(at, clock), stopping or Stopping()
    bridge = DefaultEventBridge(ledger, clock=clock, local_runner=True, registration="off")
    logging.getLogger("purista.local").setLevel(logging.ERROR)  # its warning is our first line
    with logging_to_stderr(as_json=out.as_json, level=logging.WARNING), on_signals(stopping):
        logging.getLogger("purista.handler").setLevel(logging.INFO)
        if not out.as_json:
            where = "forgotten at the end" if bridge.volatile else f"kept in {bridge.file.path}"
            out.line(f"for development only: this process keeps the time; decisions are {where}", "yellow")
            out.line(f"now {utc(clock.now())}; Ctrl-C ends it", "dim")
        await bridge.start()
        try:
            watcher = Watcher(bridge, [s for service in app.services for s in service.schedules], out)
            await watcher.begin()
            async with running(app, app.services, bridge):
                watcher.due_next()
                await watcher.watch(stopping)
            await watcher.look()
        finally:
            await bridge.stop()
    return OK


def _exists(path: str) -> bool:
    return Path(path).is_file()


class Watcher:
    """Prints what is due, what is decided and how it ends. What was decided before ``begin`` is not news."""

    def __init__(self, bridge: DefaultEventBridge, schedules: Sequence[Schedule], out: Output) -> None:
        self._bridge, self._schedules, self._out = bridge, schedules, out
        self._zones = {s.key: zone_of(s.timezone) for s in schedules}
        self._seen: dict[str, tuple[Decision, RunState | None]] = {}

    async def begin(self) -> None:
        """Remember what is old."""
        page = await self._bridge.ledger.history(Query(limit=SHOWN))
        self._seen = {run.row.occurrence_id: (run.row.decision, run.row.run) for run in page.rows}

    async def watch(self, stopping: Stopping) -> None:
        """Look whenever something was written, until it is time to stop."""
        stop = asyncio.ensure_future(stopping.wait())
        try:
            while not stopping.stopping:
                changed = asyncio.ensure_future(self._bridge.file.changed(LOOK_AGAIN_SECONDS))
                await asyncio.wait({stop, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                with suppress(asyncio.CancelledError):
                    await changed
                await self.look()
        finally:
            stop.cancel()

    async def look(self) -> None:
        """Print what is new since the last look."""
        fresh = False
        page = await self._bridge.ledger.history(Query(limit=SHOWN))
        for run in reversed(page.rows):
            before, state = self._seen.get(run.row.occurrence_id), (run.row.decision, run.row.run)
            if before == state:
                continue
            self._seen[run.row.occurrence_id] = state
            fresh = fresh or before is None
            self._show(run, decided=before is None or before[0] is not run.row.decision)
        if fresh:
            self.due_next(only_first=True)
        sys.stdout.flush()  # who pipes it wants to see it now

    def _show(self, run: Run, *, decided: bool) -> None:
        row, now, out = run.row, self._bridge.clock.now(), self._out
        zone = self._zones.get(row.key, ZoneInfo("UTC"))
        if out.as_json:
            out.record({"event": "decided" if decided else "run", "at": iso(now), **run_document(run, zone)})
            return
        kind = "" if row.occurrence_class is OccurrenceClass.SCHEDULED else f"{row.occurrence_class} "
        head = f"{utc(now)}  {row.key}  {kind}{local(row.scheduled_at, zone)}"
        if decided:
            out.line(f"{head}  {row.decision} ({row.reason})", DECISION_STYLES.get(row.decision, "yellow"))
        if row.run not in (None, RunState.OPEN):
            detail = f": {row.run_detail}" if row.run_detail else ""
            span = took(run, now)
            after = f" in {span}" if span else ""
            out.line(f"{head}  run {row.run}{after}{detail}", RUN_STYLES.get(row.run, "red"))

    def due_next(self, *, only_first: bool = False) -> None:
        """What is due when, soonest first."""
        now, out = self._bridge.clock.now(), self._out
        found = [(s.recurrence().next_timestamp(now // 1000), s) for s in self._schedules]
        due = sorted(((t * 1000, s) for t, s in found if t is not None), key=lambda pair: (pair[0], pair[1].key))
        if out.as_json:
            listed = [{"key": s.key, "scheduledAt": iso(t)} for t, s in due]
            out.record({"event": "dueNext", "at": iso(now), "schedules": listed})
        elif not due:
            out.line("nothing will be due any more")
        elif only_first:
            at, schedule = due[0]
            out.line(f"next: {schedule.key} at {local(at, self._zones[schedule.key])}, {ago(at, now)}", "dim")
        else:
            rows: list[Row] = [[s.key, local(t, self._zones[s.key]), Cell(ago(t, now), "cyan")] for t, s in due]
            out.table(["schedule", "due next", "when"], rows)
