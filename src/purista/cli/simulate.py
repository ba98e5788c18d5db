"""``purista simulate``: the app where processes die and clocks jump. Says which law did not hold, and how to see it again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from purista.app import App
from purista.cli.exits import OK, PROBLEMS, USAGE, Stop
from purista.cli.output import Cell, Output, Row, iso
from purista.cli.when import local, parse_bound, utc, zone_of
from purista.clock import Clock, to_iso
from purista.simulation.faults import Chances
from purista.simulation.laws import LAWS, Broken
from purista.simulation.simulate import Outcome, Plan, least, simulate
from purista.simulation.timeline import Line

__all__ = ["Wish", "begin_of", "simulate_app", "span"]

UNITS = {"s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
MANY = 100_000
STYLES = {"process died": "red", "clock jumped": "magenta", "call lost": "red", "published": "green", "killed": "red"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for, as it was written: the texts go back into the command that shows a failure again."""

    seed: int
    seeds: int
    start: str
    length: str
    crash: float
    duplicate: float
    jumps: tuple[str, ...]
    workers: int
    real: bool
    only: str | None
    count: int
    app: str | None = None

    def plan(self, start: int) -> Plan:
        """The same as numbers."""
        chances = Chances(self.crash, self.duplicate, tuple(span(jump, "--clock-jump") for jump in self.jumps))
        length = span(self.length, "--for")
        if length <= 0:
            raise Stop(USAGE, f"--for: expected some time, got {self.length!r}; write 1d or 8h")
        return Plan(start, length, chances, self.workers, self.real)

    def numbers(self) -> list[int] | None:
        """Which faults only; None for all."""
        if self.only is None:
            return None
        try:
            return [int(word) for word in self.only.split(",") if word.strip()]
        except ValueError:
            raise Stop(USAGE, f"--faults: expected numbers such as 3,17, got {self.only!r}") from None

    def again(self, outcome: Outcome) -> str:
        """The command that shows this outcome again."""
        words = [f"--app {self.app}"] if self.app else []
        words += [f"--seed {outcome.seed}", f"--from {self.start}", f"--for {self.length}"]
        words += [f"--crash {self.crash:g}"] if self.crash else []
        words += [f"--duplicate {self.duplicate:g}"] if self.duplicate else []
        words += [f"--clock-jump={jump}" for jump in self.jumps]
        words += [f"--workers {self.workers}"] if self.workers != 2 else []
        words += ["--real-handlers"] if self.real else []
        return " ".join(["purista simulate", *words, f"--faults={','.join(str(f.number) for f in outcome.faults)}"])


def begin_of(start: str | None, clock: Clock) -> tuple[int, str]:
    """``--from`` in ms, and as it is written into the command that shows a failure again; without one, this hour."""
    asked = parse_bound(start, "--from")
    begin = clock.now() // UNITS["h"] * UNITS["h"] if asked is None else asked
    return begin, to_iso(begin)


def span(text: str, option: str) -> int:
    """A time such as ``90s``, ``-2h`` or ``1d12h``, in ms.

    :raises Stop: it is none.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = re.findall(r"(\d+(?:\.\d+)?)(min|[smhdw])", rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise Stop(USAGE, f"{option}: expected a time such as 90s, 8h or 1d12h, got {text!r}")
    return sign * round(sum(float(number) * UNITS[unit] for number, unit in parts))


def simulate_app(app: App, out: Output, wish: Wish, *, start: int) -> int:
    """Live one seed or many; the first that breaks a law is shrunk and shown. Exit code 1 then."""
    plan = wish.plan(start)
    if not any(service.schedules for service in app.services):
        out.line("no schedules: nothing to simulate")
        return OK
    sums = _Sums()
    with out.counted("seed", wish.seeds) as step:
        for seed in range(wish.seed, wish.seed + wish.seeds):
            step(str(seed))
            outcome = simulate(app, plan, seed, wish.numbers())
            sums.add(outcome)
            if outcome.broken:
                break
    if outcome.broken and wish.only is None:
        with out.progress(f"seed {outcome.seed} fails: looking for the least that it takes"):
            outcome = least(app, plan, outcome)
    done = outcome.seed - wish.seed + 1
    if out.as_json:
        out.document(_document(outcome, wish, done, sums))
    else:
        _show(app, out, outcome, wish, f"{done} seeds: " if wish.seeds > 1 else "", sums)
    return PROBLEMS if outcome.broken else OK


@dataclass(slots=True)
class _Sums:
    """Counts over all seeds that were lived."""

    decided: int = 0
    resting: int = 0
    worked: int = 0
    again: int = 0

    def add(self, outcome: Outcome) -> None:
        self.decided, self.resting = self.decided + outcome.decided, self.resting + outcome.resting
        self.worked, self.again = self.worked + outcome.worked, self.again + outcome.again

    def words(self, length: str) -> str:
        """Some are due after the length that was asked for: time goes on until nothing is open."""
        resting = f" ({self.resting} of them after the {length}, until all was done)" if self.resting else ""
        again = f" ({self.again} times again)" if self.again else ""
        return f"{self.decided} decided{resting}, {self.worked} worked{again}"


def _show(app: App, out: Output, outcome: Outcome, wish: Wish, seeds: str, sums: _Sums) -> None:
    zones = {s.key: zone_of(s.timezone) for service in app.services for s in service.schedules}
    if wish.seeds == 1 or outcome.broken:
        shown = _around(outcome, wish.count)
        rows: list[Row] = [
            [utc(line.wall), Cell(line.what, _style(line.what)), line.key,
             local(line.due, zones[line.key]) if line.due is not None and line.key in zones else "", line.detail]
            for line in shown
        ]  # fmt: skip
        out.table(["host's clock", "what", "schedule", "occurrence", "detail"], rows)
        if len(shown) < len(outcome.lines):
            out.line(f"… {len(shown)} of {len(outcome.lines)} lines; -n {len(outcome.lines)} shows all", "dim")
    if not outcome.broken:
        faults = "" if wish.seeds > 1 else f" under {len(outcome.faults)} faults"
        out.line(f"{seeds}{sums.words(wish.length)}{faults}; every law held: {', '.join(LAWS)}", "green")
        return
    for broken in outcome.broken[:20]:
        out.line(_sentence(broken), "bold red")
    for fault in outcome.faults:
        out.line(f"fault {fault.number}, {fault.at / 1000:g} s after the start: {fault}")
    out.line(f"again: {wish.again(outcome)}")


def _around(outcome: Outcome, count: int) -> Sequence[Line]:
    """The first lines, or those before a law was broken."""
    if len(outcome.lines) <= count:
        return outcome.lines
    at = min((broken.at for broken in outcome.broken if broken.at is not None), default=None)
    if at is None:
        return outcome.lines[:count]
    last = next((n for n, line in enumerate(outcome.lines) if line.at > at), len(outcome.lines))
    first = max(0, min(last + count // 4, len(outcome.lines)) - count)
    return outcome.lines[first : first + count]


def _style(what: str) -> str:
    return STYLES.get(what, "")


def _sentence(broken: Broken) -> str:
    where = f" {broken.key}" if broken.key else ""
    when = f" at {utc(broken.at)}" if broken.at is not None else ""
    return f"broken: {broken.law}:{where}{when} {broken.detail}"


def _document(outcome: Outcome, wish: Wish, seeds: int, sums: _Sums) -> dict[str, object]:
    return {
        "seed": outcome.seed, "seeds": seeds, "decided": sums.decided, "worked": sums.worked,
        "decidedWhileResting": sums.resting, "workedAgain": sums.again,
        "faults": [{"number": f.number, "afterMs": f.at, "what": str(f)} for f in outcome.faults],
        "broken": [{"law": b.law, "key": b.key, "at": iso(b.at), "detail": b.detail} for b in outcome.broken],
        "again": wish.again(outcome),
        "timeline": [
            {"at": iso(x.at), "hostClock": iso(x.wall), "what": x.what, "key": x.key, "scheduledAt": iso(x.due),
             "detail": x.detail}
            for x in outcome.lines
        ],
    }  # fmt: skip
