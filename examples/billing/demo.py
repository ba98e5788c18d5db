"""The billing example from its declaration to its account, in under a minute: `make demo`.

Real parts: gateway, ledger, event bridge, queue, workers and `purista trigger` in processes of their own, cron's files. Only
two things are staged: the clock, because nobody waits for next month, and cron's daemon, whose calls the demo makes itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import billing
from stage import HERE, Screen, Stage, StoryBroke

from purista import CronScheduler, DefaultEventBridge
from purista.clock import from_iso, to_datetime, to_iso
from purista.contract.schedule import Schedule
from purista.ledgers.base import Decision, Run, RunState
from purista.recurrence.zone import transitions
from purista.schedulers.base import Call, Compiled, Owner
from purista.schedulers.cron.place import host_zone

ZONE = ZoneInfo("Europe/Berlin")
MONTHLY, IMPORT, CLEANUP = (f"user/1/{name}" for name in ("monthlyBillingCycle", "paymentImport", "nightlyCleanup"))
DAY, YEAR = 86_400, 366 * 86_400
STYLES = {"published": "green", "finished": "green", "skipped_overlap": "yellow", "coalesced": "yellow", "late": "dim"}


class Demo:
    """Five acts, an account, and what to try next."""

    def __init__(self, screen: Screen, today: int) -> None:
        self.screen, self.today = screen, today
        self.change = transitions(ZONE.key, today, today + YEAR)[0].at
        self.schedules: dict[str, Schedule] = {s.key: s for s in billing.user_service.schedules}
        self.workers: dict[int, str] = {}
        self.killed: dict[str, int] = {}
        self.at: dict[str, int] = {}

    def play(self) -> bool:
        """All of it; whether the account is what it must be."""
        self.screen.title(
            "purista", "A schedule is a trigger contract: declared in code, run by the scheduler you have."
        )
        self.contract()
        self.findings()
        self.preview()
        with Stage(to_iso((self.change - 60 * 3600) * 1000)) as stage:
            asyncio.run(self.compiled(stage))
            self.life(stage)
            good = self.account(stage)
        self.goodbye()
        return good

    # 1 to 4: before anything runs

    def contract(self) -> None:
        """The declaration itself, read from the example."""
        self.screen.act(1, "The contract, beside the service that owns it (examples/billing/billing.py)")
        text = (HERE / "billing.py").read_text("utf-8")
        start = text.index("user_service.add_schedule_definition(")
        self.screen.code(text[start : text.index("user_service.schedule(", start)].rstrip(), "python")

    def findings(self) -> None:
        """The same service in a hurry, and what check says of both."""
        self.screen.act(2, "Checked before it runs: a first draft, and the example")
        self.screen.command("check", "--app", "draft:app")
        if self.screen.command("check", "--app", "billing:app", "--strict"):
            raise StoryBroke("the example does not pass its own check")

    def preview(self) -> None:
        """What the finding about 02:30 is about."""
        self.screen.act(3, "Previewed across the coming change of the clocks")
        self.screen.command(
            "next", "--cron", "30 2 * * *", "--timezone", ZONE.key, "--around-dst", "-n", "2", "--from", _date(self.today)
        )  # fmt: skip
        self.screen.say("what has a star follows elapsed time instead:")
        start = _minute(self.change - 20 * 60)
        self.screen.command("next", "paymentImport", "--app", "billing:app", "--from", start, "-n", "5")

    async def compiled(self, stage: Stage) -> None:
        """A starting service writes cron's file; other hosts would get other lines."""
        self.screen.act(4, "Compiled for cron: more calls where needed, never fewer")
        scheduler = CronScheduler(stage.cron_d, single_host=True, user="app", command=("purista",))
        bridge = DefaultEventBridge(stage.ledger, clock=stage.clock, scheduler=scheduler, registration="apply")
        service = await billing.user_service.get_instance(bridge)
        await service.start(consume=False)
        await service.stop()
        (file,) = stage.cron_d.iterdir()
        self.screen.say(
            f"the service started and wrote {file.name} (marks left out; this host's zone is {host_zone()}):"
        )
        here = _jobs(file.read_text("utf-8"), stage)
        self.screen.code(here, "text")
        for zone in ("UTC", ZONE.key):
            self.host(zone, stage, here)

    def host(self, zone: str, stage: Stage, here: str) -> None:
        """How often a host's cron calls in a year, against what is due."""
        dialect, compiled = _compile(zone, stage, list(self.schedules.values()))
        (text,) = dialect.render(Owner("user", "default", "x"), compiled).values()
        if _jobs(text, stage) != here:
            self.screen.say(f"on a host whose zone is {zone}:")
            self.screen.code(_jobs(text, stage), "text")
        start = stage.clock.now() // 1000
        rows = []
        for key, schedule in self.schedules.items():
            due = set(schedule.recurrence().timestamps(start, start + YEAR))
            calls = {t for e in compiled.entries if key in e.keys for t in dialect.predict(e, start, start + YEAR)}
            if not due <= calls:
                raise StoryBroke(f"cron in {zone} would not call for every occurrence of {key}")
            rows.append((key, f"{len(due)}", f"{len(calls)}", f"{len(calls - due)}"))
        self.screen.say(f"one year on a host in {zone}:")
        self.screen.table(("schedule", "due", "calls", "extra, dropped"), rows)

    # 5: the life

    def life(self, stage: Stage) -> None:
        """Scenes of a few months."""
        self.screen.act(5, "Its life, by a virtual clock: real gateway, ledger, bridge, and processes that die")
        first = self.worker(stage)
        asyncio.run(self.nights(stage))
        self.twice(stage)
        self.overlap(stage)
        second = self.crash(stage, first)
        self.away(stage, second)

    async def nights(self, stage: Stage) -> None:
        """Every call that cron on a UTC host makes in the nights up to the change."""
        dialect, compiled = _compile("UTC", stage, [self.schedules[CLEANUP]])
        start = stage.clock.now() // 1000
        calls = sorted({t for e in compiled.entries if e.keys for t in dialect.predict(e, start, start + 3 * DAY)})
        self.at["nights"], told = start * 1000, Counter[str]()
        async with DefaultEventBridge(stage.ledger, clock=stage.clock) as bridge:
            for instant in calls:
                stage.clock.set(instant * 1000 + 1_000)
                reply = await bridge.gateway.trigger(Call(CLEANUP, source="demo"))
                told[reply.answer] += 1
                for row in reply.rows:
                    await asyncio.to_thread(stage.until, "cleanup", stage.finished(CLEANUP, row.scheduled_at))
        counted = ", ".join(f"{count} {answer}" for answer, count in sorted(told.items()))
        self.tell(stage, f"three nights up to the change, as cron on a UTC host calls: {len(calls)} calls: {counted}")

    def twice(self, stage: Stage) -> None:
        """Two processes make the same call at the same time."""
        due = self.go_to(stage, MONTHLY, "first")
        for answer in stage.call(MONTHLY, times=2):
            self.tell(stage, f"$ purista trigger {MONTHLY}  (two processes at once)")
            self.tell(stage, f"  {answer}")
        stage.until("the first bills", stage.finished(MONTHLY, due), moving=True)
        self.tell(stage, f"{len(_ends(stage, 'invoice', due))} invoices written, the run has ended", "green")

    def overlap(self, stage: Stage) -> None:
        """A run that takes longer than the distance to the next occurrence."""
        long = stage.log.with_name(f"{stage.log.name}.long")
        long.touch()
        due = self.go_to(stage, IMPORT, "long")
        stage.call(IMPORT)
        stage.until("the import", lambda: stage.notes()[-1]["work"].startswith("import"))
        self.tell(stage, "an import begins; this one takes six minutes, its permit is renewed meanwhile")
        following = self.following(IMPORT, due)
        stage.until("the next import", lambda: stage.clock.now() >= following, moving=True)
        self.at["skipped"] = following
        stage.call(IMPORT)
        self.tell(stage, f"the next one is due: {stage.run(IMPORT, following).row.decision}", "yellow")
        stage.until("the end of the long import", stage.finished(IMPORT, due), moving=True)
        long.unlink()
        due = self.go_to(stage, IMPORT, "short")
        stage.call(IMPORT)
        stage.until("the short import", stage.finished(IMPORT, due))
        self.tell(stage, "the one after that runs again", "green")

    def crash(self, stage: Stage, worker: subprocess.Popen[str]) -> subprocess.Popen[str]:
        """SIGKILL in the middle of the work."""
        due = self.go_to(stage, MONTHLY, "crash")
        stage.call(MONTHLY)
        stage.until("two invoices", lambda: len(_ends(stage, "invoice", due)) == 2, moving=True)
        self.killed = {"code": stage.kill(worker), "at": stage.clock.now(), "permit": _permit(stage.run(MONTHLY, due))}
        self.tell(stage, f"worker A is killed with SIGKILL after two of {len(billing.CUSTOMERS)} invoices", "red")
        second = self.worker(stage)
        stage.until("a second beginning", lambda: _begins(stage.run(MONTHLY, due)) == 2, moving=True)
        waited = (stage.clock.now() - self.killed["at"]) // 1000
        self.tell(stage, f"A's permit has expired; worker B is granted the work, {waited} s later by this clock")
        stage.until("the bills of the second month", stage.finished(MONTHLY, due), moving=True)
        self.tell(stage, "begun twice, ended once, never at the same time", "green")
        return second

    def away(self, stage: Stage, worker: subprocess.Popen[str]) -> None:
        """The machine is off over two occurrences."""
        code = stage.stop(worker)
        self.tell(stage, f"the machine is shut down (worker B ends with code {code})")
        self.at["missed"] = self.following(MONTHLY, stage.clock.now())
        self.at["latest"] = self.following(MONTHLY, self.at["missed"])
        stage.clock.set(self.at["latest"] + 4 * DAY * 1000)
        self.worker(stage)
        for answer in stage.call(MONTHLY):
            self.tell(stage, f"back, four days late: {answer}")
        stage.until("the late bills", stage.finished(MONTHLY, self.at["latest"]), moving=True)
        self.tell(stage, "the latest is made up for, the one before is coalesced into it", "green")

    # 6: the account

    def account(self, stage: Stage) -> bool:
        """Everything that was decided, and whether it is what had to be."""
        self.screen.act(6, "The account: what the ledger says")
        runs = stage.runs()
        columns = ("occurrence", "schedule", "decision", "run", "worker", "begun", "reason")
        self.screen.table(columns, [self.row(run) for run in runs], STYLES, spare=("reason", "begun"))
        for row in (run.row for run in runs if run.row.count > 1):
            self.screen.say(f"  nobody called about {row.count} of {row.key}: accounted for all the same, in one row")
        claims = self.claims(stage, runs)
        for claim, holds in claims:
            self.screen.say(f"  {'ok   ' if holds else 'WRONG'}  {claim}", "green" if holds else "bold red")
        return all(holds for _, holds in claims)

    def row(self, run: Run) -> tuple[str, ...]:
        """One line of the account."""
        row = run.row
        workers = sorted({self.workers.get(_pid(part.worker), "") for part in run.parts if part.worker})
        begun = max((part.begins for part in run.parts), default=0)
        reason = row.reason if row.count == 1 else f"{row.reason} ({row.count} in a row)"
        name, state = row.key.rpartition("/")[2], "" if row.run is None else str(row.run)
        when = _local(row.scheduled_at)[:-3]
        return (when, name, str(row.decision), state, ", ".join(workers), str(begun or ""), reason)

    def claims(self, stage: Stage, runs: list[Run]) -> list[tuple[str, bool]]:
        """What must hold, read from the ledger and from the work's own notes."""
        monthly = [run for run in runs if run.row.key == MONTHLY]
        nights = [run for run in runs if run.row.key == CLEANUP]
        first, crash = stage.run(MONTHLY, self.at["first"]), stage.run(MONTHLY, self.at["crash"])
        missed, latest = stage.run(MONTHLY, self.at["missed"]), stage.run(MONTHLY, self.at["latest"])
        due = self.schedules[MONTHLY].recurrence().timestamps(self.at["nights"] // 1000, stage.clock.now() // 1000)
        skipped = stage.run(IMPORT, self.at["skipped"]).row
        again = min((n["at"] for n in stage.notes() if n["pid"] == self.pid("B") and n["what"] == "begin"), default=0)
        return [
            ("every month has exactly one decision", [r.row.scheduled_at // 1000 for r in monthly] == list(due)),
            ("the call made twice was worked once", _begins(first) == 1 and
             len(_ends(stage, "invoice", self.at["first"])) == len(billing.CUSTOMERS)),
            ("each night up to the change ran once", [_finished(r) for r in nights] == [True, True, True]),
            ("the overlapping import was skipped, and says why", skipped.decision is Decision.SKIPPED_OVERLAP
             and skipped.related == stage.run(IMPORT, self.at["long"]).row.occurrence_id),
            ("the killed work was begun twice and ended once", _begins(crash) == 2 and _finished(crash)),
            ("the second began only after the first's permit had expired", again > self.killed["permit"]),
            ("no work ran twice at the same time", not _overlaps(stage)),
            ("what was missed was caught up once", _finished(latest) and missed.row.decision is Decision.COALESCED
             and missed.row.related == latest.row.occurrence_id),
        ]  # fmt: skip

    def goodbye(self) -> None:
        """What to try next."""
        self.screen.act(7, "Try next")
        self.screen.say("  cd examples/billing; . ../../.venv/bin/activate")
        due = self.at["first"]
        dev = f"purista dev --app billing:app --ledger purista.db --at {to_iso(due - 5_000)}"
        for command, what in (
            ("purista explain --app billing:app", "every contract in plain words"),
            ("purista export cron --app billing:app", "what cron would be given on this machine"),
            (dev, "run it, with the time kept in the process; Ctrl-C ends it"),
            ("purista history", "then: what was decided"),
            (f"purista why monthlyBillingCycle@{_local(due).replace(' ', 'T')[:16]}", "and why it ran"),
        ):
            self.screen.say(f"  {command}", "bold")
            self.screen.say(f"      {what}", "dim")

    # helpers

    def worker(self, stage: Stage) -> subprocess.Popen[str]:
        """One more worker; they are called A, B, C."""
        process = stage.worker()
        name = "ABC"[len(self.workers)]
        self.workers[process.pid] = name
        self.tell(stage, f"worker {name} starts (pid {process.pid}): registers, then works what arrives")
        return process

    def pid(self, name: str) -> int:
        """A worker's process."""
        return next(pid for pid, called in self.workers.items() if called == name)

    def following(self, key: str, after: int) -> int:
        """The next occurrence (ms)."""
        instant = self.schedules[key].recurrence().next_timestamp(after // 1000)
        if instant is None:
            raise StoryBroke(f"{key} is never due again")
        return instant * 1000

    def go_to(self, stage: Stage, key: str, name: str) -> int:
        """Set the clock to two seconds after the next occurrence of a schedule."""
        due = self.at[name] = self.following(key, stage.clock.now())
        stage.clock.set(due + 2_000)
        self.tell(stage, f"{key.rpartition('/')[2]} is due", "bold")
        return due

    def tell(self, stage: Stage, text: str, style: str = "") -> None:
        """A line of the story with the time of its clock."""
        self.screen.step(_local(stage.clock.now()), text, style)


def _compile(zone: str, stage: Stage, schedules: list[Schedule]) -> tuple[Any, Compiled]:
    scheduler = CronScheduler(stage.cron_d, host_zone=zone, user="app", command=("purista",), single_host=True)
    dialect = scheduler.for_ledger(str(stage.ledger), "default", stage.clock.now() // 1000).dialect
    return dialect, dialect.compile(Owner("user", "default", "x"), schedules)


def _jobs(text: str, stage: Stage) -> str:
    """The lines that cron runs; the demo's folder has a long name."""
    lines = [line for line in text.splitlines() if line[:1] in "*0123456789"]
    return "\n".join(lines).replace(str(stage.folder), "/srv")


def _date(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _minute(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"


def _local(ms: int) -> str:
    return f"{to_datetime(ms).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def _pid(worker: str | None) -> int:
    return int((worker or ":0").rpartition(":")[2])


def _begins(run: Run) -> int:
    return max((part.begins for part in run.parts), default=0)


def _permit(run: Run) -> int:
    return max((part.permit_until or 0 for part in run.parts), default=0)


def _finished(run: Run) -> bool:
    return run.row.decision is Decision.PUBLISHED and run.row.run is RunState.FINISHED


def _ends(stage: Stage, work: str, due: int) -> list[dict[str, Any]]:
    """The notes of what ended for the cycle that was due then."""
    cycle = f"{to_datetime(due).astimezone(ZONE):%Y-%m}"
    return [n for n in stage.notes() if n["what"] == "end" and n["work"] == f"{work} {cycle}"]


def _overlaps(stage: Stage) -> list[str]:
    """Places in the work's own notes where two processes worked for one schedule. The dead work no more."""
    busy: dict[str, int] = {}
    found = []
    for note in stage.notes():
        kind = note["work"].partition(" ")[0]
        if note["what"] == "killed":
            busy = {work: pid for work, pid in busy.items() if pid != note["pid"]}
        elif note["what"] == "begin":
            if kind in busy:
                found.append(f"{note} while {busy[kind]}")
            busy[kind] = note["pid"]
        else:
            busy.pop(kind, None)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Play it. Exit code 1 if the story does not hold."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--plain", action="store_true", help="plain text, also in a terminal")
    parser.add_argument("--today", metavar="ISO", help="the day on which it begins [now]")
    options = parser.parse_args(arguments)
    today = int(time.time()) if options.today is None else from_iso(options.today) // 1000
    screen = Screen(plain=options.plain or not sys.stdout.isatty() or bool(os.environ.get("CI")))
    began = time.monotonic()
    try:
        good = Demo(screen, today).play()
    except StoryBroke as error:
        screen.say(f"the story broke: {error}", "bold red")
        return 1
    took = timedelta(seconds=round(time.monotonic() - began))
    screen.say(f"\n{'the story holds' if good else 'THE STORY DOES NOT HOLD'}; {took.seconds} s", "bold")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
